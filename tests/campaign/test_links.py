"""A link that breaks costs time and nothing else; one that stays broken costs its host's part until a resume."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pageswap import campaign
from pageswap.campaign import events, reconnect
from pageswap.campaign.phase_clock import PhaseClock
from pageswap.errors import (
    HostAuthError,
    HostError,
    HostKeyError,
    HostLinkLostError,
    HostUnreachableError,
    PageswapError,
)
from pageswap.fleet.inventory import InventoryHost
from pageswap.fleet.target import make_target
from pageswap.fleet.transport.link_errors import HopelessError
from pageswap.fleet.transport.transport import Reach
from pageswap.store import Store
from tests.campaign.fakes import BUNDLE, FakeStream, FakeTarget, Segment, no_report, resume, run, work_through
from tests.store.fakes import attempts as stored_attempts
from tests.store.fakes import make_plan

if TYPE_CHECKING:
    from pathlib import Path

    from pageswap.agent.journal.job import Job
    from pageswap.campaign import Outcome
    from pageswap.fleet import Stream, Target

LOST = HostLinkLostError("a: the link broke")
UNREACHABLE = HostUnreachableError("a: no route to host")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnect, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(reconnect, "JITTER_S", 0.0)


def attempts(run_dir: Path) -> list[int]:
    """Give the attempt number of every outcome."""
    return [number for _, number, _ in stored_attempts(run_dir / "run.sqlite")]


def part(outcome: Outcome, host: str) -> campaign.HostOutcome:
    """Give one host's part."""
    return next(each for each in outcome.hosts if each.host == host)


def test_a_journal_is_continued_from_its_last_stored_line(tmp_path: Path) -> None:
    """A link that breaks in the middle of a line, and again: one agent, every row once."""
    target = FakeTarget(work_through, name="a")
    target.cuts = [1000, 0, 700]
    outcome = run(tmp_path, target)

    assert outcome.exit_code == 0
    assert attempts(outcome.run_dir) == [1] * 9
    assert len(target.jobs) == 1
    starts = target.followed_from
    assert len(starts) == 4
    assert starts == sorted(starts)
    journal = next(iter(target.segments.values())).journal
    assert all(start == 0 or journal[start - 1 : start] == b"\n" for start in starts)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 3000), max_size=12))
def test_wherever_links_break_every_row_is_stored_once(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    """As often as they do, within the patience."""
    target = FakeTarget(work_through, name="a")
    target.cuts = cuts
    outcome = run(tmp_path_factory.mktemp("run"), target)

    assert outcome.statuses == {"ok": 9}
    assert attempts(outcome.run_dir) == [1] * 9
    assert len(target.jobs) == 1


def test_a_start_whose_answer_was_lost_is_not_started_twice(tmp_path: Path) -> None:
    """The agent that runs is found by its journal."""
    target = FakeTarget(work_through, name="a")
    target.faults["started"] = [LOST]
    outcome = run(tmp_path, target)

    assert outcome.statuses == {"ok": 9}
    assert attempts(outcome.run_dir) == [1] * 9
    assert len(target.jobs) == 1


def test_a_start_that_was_lost_is_made_again(tmp_path: Path) -> None:
    """In a segment of its own; an agent of the first one that is only late is ended."""
    target = FakeTarget(work_through, name="a")
    target.faults["start"] = [LOST]
    outcome = run(tmp_path, target)

    assert outcome.statuses == {"ok": 9}
    assert [job.segment for job in target.jobs] == [2]
    assert [(work_dir.rpartition("/")[2], how) for work_dir, how in target.stops] == [("1", "kill")]


def test_an_agent_that_stopped_while_nobody_followed_is_succeeded(tmp_path: Path) -> None:
    """Its lease ran out: what it measured is collected, and the next one measures the rest."""
    target = FakeTarget(lambda job: work_through(job, ended="lease_expired", most=4), work_through, name="a")
    target.cuts = [1200]
    outcome = run(tmp_path, target)

    assert outcome.statuses == {"ok": 9}
    assert [len(job.trials) for job in target.jobs] == [9, 5]


def test_a_host_that_stays_away_is_given_up_and_its_part_collected_later(tmp_path: Path) -> None:
    """The others complete, the exit code is 3, the reason names the cure; a resume brings the rest."""
    gone, good = FakeTarget(work_through, name="a"), FakeTarget(work_through, name="b")
    gone.cuts = [1200]
    gone.faults["bundle"] = [None, *[UNREACHABLE] * 99]
    outcome = run(tmp_path, gone, good, patience_s=0.05)

    assert outcome.exit_code == 3
    assert outcome.statuses["ok"] == 9 + part(outcome, "a").rows
    assert 0 < part(outcome, "a").missing < 9
    assert part(outcome, "a").problem.startswith("could not be reached again within 0.1s: no route to host")
    assert "'inv resume' collects it" in part(outcome, "a").problem
    assert part(outcome, "b").problem == ""
    assert isinstance(outcome.host_errors["a"], HostUnreachableError)

    gone.faults.clear()
    again = resume(outcome.run_dir, gone, good)

    assert again.exit_code == 0
    assert again.statuses == {"ok": 18}
    assert attempts(outcome.run_dir) == [1] * 18
    assert (len(gone.jobs), len(good.jobs)) == (1, 1)
    assert [host.problem for host in again.hosts] == ["", ""]


def test_a_link_that_always_breaks_at_once_does_not_keep_a_run_from_ending(tmp_path: Path) -> None:
    """The patience counts from the last row, not from the last connection."""
    target = FakeTarget(work_through, name="a")
    target.cuts = [0] * 100_000
    with pytest.raises(HostError, match="could not be reached again"):
        run(tmp_path, target, patience_s=0.2)
    (run_dir,) = tmp_path.glob("*/*")
    with Store.open(run_dir / "run.sqlite") as store:
        assert store.outcome_count() == 0
        assert "could not be reached again" in store.problems()["a"]


@pytest.mark.parametrize(
    "error", [HostKeyError("a: its key changed"), HostAuthError("a: let nobody in"), HostError("a: x")]
)
def test_what_would_end_the_same_way_again_is_not_tried_again(tmp_path: Path, error: PageswapError) -> None:
    """A changed key, above all."""
    target = FakeTarget(work_through, name="a")
    target.faults["bundle"] = [error]
    with pytest.raises(campaign.NoHostError) as raised:
        run(tmp_path, target)
    assert raised.value.outcome.host_errors["a"] is error
    assert target.bundles == 1

    target = FakeTarget(work_through, name="a")
    target.cuts, target.faults["bundle"] = [1200], [None, error]
    outcome = run(tmp_path, target)

    assert outcome.host_errors["a"] is error
    assert target.bundles == 2


def link_to(target: Target, **options: Any) -> reconnect.Link:
    """Make a host's link that nobody listens to and nothing halts."""
    given = {"patience_s": 10.0, "tell": lambda _text: None, "halt": threading.Event(), **options}
    return reconnect.Link(target, PhaseClock(), **given)


@pytest.mark.parametrize("error", [UNREACHABLE, LOST])
def test_a_host_is_tried_a_few_times_at_first(error: PageswapError) -> None:
    """Whether no connection comes about or the first one breaks; one of the last attempts is enough."""
    target = FakeTarget(name="a")
    target.faults["bundle"] = [error] * 99
    with pytest.raises(type(error)):
        link_to(target).reach(BUNDLE)
    assert target.bundles == reconnect.FIRST_TRIES

    target = FakeTarget(name="a")
    target.faults["bundle"] = [error, error]
    link_to(target).reach(BUNDLE)
    assert target.bundles == 3


def test_what_is_hopeless_is_tried_once_at_first_and_on_when_it_went_well_before() -> None:
    """A name that nobody knows stays unknown; one that was known is back when the network is."""
    target = FakeTarget(name="a")
    target.faults["bundle"] = [HopelessError("a: no such host name")]
    with pytest.raises(HopelessError):
        link_to(target).reach(BUNDLE)
    assert target.bundles == 1

    target.faults["bundle"] = [HopelessError("a: no such host name")] * 2
    link_to(target).reach_again(BUNDLE, LOST)
    assert target.bundles == 4


def test_an_interrupt_ends_the_first_attempts() -> None:
    """A host that is down is not waited for."""
    target = FakeTarget(name="a")
    target.faults["bundle"] = [UNREACHABLE] * 99
    halt = threading.Event()
    halt.set()
    with pytest.raises(HostUnreachableError, match="no route"):
        link_to(target, halt=halt).reach(BUNDLE)

    assert target.bundles == 1


def test_nobody_else_tries_again_to_connect(tmp_path: Path) -> None:
    """What knocks at a real port is counted there: as many times as the link tries, then the reason is told."""
    knocks: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            with contextlib.suppress(OSError):
                while True:
                    knocks.append(server.accept()[0].close())

        threading.Thread(target=hang_up, daemon=True).start()
        config = tmp_path / "ssh_config"
        config.write_text(f"Host a\nHostName 127.0.0.1\nPort {server.getsockname()[1]}\nUser nobody\n")
        target = make_target(InventoryHost("a"), Reach(config))
        with pytest.raises(HostUnreachableError, match="cannot be reached"):
            target.facts()
        by_itself = len(knocks)
        with pytest.raises(HostUnreachableError, match="cannot be reached"):
            link_to(target).reach(BUNDLE)
        server.shutdown(socket.SHUT_RDWR)

    assert (by_itself, len(knocks)) == (1, 1 + reconnect.FIRST_TRIES)


@pytest.mark.parametrize(("hosts", "most_s"), [(1, 0.0), (32, 0.32), (10_000, 1.0)])
def test_hosts_that_begin_together_do_not_connect_together(
    hosts: int, most_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spread over ten milliseconds a host, a second at the most; one alone does not wait."""
    monkeypatch.setattr(reconnect, "JITTER_S", 0.01)
    waits = [reconnect.jitter_s(hosts) for _ in range(1000)]

    assert 0.0 <= min(waits) <= max(waits) <= most_s
    assert most_s == 0.0 or len(set(waits)) > 900


def test_an_interrupt_does_not_wait_for_a_host_that_is_away() -> None:
    """Its campaign ends at once, with what is stored; the rest is for the resume."""
    target = FakeTarget(name="a")
    halt = threading.Event()
    halt.set()
    told: list[str] = []
    reached = link_to(target, patience_s=1e9, tell=told.append, halt=halt)
    with pytest.raises(HostLinkLostError, match="the link broke"):
        reached.reach_again(BUNDLE, LOST)

    assert (target.bundles, told) == (0, [])


@pytest.mark.parametrize("brings_rows", [True, False])
def test_the_patience_begins_anew_with_each_row(brings_rows: bool) -> None:
    """A link that breaks now and then may do so all day."""
    now_s = 0.0
    reached = link_to(FakeTarget(name="a"), clock=lambda: now_s)
    for _ in range(2):
        reached.reach_again(BUNDLE, LOST)
        if brings_rows:
            reached.has_brought_rows()
        now_s += 6.0
    if brings_rows:
        reached.reach_again(BUNDLE, LOST)
        return
    with pytest.raises(HostUnreachableError, match="could not be reached again within 10s"):
        reached.reach_again(BUNDLE, LOST)


def test_an_interrupt_ends_a_connecting_that_would_take_long(tmp_path: Path) -> None:
    """The target is told to let go, and the campaign ends without waiting for its host."""
    hung_up, may_end = threading.Event(), threading.Event()

    class Slow(FakeTarget):
        def ensure_bundle(self, bundle: Any) -> None:
            super().ensure_bundle(bundle)
            os.kill(os.getpid(), signal.SIGINT)
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


def test_two_names_of_one_machine_are_told_from_an_agent_that_is_only_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other name's agent holds the lease for this run: after some tries the reason is given, with the cure."""
    monkeypatch.setattr("pageswap.campaign.host_run.LEASE_AGAIN_S", 0.0)

    def held(job: Job) -> dict[str, Any]:
        return {"held_by": {"pid": 5, "user": "me", "run_id": job.run_id, "since": None}}

    again = FakeTarget(*[held] * 99, name="a")
    told: list[events.Event] = []
    outcome = run(tmp_path, again, FakeTarget(work_through, name="b"), told=told)

    (text,) = [event.text for event in told if isinstance(event, events.Noted)]
    assert text.startswith(f"waiting for process 5 of user me, run {outcome.run_id}, which is this run: another of its")
    assert part(outcome, "a").ledger["waiting"] > 0
    assert outcome.exit_code == 3
    assert "another of its hosts is the same machine; name it once" in part(outcome, "a").problem
    assert part(outcome, "b").missing == 0


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


@pytest.mark.parametrize(("large", "most_at_once"), [(0, 2), (10**6, 8)])
def test_of_large_jobs_few_are_sent_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: int, most_at_once: int
) -> None:
    """They take memory until they are sent; small ones go out together."""
    monkeypatch.setattr("pageswap.campaign.host_run.LARGE_JOB", large)
    guard, now, most = threading.Lock(), 0, 0
    all_there = threading.Barrier(most_at_once)

    class Sending(FakeTarget):
        def open(self, verb: str, document: dict[str, Any]) -> Any:
            nonlocal now, most
            if verb != "start":
                return super().open(verb, document)
            with guard:
                now += 1
                most = max(most, now)
            all_there.wait(60)
            with guard:
                now -= 1
            return super().open(verb, document)

    outcome = run(tmp_path, *[Sending(work_through, name=f"h{number}") for number in range(8)])

    assert outcome.statuses == {"ok": 72}
    assert most == most_at_once


@pytest.mark.parametrize(
    "answer",
    [
        {"pid": "many"},
        {"held_by": "somebody"},
        {"held_by": {"pid": 5, "user": "me", "run_id": ["x"], "since": None}},
        {"pid": True},
    ],
)
def test_a_host_whose_answers_are_none_stops_no_other(tmp_path: Path, answer: dict[str, Any]) -> None:
    """What a host says is data: it is that host's part that ends, with what it said."""
    outcome = run(tmp_path, FakeTarget(lambda _job: answer, name="a"), FakeTarget(work_through, name="b"))

    assert outcome.exit_code == 3
    assert part(outcome, "a").problem.startswith("start: what it answers is not an agent's answer: ")
    assert (part(outcome, "b").rows, part(outcome, "b").problem) == (9, "")


def test_a_status_that_is_none_is_refused(tmp_path: Path) -> None:
    """It decides whether an agent lives."""

    class Odd(FakeTarget):
        def open(self, verb: str, document: dict[str, Any]) -> Any:
            return self._answer({"alive": "no"}) if verb == "status" else super().open(verb, document)

    target = Odd(lambda job: work_through(job, ended=None, most=3), name="a")
    outcome = run(tmp_path, target, FakeTarget(work_through, name="b"))

    assert part(outcome, "a").problem.startswith("status: what it answers is not an agent's answer: {'alive': 'no'}")
    assert (part(outcome, "a").rows, part(outcome, "b").rows) == (3, 9)


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
        campaign.NoHostError, match=r"none of the 2 hosts could be used\n  [ab]: no core\n  [ab]: no core"
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
    with pytest.raises(campaign.NoHostError, match=r"^a: its key changed$") as raised:
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
    assert [str(event.error)[:3] for event in told if isinstance(event, events.HostFailed)] == ["b: "]
    assert part(outcome, "b").problem == "/proc/x: cannot be made: no; set PAGESWAP_HOME"


def test_a_host_that_keeps_a_run_waiting_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, however it ends."""
    monkeypatch.setattr(reconnect, "SLOW_S", 0.01)
    is_told = threading.Event()

    class Slow(FakeTarget):
        def ensure_bundle(self, bundle: Any) -> None:
            assert is_told.wait(60)
            super().ensure_bundle(bundle)

    told: list[events.Event] = []

    def listen(event: events.Event) -> None:
        told.append(event)
        if isinstance(event, events.Noted):
            is_told.set()

    plan = make_plan()
    campaign.run(plan, results_dir=tmp_path, targets=[Slow(work_through, name="a")], on_event=listen, render=no_report)  # type: ignore[arg-type]

    assert [event.text[:15] for event in told if isinstance(event, events.Noted)] == ["not ready after"]


def test_the_time_until_a_loss_is_noticed_is_lost(tmp_path: Path) -> None:
    """Counted from the last byte that was heard."""
    silent_s = 0.3

    class Silent(FakeStream):
        def read(self, timeout_s: float | None = None) -> bytes | None:
            threading.Event().wait(0 if self._chunks else silent_s)
            return super().read(timeout_s)

    class Cut(FakeTarget):
        def follow(self, work_dir: str, offset: int) -> Stream:
            if offset:
                return super().follow(work_dir, offset)
            return Silent([self.segments[work_dir].journal[:1200]], LOST)

    ledger = part(run(tmp_path, Cut(work_through, name="a")), "a").ledger

    assert ledger["connecting"] > silent_s * 0.9


def test_where_the_time_went_is_stored_and_added_up(tmp_path: Path) -> None:
    """Running, connecting, and collecting what an agent left; a resume adds its own."""
    target = FakeTarget(lambda job: work_through(job, status="lost", reason=""), work_through, name="a")
    target.cuts = [1200]
    outcome = run(tmp_path, target)
    first = part(outcome, "a").ledger

    assert set(first) <= {"connecting", "uploading", "building", "waiting", "running", "collecting"}
    assert first["running"] > 0
    assert first["connecting"] > 0
    assert part(outcome, "a").lost_s == pytest.approx(sum(first.values()) - first["running"])
    again = resume(outcome.run_dir, target)

    assert part(again, "a").ledger["connecting"] > first["connecting"]


def test_where_the_time_went_survives_a_controller_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stored now and then, beside the rows."""
    monkeypatch.setattr("pageswap.campaign.host_run.BOOK_S", 0.0)
    seen: list[float] = []

    def look(event: events.Event) -> None:
        if isinstance(event, events.TrialsEnded):
            (run_dir,) = tmp_path.glob("*/*")
            with Store.open(run_dir / "run.sqlite") as store:
                seen.append(store.ledger()["a"]["running"])

    target = FakeTarget(work_through, name="a")
    target.cuts = [1200]
    plan = make_plan()
    options = campaign.Options()
    campaign.run(plan, results_dir=tmp_path, options=options, targets=[target], on_event=look, render=no_report)  # type: ignore[arg-type]

    assert seen[-1] > 0


def test_a_host_that_owes_nothing_is_not_even_asked(tmp_path: Path) -> None:
    """It may be away when the others are resumed."""
    outcome = run(tmp_path, FakeTarget(work_through, name="a"))
    away = FakeTarget(name="a")
    away.faults["bundle"] = [UNREACHABLE]

    assert resume(outcome.run_dir, away).exit_code == 0
    assert away.bundles == 0


def test_a_resume_may_be_of_some_hosts_only(tmp_path: Path) -> None:
    """What the others owe stays owed, and is counted."""
    targets = [FakeTarget(lambda job: work_through(job, status="lost", reason=""), name=name) for name in ("a", "b")]
    outcome = run(tmp_path, *targets)
    one = FakeTarget(work_through, name="b")
    again = resume(outcome.run_dir, one)

    assert again.missing == 9
    assert [host.missing for host in again.hosts] == [9, 0]


def test_job_has_what_the_inventory_says(tmp_path: Path) -> None:
    """The CPU and the most memory of the host, and of no other."""
    hosts = ({"name": "a", "cpu": 3, "memory_bytes": 1 << 30, "later": 1}, {"name": "b"})
    a, b = FakeTarget(work_through, name="a"), FakeTarget(work_through, name="b")
    run(tmp_path, a, b, hosts=hosts)

    assert [(job.cpu, job.memory_cap_bytes) for job in a.jobs + b.jobs] == [(3, 1 << 30), (None, None)]


def test_an_agent_found_at_work_is_followed_to_its_end(tmp_path: Path) -> None:
    """Five controllers that died one after the other change nothing."""
    target = FakeTarget(work_through, name="a")
    target.faults["follow"] = [HostError("a: killed here")]
    with pytest.raises(HostError, match="killed here"):
        run(tmp_path, target)
    (run_dir,) = tmp_path.glob("*/*")
    for _ in range(5):
        target.faults["follow"] = [HostError("a: killed here")]
        with pytest.raises(HostError, match="killed here"):
            resume(run_dir, target)
    again = resume(run_dir, target)

    assert again.statuses == {"ok": 9}
    assert len(target.jobs) == 1
    assert attempts(run_dir) == [1] * 9


def test_journal_that_shrank_is_measured_again(tmp_path: Path) -> None:
    """A host that lost its disk's last writes: stored rows stay, the others are measured by another agent."""
    target = FakeTarget(work_through, work_through, name="a")
    target.cuts = [1500]
    target.faults["status"] = [LOST]
    told: list[events.Event] = []

    class Shrinking(FakeTarget):
        def ensure_bundle(self, bundle: Any) -> None:
            super().ensure_bundle(bundle)
            for segment in list(self.segments.values())[:1]:
                self.segments[next(iter(self.segments))] = Segment(segment.job, segment.journal[:300])

    target.__class__ = Shrinking
    outcome = run(tmp_path, target, told=told)

    assert outcome.statuses == {"ok": 9}
    assert attempts(outcome.run_dir) == [1] * 9
    assert len(target.jobs) == 2
