"""An agent's journal is stored to its end, each row once, wherever links break and whatever a host answers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pageswap.errors import (
    HostError,
)
from tests.campaign.fakes import (
    LOST,
    FakeStream,
    FakeTarget,
    Segment,
    attempts,
    part,
    resume,
    run,
    work_through,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pageswap.campaign import events
    from pageswap.fleet import Stream


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
