"""An agent's journal is stored to its end, each row once, wherever links break and whatever a host answers."""

from __future__ import annotations

import itertools
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pageswap.campaign import events, host_agents
from pageswap.errors import HostError, JournalError
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
    from collections.abc import Iterator
    from pathlib import Path

    from pageswap.fleet.transport.transport import Stream

JOURNAL = b"".join(b'{"seq": %d}\n' % number for number in range(30))


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


@pytest.mark.slow
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


@pytest.mark.parametrize("torn", [b"", b'{"kind": "tri'])
def test_what_an_agent_wrote_after_its_follower_was_killed_is_stored(tmp_path: Path, torn: bytes) -> None:
    """It has ended too when it is asked for, and its last line may be cut off: all that is whole is there."""

    class Killed(FakeTarget):
        """Its first follower ends before it has brought a byte."""

        def follow(self, work_dir: str, offset: int) -> Any:
            if not self.followed_from:
                self.followed_from.append(offset)
                return FakeStream([])
            return super().follow(work_dir, offset)

    target = Killed(lambda job: work_through(job, ended=None) + torn, name="a")
    outcome = run(tmp_path, target)

    assert (part(outcome, "a").rows, len(target.jobs)) == (9, 1)


@pytest.mark.parametrize(
    "answer",
    [
        {"pid": "many"},
        {"held_by": "somebody"},
        {"held_by": {"pid": 5, "user": "me", "run_id": ["x"], "since": None, "note": None}},
        {"pid": True},
    ],
)
def test_a_host_whose_answers_are_none_stops_no_other(tmp_path: Path, answer: dict[str, Any]) -> None:
    """What a host says is data: it is that host's part that ends, with what it said."""
    outcome = run(tmp_path, FakeTarget(lambda _job: answer, name="a"), FakeTarget(work_through, name="b"))

    assert outcome.exit_code == 3
    assert part(outcome, "a").problem.startswith("start: what it answers is not an agent's answer: ")
    assert (part(outcome, "b").rows, part(outcome, "b").problem) == (9, "")


def test_whom_a_start_waits_for_and_whom_a_resume_follows_is_told(tmp_path: Path) -> None:
    """By who holds the host, and by the agent that was found at work."""
    holder = {"pid": 5, "user": "ann", "run_id": "r", "since": None, "note": None}
    told: list[events.Event] = []

    class Busy(FakeTarget):
        def open(self, verb: str, document: dict[str, Any]) -> Any:
            if verb == "status":
                journal = len(self.segments[document["work_dir"]].journal)
                return self._answer({"alive": True, "pid": 7, "journal_bytes": journal, "log": ""})
            stream = super().open(verb, document)
            if verb != "start":
                return stream
            waiting = json.dumps({"waiting_for": holder}).encode() + b"\n"
            return FakeStream([waiting, stream.read() or b""])

    target = Busy(work_through, name="a")
    target.faults["follow"] = [HostError("a: killed here")]
    with pytest.raises(HostError, match="killed here"):
        run(tmp_path, target, told=told)
    (run_dir,) = tmp_path.glob("*/*")
    resume(run_dir, target, on_event=told.append)

    assert [event.text for event in told if isinstance(event, events.Noted)] == [
        "waiting for process 5 of user ann, run r",
        "agent 7 still works on segment 1; following it",
    ]


def test_a_job_that_another_controller_left_waiting_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the queue's reason whenever that changes, and in the time of waiting."""
    monkeypatch.setattr(host_agents, "_TURN_AGAIN_S", 0.01)
    reasons = ["Resources", "Resources", "Priority"]
    told: list[events.Event] = []

    class Queued(FakeTarget):
        is_left = False

        def open(self, verb: str, document: dict[str, Any]) -> Any:
            if verb != "status" or not self.is_left:
                return super().open(verb, document)
            pending = {"pending": f"job 7 is pending: {reasons.pop(0)}"} if reasons else {}
            journal = len(self.segments[document["work_dir"]].journal)
            return self._answer({"alive": True, "pid": 7, "journal_bytes": journal, "log": "", **pending})

    target = Queued(work_through, name="a")
    target.faults["follow"] = [HostError("a: killed here")]
    with pytest.raises(HostError, match="killed here"):
        run(tmp_path, target)
    (run_dir,) = tmp_path.glob("*/*")
    target.is_left = True
    outcome = resume(run_dir, target, on_event=told.append)

    assert outcome.statuses == {"ok": 9}
    assert [event.text for event in told if isinstance(event, events.Noted)] == [
        "waiting: job 7 is pending: Resources",
        "waiting: job 7 is pending: Priority",
        "agent 7 still works on segment 1; following it",
    ]


def test_a_status_that_is_none_is_refused(tmp_path: Path) -> None:
    """It decides whether an agent lives."""

    class Odd(FakeTarget):
        def open(self, verb: str, document: dict[str, Any]) -> Any:
            return self._answer({"alive": "no"}) if verb == "status" else super().open(verb, document)

    target = Odd(lambda job: work_through(job, ended=None, most=3), name="a")
    outcome = run(tmp_path, target, FakeTarget(work_through, name="b"))

    assert part(outcome, "a").problem.startswith(
        "status: what it answers is not an agent's answer: alive is 'no', which"
    )
    assert (part(outcome, "a").rows, part(outcome, "b").rows) == (3, 9)


class FakeStore:
    """Takes lines at the byte that comes next, and nowhere else."""

    def __init__(self, offset: int) -> None:
        """Take where the first line is expected."""
        self.offset = offset
        self.pieces: list[bytes] = []

    def ingest(self, _host: str, _segment: int, offset: int, lines: list[bytes]) -> tuple[list[Any], str | None]:
        """Take whole lines; a line that says so is the journal's end."""
        assert offset == self.offset
        assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
        self.pieces.append(b"".join(lines))
        self.offset += len(self.pieces[-1])
        return [{"line": line} for line in lines], "done" if b"end" in lines[-1] else None


def take(chunks: list[bytes], offset: int = 0) -> tuple[FakeStore, bool, list[Any]]:
    """Feed a store with chunks; gives it, whether the end came, and the trials that were told."""
    store, told = FakeStore(offset), []
    ended = host_agents.JournalIntake(store, "a", told.append, 60.0).take(FakeStream(chunks), 1, offset)  # type: ignore[arg-type]
    return store, ended, [trial for event in told for trial in event.trials]


@pytest.fixture
def at_once() -> Iterator[None]:
    """Store whatever came, whenever it came."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host_agents, "COMMIT_S", 0.0)
        yield


@settings(deadline=None)
@given(st.lists(st.integers(1, len(JOURNAL) - 1), max_size=20), st.booleans(), st.integers(0, 10**12))
def test_however_a_journal_is_cut_its_lines_arrive_whole(cuts: list[int], waits: bool, offset: int) -> None:
    """At their own bytes; half a line at the end is not one."""
    ends = [0, *sorted(cuts), len(JOURNAL)]
    chunks = [JOURNAL[start:end] for start, end in itertools.pairwise(ends) if start < end]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host_agents, "COMMIT_S", 1e9 if waits else 0.0)
        store, ended, told = take([*chunks, b'{"seq": 30'], offset)

    assert b"".join(store.pieces) == JOURNAL
    assert [each["line"] for each in told] == JOURNAL.splitlines(keepends=True)
    assert not ended


def test_what_comes_fast_is_stored_in_pieces_of_a_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the journal: it is never held as a whole."""
    monkeypatch.setattr(host_agents, "COMMIT_S", 1e9)
    monkeypatch.setattr(host_agents, "_FULL_BYTES", 100)
    chunks = [JOURNAL[start : start + 40] for start in range(0, len(JOURNAL), 40)]
    store, _, _ = take(chunks)

    assert b"".join(store.pieces) == JOURNAL
    assert max(map(len, store.pieces)) < 100 + 40


@pytest.mark.usefixtures("at_once")
def test_the_journals_end_ends_the_feed() -> None:
    """Without waiting for the stream's."""
    store, ended, _ = take([b"a\n", b"end\n", b"never read\n"])

    assert ended
    assert store.pieces == [b"a\n", b"end\n"]


@pytest.mark.usefixtures("at_once")
def test_a_line_without_end_is_refused() -> None:
    """After what came before it was stored; four MiB are more than any line has."""
    store = FakeStore(0)
    stream = FakeStream([b"a\n", *[b"x" * (1 << 20)] * 9])
    with pytest.raises(JournalError, match="a, segment 1: a line longer than"):
        host_agents.JournalIntake(store, "a", [].append, 60.0).take(stream, 1, 0)  # type: ignore[arg-type]

    assert store.pieces == [b"a\n"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"error": "no journal; start it"}\n', "a: no journal; start it"),
        (b'{"error":"no journal"}\n', "a: no journal"),
        (b'{"error": nonsense}\n', 'a: expected a journal, found: {"error": nonsense}'),
    ],
)
@pytest.mark.usefixtures("at_once")
def test_a_followers_error_is_the_hosts(line: bytes, message: str) -> None:
    """In its own words, as far as they can be read."""
    with pytest.raises(HostError) as caught:
        take([line])

    assert str(caught.value).strip() == message
    assert not isinstance(caught.value, JournalError)


@pytest.mark.usefixtures("at_once")
def test_settings_that_could_not_be_changed_are_told() -> None:
    """Those of one reason together; what was changed and put back is not."""
    common = {"seq": 1, "run_id": "r", "host": "a", "segment": 1}
    refused = [{"name": f"/sys/{name}", "set": None, "reason": "cannot be set to 0: Read-only"} for name in "abcde"]
    done = [{"name": "/sys/f", "before": 1, "set": 0}, {"name": "/sys/f", "before": 0, "restored": 1, "reason": ""}]
    lines = [json.dumps({"kind": "tune", **common, **each}, separators=(",", ":")) for each in [*refused, *done]]
    told: list[Any] = []
    intake = host_agents.JournalIntake(FakeStore(0), "a", told.append, quiet_s=7.0)  # type: ignore[arg-type]

    assert intake.take(FakeStream(["\n".join([*lines, "end", ""]).encode()]), 1, 0)
    assert [event for event in told if isinstance(event, events.Noted)] == [
        events.Noted("a", "/sys/a, /sys/b, /sys/c and 2 more settings: cannot be set to 0: Read-only")
    ]


def test_a_silence_that_is_too_long_is_told_once() -> None:
    """As when the agent is stopped; what comes after it is stored as ever."""
    patiences: list[float | None] = []

    class Slow(FakeStream):
        def read(self, timeout_s: float | None = None) -> bytes | None:
            patiences.append(timeout_s)
            return None if timeout_s == 7.0 else super().read(timeout_s)

    store, told = FakeStore(0), []
    taken = host_agents.JournalIntake(store, "a", told.append, quiet_s=7.0)  # type: ignore[arg-type]

    assert taken.take(Slow([b"end\n"]), 1, 0)
    assert [event.text[:29] for event in told if isinstance(event, events.Noted)] == ["nothing has come for 7.0s, lo"]
    assert patiences[:2] == [7.0, None]
    assert store.pieces == [b"end\n"]
