"""One host's way through a campaign: collect what its agents have, start one for what is missing, store as it comes."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.journal.job import Job
from pageswap.agent.journal.line_fields import ENDS
from pageswap.agent.workspace.host_lease import describe
from pageswap.campaign.agent_answers import holder_from, started_from, status_from
from pageswap.campaign.events import Granted, Measuring, Noted, TrialsEnded, Waiting
from pageswap.campaign.journal_intake import JournalIntake
from pageswap.campaign.phase_clock import PhaseClock
from pageswap.campaign.reconnect import BROKEN, Link
from pageswap.campaign.stopping import StoppingRule
from pageswap.errors import HostError, JournalError, LeaseHeldError, StoreError
from pageswap.fleet.inventory import InventoryHost
from pageswap.store import NOT_STARTED
from pageswap.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pageswap.agent.journal.job import TrialSpec
    from pageswap.campaign.agent_answers import Started, Status
    from pageswap.campaign.events import Event
    from pageswap.campaign.options import Options
    from pageswap.fleet import Bundle, Stream, Target
    from pageswap.store import Store

# So many agents in a row that end without finishing a single trial are a host's fault, not a chance.
MAX_FRUITLESS: Final = 3

# So many followers in a row that end without a new byte although the agent lives.
_MAX_LOST_FOLLOWERS = 5
_FOLLOW_AGAIN_S = 0.2
_LEASE_AGAIN_S = 0.5

# So many starts in a row that find the host measured by this very run, though by no agent that was started here.
_MOST_YIELDS = 20
# An agent that is only dying, or has the lease but no lock yet, is seen fewer times.
_TOLD_YIELDS = 2

# Where time went is stored so often, so that a controller that is killed takes little of it along.
_BOOK_S = 10.0

# Beyond a trial's own timeout an agent writes something within so many seconds.
_QUIET_S = 60.0

# A link that broke is noticed within so many seconds; that time was lost, not measured in.
_NOTICED_S = 15.0

# A job of so many trials takes megabytes while it is sent: of such jobs few are made at a time.
_LARGE_JOB = 1000
_ROOM = threading.Semaphore(2)

_GONE = "the agent is gone"


class HostRun:
    """Brings one host's part of a run to its end; `run` in one thread, `interrupt` from any other."""

    def __init__(self, target: Target, store: Store, options: Options, emit: Callable[[Event], None]) -> None:
        """Take the host, where its rows go, how to measure, and whom to tell."""
        self._target = target
        self._store = store
        self._options = options
        self._emit = emit
        self.host = target.name
        facts = (InventoryHost.from_json(host) for host in options.hosts)
        self._facts = next((host for host in facts if host.name == self.host), InventoryHost(self.host))
        meta = store.meta()
        self._run_id = str(meta["run_id"])
        self._experiment = str(meta["experiment"]["name"])
        self._stopping_rule = StoppingRule(store, self.host)
        self._first = len(store.segments(self.host)) + 1
        self._fruitless = 0
        self._yields = 0
        self._left: int | None = None
        self._halt = threading.Event()
        self._phases = PhaseClock()
        self._link = Link(target, self._phases, patience_s=options.patience_s, tell=self._note, halt=self._halt)
        quiet_s = float(meta["experiment"].get("timeout_s", 0.0)) + _QUIET_S
        self._intake = JournalIntake(store, self.host, self._take_note_of, quiet_s=quiet_s, on_quiet=self._tell_quiet)
        self._booked_at = time.monotonic()
        self._guard = threading.Lock()
        self._stopping = ""
        self._work_dir: str | None = None
        self._waiting: Stream | None = None
        self._strays: list[str] = []

    def run(self, bundle: Bundle) -> None:
        """Give every trial that the host still owes one more outcome, unless interrupted.

        A link that breaks is brought up again, and the journal followed from its last stored byte. Trials that end
        killed, interrupted or lost here are owed to the next resume, so that a method which kills its process cannot
        keep the run from ending. Raises LeaseHeldError, HostError or StoreError; what was measured until then is
        stored or stays in the host's journal for the next resume.
        """
        if self._stopping or self._is_through():
            return
        try:
            self._link.reach(bundle)
            while True:
                try:
                    self._measure()
                except BROKEN as error:
                    self._link.reach_again(bundle, error)
                else:
                    return
        finally:
            with contextlib.suppress(StoreError):
                self._book()

    def interrupt(self, how: str) -> None:
        """Have the host's agent stopped, `how` being drain or kill, and start no more; does not wait for the host."""
        with self._guard:
            self._stopping = how
            work_dir, waiting = self._work_dir, self._waiting
        self._halt.set()
        if waiting is not None:
            waiting.cancel()
        elif work_dir is not None:
            # A host that does not answer must not keep the others from hearing it.
            threading.Thread(target=self._stop, args=(work_dir, how), daemon=True).start()
        elif self.is_connecting:
            threading.Thread(target=self._target.close, daemon=True).start()

    @property
    def is_connecting(self) -> bool:
        """Whether the host is being reached just now, for the first time or again."""
        return self._link.is_connecting

    def close(self) -> None:
        """Let go of the connection."""
        self._target.close()

    def _measure(self) -> None:
        """Collect what earlier agents left, then start agents until nothing is owed any more."""
        for segment in self._store.segments(self.host):
            if segment.ended is None:
                self._collect(segment.segment)
        with self._phases.phase("running"):
            while not self._stopping and self._run_segment():
                pass

    def _is_through(self) -> bool:
        """Tell whether there is nothing to ask the host for: it may be away."""
        if self._store.missing_count(self.host) or not all(each.ended for each in self._store.segments(self.host)):
            return False
        return not self._owed()

    def _owed(self) -> list[TrialSpec]:
        answered = self._store.answered(self.host, self._first)
        owed = [trial for trial in self._store.missing(self.host) if trial.trial_id not in answered]
        # Only what has come to its end is looked at, and no more is asked for when the run is to stop.
        decided = None if owed or self._stopping else self._stopping_rule.look()
        if decided is None:
            return owed
        self._emit(decided)
        # As many trials again would look like an agent that did nothing.
        self._left = None
        return self._owed() if isinstance(decided, Granted) else owed

    def _next_job(self) -> Job | None:
        """Give the job for all that is owed, in a segment of its own; None when that is nothing."""
        owed = self._owed()
        if not owed:
            return None
        self._fruitless = self._fruitless + 1 if len(owed) == self._left else 0
        if self._fruitless == MAX_FRUITLESS:
            raise HostError(self._fruitless_text(owed[0]))
        self._left = len(owed)
        return Job(
            run_id=self._run_id,
            experiment=self._experiment,
            host=self.host,
            segment=self._store.new_segment(self.host),
            lease_s=self._options.lease_s,
            tune=self._options.tune,
            wait=self._options.wait,
            trials=tuple(owed),
            cpu=self._facts.cpu,
            memory_cap_bytes=self._facts.memory_bytes,
        )

    def _run_segment(self) -> bool:
        """Have an agent measure all that is owed; gives False when that is nothing."""
        began = time.monotonic()
        started = self._start_next()
        if started is None:
            return False
        segment, work_dir, agent = started
        if agent.holder is not None:
            self._phases.move({"waiting": time.monotonic() - began})
            self._store.end_segment(self.host, segment, f"{NOT_STARTED}: the host was being measured")
            self._yield_to(agent.holder)
        elif agent.pid is not None:
            self._yields = 0
            self._emit(Measuring(self.host, segment, agent.pid, is_reattached=False))
            self._stop_strays()
            self._follow(segment, work_dir)
        else:
            # Cancelled while it waited for the lease; had it just got that, its agent would be without a follower.
            self._stop(work_dir, "kill")
            self._store.end_segment(self.host, segment, f"{NOT_STARTED}: the run was interrupted")
        return True

    def _start_next(self) -> tuple[int, str, Started] | None:
        """Start an agent; gives segment, folder and what became of it. The job, which may be large, is not kept."""
        with contextlib.ExitStack() as room:
            if self._store.missing_count(self.host) > _LARGE_JOB:
                room.enter_context(_ROOM)
            job = self._next_job()
            if job is None:
                return None
            work_dir = self._target.work_dir(self._run_id, job.segment)
            try:
                return job.segment, work_dir, self._start(work_dir, job, room)
            except BROKEN:
                # Whether it runs is seen when the host answers again.
                raise
            except HostError as error:
                self._give_up(job.segment, work_dir, error)
                raise

    def _start(self, work_dir: str, job: Job, room: contextlib.ExitStack) -> Started:
        with contextlib.ExitStack() as phases:

            def on_line(line: dict[str, Any], stream: Stream) -> None:
                # The job has been read.
                room.close()
                if "waiting_for" not in line:
                    return
                self._emit(Waiting(self.host, holder_from(self.host, line["waiting_for"])))
                phases.enter_context(self._phases.phase("waiting"))
                with self._guard:
                    self._waiting = stream
                    is_stopping = bool(self._stopping)
                if is_stopping:
                    stream.cancel()

            timeout = {"timeout_s": None} if job.wait else {}
            document = {"work_dir": work_dir, "job": job.to_json()}
            try:
                return started_from(self.host, self._target.call("start", document, on_line=on_line, **timeout))
            finally:
                with self._guard:
                    self._waiting = None

    def _give_up(self, segment: int, work_dir: str, error: HostError) -> None:
        """Write down that a start failed, if that is certain; else the next resume looks again."""
        with contextlib.suppress(HostError):
            status = self._status(work_dir)
            if not status.alive and not status.journal_bytes:
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
        self._yields += 1
        self._left = None  # nothing was tried
        if self._yields == _TOLD_YIELDS:
            self._note(
                f"waiting for {describe(holder)}, which is this run: another of its hosts is the same machine; name it"
                " once"
            )
        if self._yields > _MOST_YIELDS:
            raise LeaseHeldError(
                f"{self.host}: is measured by {describe(holder)}, which is this run: another of its hosts is the same"
                " machine; name it once, or resume the run when that one is done"
            )
        with self._phases.phase("waiting"):
            self._halt.wait(_LEASE_AGAIN_S)

    def _collect(self, segment: int) -> bool:
        """Store what an earlier segment's journal still has; gives whether its agent was alive or had more to say."""
        work_dir = self._target.work_dir(self._run_id, segment)
        status = self._status(work_dir)
        if not status.alive and status.journal_bytes <= self._offset(segment):
            self._store.end_segment(self.host, segment, _GONE)
            if not status.journal_bytes:
                # Perhaps its start outlives the controller that was killed, and is only about to begin.
                self._strays.append(work_dir)
            return False
        if status.alive:
            self._emit(Measuring(self.host, segment, status.pid, is_reattached=True))
        with self._phases.phase("running" if status.alive else "collecting"):
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
                    self._note(f"{error}; what it lacks is measured again")
                    self._stop(work_dir, "kill")
                    self._store.end_segment(self.host, segment, f"refused: {error}")
                    return
                except StoreError:
                    self._stop(work_dir, "drain")
                    raise
                is_fruitful = self._offset(segment) > before
                if not is_fruitful and not self._status(work_dir).alive:
                    self._note(f"{_GONE} before the end of its journal")
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
        try:
            return self._intake.take(stream, segment, offset)
        except BROKEN:
            silent_s = time.monotonic() - self._intake.heard_at
            self._phases.move({"connecting": min(silent_s, _NOTICED_S)})
            raise
        finally:
            stream.close()

    def _take_note_of(self, trials: tuple[dict[str, Any], ...]) -> None:
        self._link.has_brought_rows()
        if time.monotonic() - self._booked_at > _BOOK_S:
            self._book()
        self._emit(TrialsEnded(self.host, trials))

    def _tell_quiet(self, seconds: float) -> None:
        self._note(
            f"nothing has come for {format_duration(seconds)}, longer than a trial may take: look whether its agent"
            " is stopped there; Ctrl-C ends the run, and 'inv resume' goes on"
        )

    def _book(self) -> None:
        """Store where the time went since this was done last."""
        for phase, seconds in self._phases.take().items():
            self._store.add_ledger(self.host, phase, seconds)
        self._booked_at = time.monotonic()

    def _note(self, text: str) -> None:
        self._emit(Noted(self.host, text))

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
            self._note(f"the agent could not be told to stop: {error}")

    def _status(self, work_dir: str) -> Status:
        return status_from(self.host, self._target.call("status", {"work_dir": work_dir}))

    def _offset(self, segment: int) -> int:
        return self._store.segments(self.host)[segment - 1].journal_offset

    def _fruitless_text(self, trial: TrialSpec) -> str:
        last = self._store.segments(self.host)[-1].segment
        log = self._status(self._target.work_dir(self._run_id, last)).log.strip().splitlines()
        return (
            f"{self.host}: {MAX_FRUITLESS} agents in a row ended without finishing a trial, the next one being"
            f" {trial.trial_id} ({trial.method}); the last one's log ends: {log[-1] if log else 'nothing':.500}"
        )
