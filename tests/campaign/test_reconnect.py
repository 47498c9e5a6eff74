"""A link that breaks costs time and nothing else; one that stays broken costs its host's part until a resume."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from pageswap.campaign import events, reconnect, run_and_resume
from pageswap.campaign.outcome import NoHostError
from pageswap.campaign.reconnect import PhaseClock
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
from pageswap.store.store import Store
from tests.campaign.fakes import (
    BUNDLE,
    LOST,
    UNREACHABLE,
    FakeTarget,
    attempts,
    no_report,
    part,
    resume,
    run,
    work_through,
)
from tests.store.fakes import make_plan

if TYPE_CHECKING:
    from pathlib import Path

    from pageswap.fleet.target import Target


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
    with pytest.raises(NoHostError) as raised:
        run(tmp_path, target)
    assert raised.value.outcome.host_errors["a"] is error
    assert target.bundles == 1

    target = FakeTarget(work_through, name="a")
    target.cuts, target.faults["bundle"] = [1200], [None, error]
    outcome = run(tmp_path, target)

    assert outcome.host_errors["a"] is error
    assert target.bundles == 2


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
    run_and_resume.run(
        plan, results_dir=tmp_path, targets=[Slow(work_through, name="a")], on_event=listen, render=no_report
    )  # type: ignore[arg-type]

    assert [event.text[:15] for event in told if isinstance(event, events.Noted)] == ["not ready after"]


class Clock:
    """A clock that is set by hand."""

    now_s = 100.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now_s


def test_of_phases_inside_one_another_the_innermost_counts() -> None:
    """And what is outside of all is not counted."""
    clock = Clock()
    ledger = PhaseClock(clock)
    clock.now_s += 50
    with ledger.phase("running"):
        clock.now_s += 3
        with ledger.phase("waiting"):
            clock.now_s += 4
        clock.now_s += 1
    clock.now_s += 50

    assert ledger.take() == {"running": 4, "waiting": 4}
    assert ledger.take() == {}


def test_a_phase_that_ends_with_an_error_is_counted() -> None:
    """An attempt that failed took time too."""
    clock = Clock()
    ledger = PhaseClock(clock)
    with contextlib.suppress(ZeroDivisionError), ledger.phase("connecting"):
        clock.now_s += 2
        clock.now_s += 1 / 0
    clock.now_s += 1

    assert ledger.take() == {"connecting": 2}


def test_time_moves_to_where_it_was_really_spent() -> None:
    """A target says how long it uploaded while it was being reached; no more can move than there was."""
    clock = Clock()
    ledger = PhaseClock(clock)
    with ledger.phase("connecting"):
        clock.now_s += 10
        ledger.move({"uploading": 7.0, "building": 100.0})

    assert ledger.take() == {"uploading": 7, "building": 3}
