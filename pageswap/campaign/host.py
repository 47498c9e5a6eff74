"""One host's way through a campaign: collect what its agents have, start one for what is missing, store as it comes."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.job import Job
from pageswap.agent.journal import ENDS, MAX_LINE_BYTES
from pageswap.agent.lease import describe
from pageswap.campaign.events import Measuring, Noted, TrialsEnded, Waiting
from pageswap.errors import HostError, JournalError, LeaseHeldError, StoreError
from pageswap.store import NOT_STARTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pageswap.agent.job import TrialSpec
    from pageswap.campaign.events import Event
    from pageswap.campaign.options import Options
    from pageswap.fleet import Bundle, Stream, Target
    from pageswap.store import Store

# Rows that come fast are stored together, at most this often; one that comes alone is stored at once.
COMMIT_S: Final = 0.25

# So many agents in a row that end without finishing a single trial are a host's fault, not a chance.
MAX_FRUITLESS: Final = 3

# So many followers in a row that end without a new byte although the agent lives.
_MAX_LOST_FOLLOWERS = 5
_FOLLOW_AGAIN_S = 0.2
_LEASE_AGAIN_S = 0.5

_GONE = "the agent is gone"


class HostCampaign:
    """Brings one host's part of a run to its end; `run` in one thread, `interrupt` from any other."""

    def __init__(self, target: Target, store: Store, options: Options, emit: Callable[[Event], None]) -> None:
        """Take the host, where its rows go, how to measure, and whom to tell."""
        self._target = target
        self._store = store
        self._options = options
        self._emit = emit
        self.host = target.name
        meta = store.meta()
        self._run_id = str(meta["run_id"])
        self._experiment = str(meta["experiment"]["name"])
        self._guard = threading.Lock()
        self._stopping = ""
        self._work_dir: str | None = None
        self._waiting: Stream | None = None
        self._strays: list[str] = []

    def run(self, bundle: Bundle) -> None:
        """Give every trial that the host still owes one more outcome, unless interrupted.

        Trials that end killed, interrupted or lost here are owed to the next resume, so that a method which kills its
        process cannot keep the run from ending. Raises LeaseHeldError, HostError or StoreError; what was measured
        until then is stored or stays in the host's journal for the next resume.
        """
        self._target.ensure_bundle(bundle)
        before = self._store.segments(self.host)
        for segment in before:
            if segment.ended is None:
                self._collect(segment.segment)
        first = len(before) + 1
        fruitless, left = 0, None
        while not self._stopping:
            answered = self._store.answered(self.host, first)
            owed = [trial for trial in self._store.missing(self.host) if trial.trial_id not in answered]
            if not owed:
                return
            fruitless = fruitless + 1 if len(owed) == left else 0
            if fruitless == MAX_FRUITLESS:
                raise HostError(self._fruitless_text(owed[0]))
            left = len(owed)
            self._run_segment(owed)

    def interrupt(self, how: str) -> None:
        """Stop the host's agent, `how` being drain or kill, and start no more; returns when it was told."""
        with self._guard:
            self._stopping = how
            work_dir, waiting = self._work_dir, self._waiting
        if waiting is not None:
            waiting.cancel()
        elif work_dir is not None:
            self._stop(work_dir, how)

    def _run_segment(self, trials: Sequence[TrialSpec]) -> None:
        segment = self._store.new_segment(self.host)
        work_dir = self._target.work_dir(self._run_id, segment)
        job = Job(
            run_id=self._run_id,
            experiment=self._experiment,
            host=self.host,
            segment=segment,
            lease_s=self._options.lease_s,
            tune=self._options.tune,
            wait=self._options.wait,
            trials=tuple(trials),
        )
        try:
            answer = self._start(work_dir, job)
        except HostError as error:
            self._give_up(segment, work_dir, error)
            raise
        if "held_by" in answer:
            self._store.end_segment(self.host, segment, f"{NOT_STARTED}: the host was being measured")
            self._yield_to(answer["held_by"])
        elif "pid" in answer:
            self._emit(Measuring(self.host, segment, answer["pid"], is_reattached=False))
            self._stop_strays()
            self._follow(segment, work_dir)
        else:
            # Cancelled while it waited for the lease; had it just got that, its agent would be without a follower.
            self._stop(work_dir, "kill")
            self._store.end_segment(self.host, segment, f"{NOT_STARTED}: the run was interrupted")

    def _start(self, work_dir: str, job: Job) -> dict[str, Any]:
        def on_line(line: dict[str, Any], stream: Stream) -> None:
            if "waiting_for" not in line:
                return
            self._emit(Waiting(self.host, line["waiting_for"]))
            with self._guard:
                self._waiting = stream
                is_stopping = bool(self._stopping)
            if is_stopping:
                stream.cancel()

        timeout = {"timeout_s": None} if job.wait else {}
        try:
            return self._target.call("start", {"work_dir": work_dir, "job": job.to_json()}, on_line=on_line, **timeout)
        finally:
            with self._guard:
                self._waiting = None

    def _give_up(self, segment: int, work_dir: str, error: HostError) -> None:
        """Write down that a start failed, if that is certain; else the next resume looks again."""
        with contextlib.suppress(HostError):
            status = self._target.call("status", {"work_dir": work_dir})
            if not status["alive"] and not status["journal_bytes"]:
                self._store.end_segment(self.host, segment, f"{NOT_STARTED}: {error}")

    def _yield_to(self, holder: dict[str, Any]) -> None:
        """Deal with the lease's holder: an agent of this run whose start went unnoticed is followed, others win."""
        if holder.get("run_id") != self._run_id:
            raise LeaseHeldError(
                f"{self.host}: is measured by {describe(holder)}; wait for it with --wait, or stop that run"
            )
        for segment in reversed(self._store.segments(self.host)):
            if segment.ended not in ENDS and self._collect(segment.segment):
                return
        # It is just dying, or has the lease but not yet a lock.
        time.sleep(_LEASE_AGAIN_S)

    def _collect(self, segment: int) -> bool:
        """Store what an earlier segment's journal still has; gives whether its agent was alive or had more to say."""
        work_dir = self._target.work_dir(self._run_id, segment)
        status = self._target.call("status", {"work_dir": work_dir})
        if not status["alive"] and status["journal_bytes"] <= self._offset(segment):
            self._store.end_segment(self.host, segment, _GONE)
            if not status["journal_bytes"]:
                # Perhaps its start outlives the controller that was killed, and is only about to begin.
                self._strays.append(work_dir)
            return False
        if status["alive"]:
            self._emit(Measuring(self.host, segment, status["pid"], is_reattached=True))
        self._follow(segment, work_dir)
        return True

    def _stop_strays(self) -> None:
        """End agents that were waiting for the lease this run's new agent got: nobody would read their journals."""
        while self._strays:
            self._stop(self._strays.pop(), "kill")

    def _follow(self, segment: int, work_dir: str) -> None:
        """Store a segment's journal to its end, whatever happens to followers on the way."""
        with self._running(work_dir):
            lost = 0
            while True:
                before = self._offset(segment)
                try:
                    if self._follow_once(segment, work_dir, before):
                        return
                except JournalError as error:
                    self._emit(Noted(self.host, f"{error}; what it lacks is measured again"))
                    self._stop(work_dir, "kill")
                    self._store.end_segment(self.host, segment, f"refused: {error}")
                    return
                except StoreError:
                    self._stop(work_dir, "drain")
                    raise
                is_fruitful = self._offset(segment) > before
                status = self._target.call("status", {"work_dir": work_dir})
                if not status["alive"] and not is_fruitful:
                    self._emit(Noted(self.host, f"{_GONE} before the end of its journal"))
                    self._store.end_segment(self.host, segment, _GONE)
                    return
                lost = 0 if is_fruitful else lost + 1
                if lost > _MAX_LOST_FOLLOWERS:
                    raise HostError(f"{self.host}: the journal in {work_dir} cannot be followed; resume the run later")
                if lost:
                    time.sleep(_FOLLOW_AGAIN_S)

    def _follow_once(self, segment: int, work_dir: str, offset: int) -> bool:
        """Store what one follower streams; gives whether it was the journal's end."""
        stream = self._target.follow(work_dir, offset)
        pending = b""
        stored_at = 0.0
        try:
            while True:
                wait_s = max(0.0, stored_at + COMMIT_S - time.monotonic()) if b"\n" in pending else None
                data = stream.read(wait_s)
                pending += data or b""
                if b"\n" in pending and (not data or time.monotonic() >= stored_at + COMMIT_S):
                    whole, _, pending = pending.rpartition(b"\n")
                    ended = self._ingest(segment, offset, whole + b"\n")
                    offset += len(whole) + 1
                    stored_at = time.monotonic()
                    if ended in ENDS:
                        return True
                if len(pending) > MAX_LINE_BYTES and b"\n" not in pending:
                    raise JournalError(f"{self.host}, segment {segment}: a line longer than {MAX_LINE_BYTES} bytes")
                if data == b"":
                    return False
        finally:
            stream.close()

    def _ingest(self, segment: int, offset: int, data: bytes) -> str | None:
        lines = [line + b"\n" for line in data[:-1].split(b"\n")]
        if lines[0].startswith(b'{"error":'):
            raise HostError(f"{self.host}: {json.loads(lines[0])['error']}")
        stored = self._store.ingest(self.host, segment, offset, lines)
        if stored.trials:
            self._emit(TrialsEnded(self.host, tuple(stored.trials)))
        return stored.ended

    @contextlib.contextmanager
    def _running(self, work_dir: str) -> Iterator[None]:
        """Let `interrupt` reach the agent; one that came while it started is passed on now."""
        with self._guard:
            self._work_dir = work_dir
            stopping = self._stopping
        if stopping:
            self._stop(work_dir, stopping)
        try:
            yield
        finally:
            with self._guard:
                self._work_dir = None

    def _stop(self, work_dir: str, how: str) -> None:
        try:
            self._target.call("stop", {"work_dir": work_dir, "how": how})
        except HostError as error:
            self._emit(Noted(self.host, f"the agent could not be told to stop: {error}"))

    def _offset(self, segment: int) -> int:
        return self._store.segments(self.host)[segment - 1].journal_offset

    def _fruitless_text(self, trial: TrialSpec) -> str:
        last = self._store.segments(self.host)[-1].segment
        status = self._target.call("status", {"work_dir": self._target.work_dir(self._run_id, last)})
        log = str(status.get("log", "")).strip().splitlines()
        return (
            f"{self.host}: {MAX_FRUITLESS} agents in a row ended without finishing a trial, the next one being"
            f" {trial.trial_id} ({trial.method}); the last one's log ends: {log[-1] if log else 'nothing'}"
        )
