"""A host made by hand: its agents write the journals that a test wrote for them."""

from __future__ import annotations

import dataclasses
import json
import threading
from typing import TYPE_CHECKING, Any

from pageswap.agent.journal.job import Job, job_from_json
from pageswap.campaign import run_and_resume
from pageswap.campaign.options import Options
from pageswap.errors import HostLinkLostError, HostUnreachableError
from pageswap.fleet.provision.bundle import Bundle
from pageswap.fleet.target import Target
from tests.store.fakes import FakeJournal, make_plan
from tests.store.fakes import attempts as stored_attempts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pageswap.campaign.events import Event
    from pageswap.campaign.outcome import HostOutcome, Outcome
    from pageswap.fleet.transport.transport import Stream
    from pageswap.store.store import Store

BUNDLE = Bundle({}, "0" * 64)
LOST = HostLinkLostError("a: the link broke")
UNREACHABLE = HostUnreachableError("a: no route to host")


def journal_of(job: Job) -> FakeJournal:
    """Start the journal that an agent with this job would write."""
    return FakeJournal(run_id=job.run_id, host=job.host, segment=job.segment)


def work_through(job: Job, *, ended: str | None = "done", most: int | None = None, **fields: object) -> bytes:
    """Write the journal of an agent that measures its trials, or the first `most`, all ending as `fields` say."""
    journal = journal_of(job)
    lines = [journal.begin()]
    lines += [journal.trial(trial.trial_id, attempt=trial.attempt, **fields) for trial in job.trials[:most]]
    return b"".join([*lines, journal.end(ended)] if ended else lines)


def no_report(_store: Store, path: Path) -> Path:
    """Draw nothing."""
    return path


def run(folder: Path, *targets: FakeTarget, told: list[Event] | None = None, **options: Any) -> Outcome:
    """Run the default plan of nine trials."""
    return run_and_resume.run(
        make_plan(),  # type: ignore[arg-type]
        results_dir=folder,
        options=Options(**options),
        targets=targets,
        on_event=[].append if told is None else told.append,
        render=no_report,
    )


def resume(run_dir: Path, *targets: FakeTarget, **changes: Any) -> Outcome:
    """Resume a run."""
    return run_and_resume.resume(run_dir, targets=targets, render=no_report, **changes)


def attempts(run_dir: Path) -> list[int]:
    """Give the attempt number of every outcome."""
    return [number for _, number, _ in stored_attempts(run_dir / "run.sqlite")]


def part(outcome: Outcome, host: str) -> HostOutcome:
    """Give one host's part."""
    return next(each for each in outcome.hosts if each.host == host)


class FakeStream:
    """Gives prepared chunks, then the end, or then breaks."""

    def __init__(self, chunks: list[bytes], broken: Exception | None = None) -> None:
        """Take the chunks, and what it ends with if not well."""
        self._chunks = chunks
        self._broken = broken

    def read(self, timeout_s: float | None = None) -> bytes | None:  # noqa: ARG002 - nothing to wait for
        """Give the next chunk."""
        if not self._chunks and self._broken:
            raise self._broken
        return self._chunks.pop(0) if self._chunks else b""

    def cancel(self) -> None:
        """Forget the rest."""
        self._chunks.clear()

    def close(self) -> str:
        """Complain about nothing."""
        return ""


@dataclasses.dataclass
class Segment:
    """What a fake agent left: its job and its journal."""

    job: Job
    journal: bytes = b""


class FakeTarget(Target):
    """Each start takes the next script: a journal, or an answer such as {"held_by": ...}."""

    machine = ""
    is_queued = False

    def __init__(self, *scripts: Callable[[Job], bytes | dict[str, Any]], name: str = "local") -> None:
        """Take what each agent will do."""
        self.name = name
        self.in_use = threading.RLock()
        self.segments: dict[str, Segment] = {}
        self.stops: list[tuple[str, str]] = []
        # What happens on the host just before it is asked to stop something.
        self.before_stop: Callable[[], None] = lambda: None
        self.cut_streams_at: int | None = None
        self.scripts = list(scripts)
        # What goes wrong with the next calls of a verb, or of "bundle"; None: nothing. A list that is empty: nothing.
        self.faults: dict[str, list[Exception | None]] = {}
        # How many bytes each of the next followers brings before its link breaks.
        self.cuts: list[int] = []
        self.followed_from: list[int] = []
        self.bundles = 0

    @property
    def jobs(self) -> list[Job]:
        """The jobs of all agents so far."""
        return [segment.job for segment in self.segments.values()]

    def ensure_bundle(self, bundle: Bundle) -> None:  # noqa: ARG002 - needs none
        """Need no bundle."""
        self.bundles += 1
        self._fail("bundle")

    def phase_seconds(self) -> dict[str, float]:
        """Take no time."""
        return {}

    def close(self) -> None:
        """Hold nothing."""

    def _fail(self, verb: str) -> None:
        fault = self.faults.get(verb, []).pop(0) if self.faults.get(verb) else None
        if fault is not None:
            raise fault

    def work_dir(self, run_id: str, segment: int) -> str:
        """Name a folder that is never made."""
        return f"/fake/{run_id}/{segment}"

    def open(self, verb: str, document: dict[str, Any]) -> Stream:
        """Answer a verb at once."""
        work_dir = document["work_dir"]
        if verb == "start":
            answer = self._start(work_dir, job_from_json(document["job"]))
            self._fail("started")
            return self._answer(answer)
        self._fail(verb)
        journal = self.segments[work_dir].journal if work_dir in self.segments else b""
        if verb == "follow":
            self.followed_from.append(document["offset"])
            left = journal[document["offset"] :]
            if self.cuts:
                some = left[: self.cuts.pop(0)]
                return FakeStream([some] if some else [], HostLinkLostError(f"{self.name}: the link broke"))
            size = self.cut_streams_at or len(left) or 1
            chunks = [left[start : start + size] for start in range(0, len(left), size)]
            return FakeStream(chunks[:1] if self.cut_streams_at else chunks)
        if verb == "stop":
            self.before_stop()
            self.stops.append((work_dir, document["how"]))
            return self._answer({"pid": None, "alive": False})
        assert verb == "status"
        return self._answer({"alive": False, "pid": None, "journal_bytes": len(journal), "log": "first\nlast words"})

    def _start(self, work_dir: str, job: Job) -> dict[str, Any]:
        self._fail("start")
        done = self.scripts.pop(0)(job)
        if isinstance(done, dict):
            return done
        self.segments[work_dir] = Segment(job, done)
        return {"pid": 1234}

    def _answer(self, document: dict[str, Any]) -> FakeStream:
        return FakeStream([json.dumps(document).encode() + b"\n"])
