"""Several hosts are asked at once; one that does not answer takes nothing from the others."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from pageswap.campaign import reconnect
from pageswap.campaign.ask_hosts import ask, ask_each, clock_finding, closing_each, facts, names_too_many, readiness
from pageswap.errors import HostError, HostUnreachableError
from tests.campaign.fakes import BUNDLE, FakeStream, FakeTarget

if TYPE_CHECKING:
    from pageswap.fleet.transport.transport import Stream

S = 10**9


ENVIRONMENT = {"python": "3.9.2", "kernel": "6.1", "core": {"core_hash": "abc", "build": "host"}}


FACTS: dict[str, Any] = {"environment": ENVIRONMENT, "methods": [], "doctor": [], "lease": None, "time": 0}
FINDING = {"check": "load", "status": "ok", "found": "0.1", "cure": ""}
METHOD = {"name": "m", "family": "copy", "workloads": ["swap"], "available": True, "reason": "", "summary": "does it"}


class FactTarget(FakeTarget):
    """A host that knows its facts, and whether it was let go of."""

    answer: dict[str, Any] = FACTS
    is_closed = False
    asked: dict[str, Any] | None = None

    def open(self, verb: str, document: dict[str, Any]) -> Stream:
        """Answer the one verb, and keep what was asked."""
        assert verb in {"facts", "clean"}
        self.asked = document
        return self._answer(self.answer)

    def close(self) -> None:
        """Note it."""
        self.is_closed = True


def test_each_host_answers_or_has_its_error() -> None:
    """In the order they were named, and every connection is let go of."""
    targets = [FactTarget(name=name) for name in ("c", "a", "b")]
    targets[1].faults["bundle"] = [HostUnreachableError("a: no route")] * 99
    found = ask_each(targets, BUNDLE, lambda target: target.name.upper(), at_once=2)

    assert list(found) == ["c", "a", "b"]
    assert (found["c"], found["b"]) == ("C", "B")
    assert isinstance(found["a"], HostUnreachableError)
    assert all(target.is_closed for target in targets)


def test_a_question_that_fails_is_that_hosts_error() -> None:
    """As when its core does not load."""

    def ask(target: Any) -> str:
        if target.name == "a":
            raise HostError("a: no core")
        return "fine"

    found = ask_each([FactTarget(name="a"), FactTarget(name="b")], BUNDLE, ask)

    assert isinstance(found["a"], HostError)
    assert found["b"] == "fine"


def test_an_interrupt_waits_for_no_host() -> None:
    """One that connects may take long to say that nobody is there, and those that wait are not begun.

    The signal ends no wait of the main thread's, as one that comes just before the wait does not.
    """
    may_end = threading.Event()

    class Slow(FactTarget):
        def ensure_bundle(self, bundle: Any) -> None:
            super().ensure_bundle(bundle)
            may_end.wait(0.1)  # until the main thread waits
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
            may_end.wait(60)

    slow, later = Slow(name="a"), FactTarget(name="b")
    with pytest.raises(KeyboardInterrupt):
        ask_each([slow, later], BUNDLE, facts, at_once=1)
    is_waited_for = slow.is_closed
    may_end.set()

    assert not is_waited_for
    assert later.bundles == 0


def test_what_is_no_hosts_error_is_raised() -> None:
    """A bug is not told as if a host could be mended."""

    def ask(_target: Any) -> str:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        ask_each([FactTarget(name="a"), FactTarget(name="b")], BUNDLE, ask)


def test_facts_have_a_finding_about_the_clock() -> None:
    """The host of this test is in 1970."""
    (finding,) = facts(FactTarget(name="a"))["doctor"]

    assert (finding["check"], finding["status"]) == ("clock", "warn")
    assert finding["cure"]


def test_facts_are_of_the_cpu_that_the_inventory_pins() -> None:
    """Its governor matters, not another one's; a host without one is asked for no particular CPU."""
    pinned, free = FactTarget(name="a"), FactTarget(name="b")
    for target in (pinned, free):
        facts(target, questions={"a": {"cpu": 3}})

    assert (pinned.asked, free.asked) == ({"cpu": 3}, {})


@pytest.mark.parametrize(
    "refusal",
    [["b0.c9", "unavailable", "no"], ["x"], ["b0.c0", "unavailable", "no", "more"], ["b0.c0", "ok", ""], []],
)
def test_a_refusal_that_is_none_is_that_hosts_error(refusal: list[str]) -> None:
    """Of a trial it was not asked for, or in words that no agent uses."""
    target = FactTarget(name="a")
    questions = {"a": {"job": {"trials": [{"trial_id": "b0.c0"}]}}}
    target.answer = {**FACTS, "refusals": [["b0.c0", "skipped", "needs more memory"]]}

    assert facts(target, questions=questions)["refusals"] == target.answer["refusals"]
    for refusals in ([refusal], target.answer["refusals"] * 2, None):
        target.answer = {**FACTS, "refusals": refusals}
        with pytest.raises(HostError, match="a: facts: what it answers is not an agent's answer"):
            facts(target, questions=questions)


def test_readiness_names_core_build_python_and_kernel() -> None:
    """As its rows will."""
    ready = readiness(FactTarget(name="a"))

    assert ready == {"core_hash": "abc", "build": "host", "python": "3.9.2", "kernel": "6.1", "ledger": {}}


@pytest.mark.parametrize(
    "change",
    [
        {"environment": "6.1"},
        {"methods": {"memcpy": True}},
        {"methods": [{**METHOD, "available": "yes"}]},
        {"methods": [{**METHOD, "workloads": "swap"}]},
        {"doctor": [{**FINDING, "found": ["x"]}]},
        {"doctor": ["fine"]},
        {"lease": "held"},
        {"time": True},
        {"environment": {"kernel": ["6.1"]}},
        {"methods": [{name: value for name, value in METHOD.items() if name != "family"}]},
        {"methods": [METHOD] * 501},
        {"doctor": [{**FINDING, "status": "superb"}]},
        {"doctor": [{**FINDING, "found": "x" * 5001}]},
    ],
)
def test_what_is_no_answer_is_that_hosts_error(change: dict[str, Any]) -> None:
    """A host that says what no agent says takes nothing from the others."""
    odd, good = FactTarget(name="a"), FactTarget(name="b")
    odd.answer = {**FACTS, **change}
    good.answer = {**FACTS, "doctor": [FINDING], "methods": [METHOD]}
    found = ask_each([odd, good], BUNDLE, facts)

    assert isinstance(found["a"], HostError)
    assert "a: facts: what it answers is not an agent's answer: " in str(found["a"])
    assert isinstance(found["b"], dict)


def test_what_was_removed_is_counted_or_refused() -> None:
    """It is printed with its separators, which only numbers have."""
    target = FactTarget(name="a")
    target.answer = {"removed": 2, "bytes": 10, "kept": [{"path": "/x", "why": "running"}]}

    assert ask(target, "clean", {"runs": "all"}) == target.answer
    assert target.asked == {"runs": "all"}
    target.answer = {"removed": "2", "bytes": 10, "kept": []}
    with pytest.raises(HostError, match="a: clean: what it answers"):
        ask(target, "clean", {"runs": "all"})


@pytest.mark.parametrize(
    ("host_ns", "status", "words"),
    [
        (105 * S, "ok", "agrees"),
        (100 * S, "ok", "agrees"),
        (111 * S, "ok", "agrees"),
        (99 * S, "ok", "agrees"),
        (120 * S, "warn", "at least 10s ahead of the controller's"),
        (40 * S, "warn", "at least 1min 0s behind the controller's"),
    ],
)
def test_clocks_that_differ_are_told(host_ns: int, status: str, words: str) -> None:
    """Asked from 100 s to 110 s: any time in between, and a second around, is right as far as can be told."""
    finding = clock_finding(100 * S, 110 * S, host_ns)

    assert finding["status"] == status
    assert words in finding["found"]
    assert bool(finding["cure"]) == (status == "warn")


def test_the_streams_of_these_tests_end() -> None:
    """A fake that never ended would hang instead of failing."""
    assert FakeStream([]).read() == b""


def test_an_answer_that_is_an_error_begins_with_the_hosts_name() -> None:
    """Also one that was made where nobody knows whom it is about."""
    target = FactTarget(name="a")
    target.faults["bundle"] = [HostError("cffi could not be downloaded")]

    assert str(ask_each([target], BUNDLE, facts)["a"]) == "a: cffi could not be downloaded"


def test_a_host_that_keeps_the_others_waiting_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its name, as it is one of several."""
    monkeypatch.setattr(reconnect, "SLOW_S", 0.01)
    is_told = threading.Event()
    told: list[str] = []

    class Slow(FactTarget):
        def ensure_bundle(self, bundle: Any) -> None:
            assert is_told.wait(60)
            super().ensure_bundle(bundle)

    def tell(text: str) -> None:
        told.append(text)
        is_told.set()

    ask_each([Slow(name="a")], BUNDLE, facts, tell=tell)

    assert [text[:18] for text in told] == ["a: not ready after"]


def test_a_host_that_is_not_ready_in_time_is_not_waited_for() -> None:
    """Nobody else uses it until what was begun there has ended, and then it is asked no more."""
    may_end = threading.Event()
    told: list[str] = []

    class Slow(FactTarget):
        inside, most_inside = 0, 0

        def ensure_bundle(self, bundle: Any) -> None:
            self.inside += 1
            self.most_inside = max(self.inside, self.most_inside)
            assert may_end.wait(60)
            super().ensure_bundle(bundle)
            self.inside -= 1

    slow, never = Slow(name="a"), FactTarget(name="b")
    found = ask_each([slow, never], BUNDLE, facts, at_once=1, keep=True, wait_s=0.3, tell=told.append)
    link = reconnect.Link(slow, reconnect.PhaseClock(), patience_s=0.0, tell=told.append, halt=threading.Event())
    measuring = threading.Thread(target=link.reach, args=(BUNDLE,))
    measuring.start()
    may_end.set()
    measuring.join(60)

    assert [str(answer) for answer in found.values()] == [f"{name}: gave no answer in time" for name in "ab"]
    assert told == ["not asked before the run, as not ready in time: a and b"]
    assert (slow.most_inside, slow.asked, never.bundles) == (1, None, 0)


def test_every_host_is_let_go_of_in_the_end() -> None:
    """Also when something else fails, or Ctrl-C is typed."""
    targets = [FactTarget(name=name) for name in "ab"]
    with pytest.raises(KeyboardInterrupt), closing_each(targets):
        raise KeyboardInterrupt

    assert [target.is_closed for target in targets] == [True, True]


def test_a_second_name_of_one_machine_is_told() -> None:
    """By the first one's; hosts whose machine is not known are as many as there are names."""
    targets = [FactTarget(name=name) for name in "abcde"]
    for target, machine in zip(targets, ("one", "", "two", "one", ""), strict=True):
        target.machine = machine
    found = names_too_many(targets)

    assert list(map(str, found.values())) == ["d: is the machine that is measured as a already; name it once"]
    assert list(found) == ["d"]
