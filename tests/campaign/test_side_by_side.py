"""Hosts are measured side by side; what happens to one takes nothing from the others."""

from __future__ import annotations

import contextlib
import functools
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from pageswap.campaign import events, run_and_resume
from pageswap.campaign.outcome import NoHostError
from pageswap.errors import (
    HostError,
    HostKeyError,
)
from tests.campaign.fakes import (
    UNREACHABLE,
    FakeTarget,
    no_report,
    part,
    resume,
    run,
    work_through,
)
from tests.store.fakes import make_plan

if TYPE_CHECKING:
    from pathlib import Path


def test_an_interrupt_ends_a_connecting_that_would_take_long(tmp_path: Path) -> None:
    """The target is told to let go, and the campaign ends without waiting for its host."""
    hung_up, may_end = threading.Event(), threading.Event()

    class Slow(FakeTarget):
        def ensure_bundle(self, bundle: Any) -> None:
            super().ensure_bundle(bundle)
            may_end.wait(0.1)  # until the main thread waits
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
            assert hung_up.wait(60)
            may_end.wait(60)
            raise UNREACHABLE

        def close(self) -> None:
            hung_up.set()

    # The one thread that is allowed hangs in the first host.
    outcome = run(tmp_path, Slow(name="a"), FakeTarget(work_through, name="b"), at_once=1)
    may_end.set()

    assert outcome.exit_code == 130
    assert part(outcome, "b").missing == 9
    assert str(outcome.host_errors["a"]) == "a: connecting was given up; 'inv resume' tries again"


def test_a_signal_while_the_former_handlers_come_back_is_no_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second Ctrl-C brings them back, and a third may be quicker."""
    set_handler, former = signal.signal, signal.getsignal(signal.SIGINT)
    sent: list[int] = []

    def slowly(number: int, handler: Any) -> Any:
        if handler is former and not sent:
            sent.append(number)
            signal.raise_signal(signal.SIGTERM)
        return set_handler(number, handler)

    monkeypatch.setattr(signal, "signal", slowly)
    may_end = threading.Event()

    class Slow(FakeTarget):
        def ensure_bundle(self, bundle: Any) -> None:
            super().ensure_bundle(bundle)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            assert may_end.wait(60)
            raise UNREACHABLE

    told: list[events.Event] = []

    def on_event(event: events.Event) -> None:
        told.append(event)
        if event == events.Stopping("drain"):
            signal.raise_signal(signal.SIGINT)
        elif event == events.Stopping("kill"):
            may_end.set()

    targets = [Slow(name="a")]
    outcome = run_and_resume.run(
        make_plan(),  # type: ignore[arg-type]
        results_dir=tmp_path,
        targets=targets,
        on_event=on_event,
        render=no_report,
    )

    assert (outcome.exit_code, sent) == (130, [signal.SIGINT])


def test_a_host_that_cannot_be_let_go_of_does_not_keep_a_run_from_ending(tmp_path: Path) -> None:
    """Whatever goes wrong in a host's thread, the run hears of it."""

    class Clinging(FakeTarget):
        def close(self) -> None:
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        run(tmp_path, Clinging(work_through, name="a"), FakeTarget(work_through, name="b"))


def test_no_more_hosts_than_asked_for_are_measured_at_once(tmp_path: Path) -> None:
    """And all in the end."""
    guard, now, most = threading.Lock(), 0, 0

    class Counting(FakeTarget):
        def ensure_bundle(self, bundle: Any) -> None:
            nonlocal now, most
            super().ensure_bundle(bundle)
            with guard:
                now += 1
                most = max(most, now)

        def close(self) -> None:
            nonlocal now
            with guard:
                now -= 1

    targets = [Counting(work_through, name=f"h{number}") for number in range(12)]
    outcome = run(tmp_path, *targets, at_once=3)

    assert outcome.statuses == {"ok": 108}
    assert 1 <= most <= 3
    assert now == 0


def test_sixty_four_hosts_complete_side_by_side(tmp_path: Path) -> None:
    """Each with a link that breaks somewhere else; one host that cannot be used changes nothing for the others."""
    targets = [FakeTarget(work_through, name=f"h{number}") for number in range(64)]
    for number, target in enumerate(targets):
        target.cuts = [number * 37]
    targets[7].scripts = [lambda _job: {"error": "no core for this CPU"}]
    outcome = run(tmp_path, *targets)

    assert outcome.exit_code == 3
    assert outcome.statuses == {"ok": 63 * 9}
    assert [host.problem for host in outcome.hosts if host.problem] == ["no core for this CPU"]
    assert [host.host for host in outcome.hosts] == [target.name for target in targets]


def test_all_hosts_that_fail_are_named_when_none_could_be_used(tmp_path: Path) -> None:
    """In one error, and no run is left."""
    targets = [FakeTarget(lambda _job: {"error": "no core"}, name=name) for name in ("a", "b")]
    with pytest.raises(
        NoHostError, match=r"none of the 2 hosts could be used\n  [ab]: no core\n  [ab]: no core"
    ) as raised:
        run(tmp_path, *targets)
    outcome = raised.value.outcome

    assert list(tmp_path.iterdir()) == []
    assert (raised.value.exit_code, outcome.exit_code, outcome.statuses, outcome.missing) == (3, 3, {}, 18)
    assert [(host.host, host.rows, host.problem) for host in outcome.hosts] == [
        ("a", 0, "no core"),
        ("b", 0, "no core"),
    ]


def test_a_resume_that_reaches_nobody_tells_what_there_was_before(tmp_path: Path) -> None:
    """Its report stays as it is."""
    target = FakeTarget(lambda job: work_through(job, status="lost", reason=""), name="a")
    run_dir = run(tmp_path, target).run_dir
    target.faults["bundle"] = [HostKeyError("a: its key changed")]
    with pytest.raises(NoHostError, match=r"^a: its key changed$") as raised:
        resume(run_dir, target)

    assert raised.value.outcome.statuses == {"lost": 9}
    assert raised.value.outcome.hosts[0].rows == 9
    assert run_dir.exists()


def test_every_error_of_a_host_begins_with_its_name(tmp_path: Path) -> None:
    """Also one that was made where nobody knows whom it is about."""
    good, bad = FakeTarget(work_through, name="a"), FakeTarget(work_through, name="b")
    bad.faults["bundle"] = [HostError("/proc/x: cannot be made: no; set PAGESWAP_HOME")]
    told: list[events.Event] = []
    outcome = run(tmp_path, good, bad, told=told)

    assert str(outcome.host_errors["b"]) == "b: /proc/x: cannot be made: no; set PAGESWAP_HOME"
    assert [str(event.error)[:3] for event in told if isinstance(event, events.HostEnded) and event.error] == ["b: "]
    assert part(outcome, "b").problem == "/proc/x: cannot be made: no; set PAGESWAP_HOME"


def test_a_resume_may_be_of_some_hosts_only(tmp_path: Path) -> None:
    """What the others owe stays owed, and is counted."""
    targets = [FakeTarget(lambda job: work_through(job, status="lost", reason=""), name=name) for name in ("a", "b")]
    outcome = run(tmp_path, *targets)
    one = FakeTarget(work_through, name="b")
    again = resume(outcome.run_dir, one)

    assert again.missing == 9
    assert [host.missing for host in again.hosts] == [9, 0]


@pytest.mark.parametrize("is_known", [True, False])
def test_two_names_of_one_machine_are_one_host(tmp_path: Path, *, is_known: bool) -> None:
    """It is measured by the name that came first, the other one says so before any trial, and a third is another's."""

    class Reached(FakeTarget):
        def ensure_bundle(self, bundle: Any) -> None:
            super().ensure_bundle(bundle)
            self.machine = "other" if self.name == "c" else "one"

    targets = [Reached(work_through, name=name) for name in ("a", "b", "c")]
    if is_known:
        for target in reversed(targets):
            target.ensure_bundle(None)
    outcome = run(tmp_path, *targets, at_once=1)

    assert str(outcome.host_errors["b"]) == "b: is the machine that is measured as a already; name it once"
    assert outcome.exit_code == 3
    assert [part(outcome, name).missing for name in ("a", "b", "c")] == [0, 9, 0]
    assert targets[1].jobs == []


@pytest.mark.parametrize("has_measured", [True, False])
def test_a_resume_knows_a_machine_by_the_name_it_was_measured_by(tmp_path: Path, *, has_measured: bool) -> None:
    """Also where that name does not go on; one that gave nothing holds no machine."""

    class One(FakeTarget):
        machine = "one"

    first = One(*[functools.partial(work_through, most=None if has_measured else 0, ended=None)] * 3, name="a")
    outcome = run(tmp_path, first, One(name="b"), FakeTarget(work_through, name="c"))
    again = One(work_through, name="b")
    with contextlib.suppress(NoHostError):
        outcome = resume(outcome.run_dir, again)

    assert len(again.jobs) == (0 if has_measured else 1)
    assert part(outcome, "b").problem == ("is the machine that is measured as a already; name it once" * has_measured)
