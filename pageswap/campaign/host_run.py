"""One host's way through a campaign: collect what its agents have, and start one for what is missing."""

from __future__ import annotations

import collections
import contextlib
import functools
import threading
import time
import types
from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.journal.job import Job
from pageswap.agent.workspace import host_lease
from pageswap.campaign.ask_hosts import named_twice
from pageswap.campaign.events import Noted, TrialsEnded
from pageswap.campaign.host_agents import GONE, HostAgents
from pageswap.campaign.reconnect import BROKEN, Link, PhaseClock
from pageswap.errors import HostError, StoreError
from pageswap.plan import plan
from pageswap.store.schema import COLLECTING, RUNNING, WAITING
from pageswap.store.store import NOT_STARTED
from pageswap.text.words import plural

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.agent.journal.job import TrialSpec
    from pageswap.campaign.events import Event
    from pageswap.campaign.options import Options
    from pageswap.fleet.provision.bundle import Bundle
    from pageswap.fleet.target import Target
    from pageswap.store.store import Store

# So many agents in a row that end without finishing a single trial are a host's fault, not a chance.
_MAX_FRUITLESS: Final = 3

# So many starts in a row that find the host measured by this very run, though by no agent that was started here.
_MOST_YIELDS: Final = 20
# An agent that is only dying is seen fewer times.
_TOLD_YIELDS: Final = 2
LEASE_AGAIN_S: Final = 0.5

# Where time went is stored so often, so that a controller that is killed takes little of it along.
BOOK_S: Final = 10.0

# What a case's profile is expected to take beside one trial.
PROFILE_S: Final = 15.0

# A job of so many trials, or with a trace, takes megabytes while it is sent: of such jobs few are made at a time.
LARGE_JOB: Final = 1000
_ROOM: Final = threading.Semaphore(2)


class HostRun:
    """Brings one host's part of a run to its end; `run` in one thread, `interrupt` from any other."""

    def __init__(
        self, target: Target, store: Store, options: Options, emit: Callable[[Event], None], machines: dict[str, str]
    ) -> None:
        """Take the host, where its rows go, how to measure, whom to tell, and the names of machines reached so far."""
        self.target = target
        self._machines = machines
        self._store = store
        self._options = options
        self._emit = emit
        self.host = target.name
        self._inventory = next((known for known in options.hosts if known["name"] == self.host), {})
        meta = store.meta()
        self._run_id, self._experiment = meta["run_id"], meta["experiment"]
        self._stopping_rule = StoppingRule(store, self.host, self._experiment)
        self._first = len(store.segments(self.host)) + 1
        self._fruitless = 0
        self._yields = 0
        self._left: int | None = None
        # What it took to ask the host before the run is the run's, too.
        self._phases = PhaseClock(spent=collections.defaultdict(float, target.phase_seconds()))
        self._booked_at = time.monotonic()
        self._agents = HostAgents(target, store, self._phases, self._tell)
        self.link = Link(
            target, self._phases, patience_s=options.patience_s, tell=self._agents.note, halt=self._agents.halt
        )

    def run(self, bundle: Bundle) -> None:
        """Bring every trial that the host still owes to one more outcome, unless interrupted.

        A link that breaks is brought up again, and the journal followed from its last stored byte. Trials that end
        killed, interrupted or lost here are owed to the next resume, so that a method which kills its process cannot
        keep the run from ending. Raises HostError or StoreError; what was measured until then is
        stored or stays in the host's journal for the next resume.
        """
        owes = self._store.missing_count(self.host) or not all(each.ended for each in self._store.segments(self.host))
        # A host that owes nothing is not even asked: it may be away.
        if self._agents.stopping or not (owes or self._owed() or self._unprofiled()):
            return
        try:
            self.link.reach(bundle)
            if self.target.machine:
                # One step, whichever thread comes first.
                other = self._machines.setdefault(self.target.machine, self.host)
                if other != self.host:
                    raise named_twice(self.host, other)
                self._store.set_machine(self.host, self.target.machine)
            while True:
                try:
                    self._measure()
                except BROKEN as error:
                    self.link.reach_again(bundle, error)
                else:
                    return
        finally:
            with contextlib.suppress(StoreError):
                self._book()

    def interrupt(self, how: str) -> None:
        """Have the host's agent stopped, `how` being drain or kill, and start no more; does not wait for the host."""
        if not self._agents.interrupt(how) and self.link.is_connecting:
            threading.Thread(target=self.target.close, daemon=True).start()

    def _measure(self) -> None:
        """Collect what earlier agents left, then start agents until nothing is owed any more."""
        for segment in self._store.segments(self.host):
            if segment.ended is None:
                self._collect(segment.segment)
        with self._phases.phase(RUNNING):
            while not self._agents.stopping and self._run_segment():
                pass

    def _owed(self) -> list[TrialSpec]:
        answered = self._store.answered(self.host, self._first)
        owed = [trial for trial in self._store.missing(self.host) if trial.trial_id not in answered]
        # Only what has come to its end is looked at, and no more is asked for when the run is to stop.
        decided = None if owed or self._agents.stopping else self._stopping_rule.look()
        if decided is None:
            return owed
        self._emit(decided)
        # As many trials again would look like an agent that did nothing.
        self._left = None
        return self._owed() if decided.granted else owed

    def _unprofiled(self) -> list[TrialSpec]:
        """Return a trial of each case that is still to be profiled; none of a run that is to stop."""
        if not self._options.profile or self._agents.stopping:
            return []
        return self._store.unprofiled(self.host)

    def _next_job(self) -> Job | None:
        """Return the job for all that is owed, in a segment of its own; None when that is nothing.

        Cases are profiled when nothing else is owed, so that no trial which counts comes after.
        """
        owed, profile, more_s = self._owed(), "", 0.0
        if not owed:
            owed, profile = self._unprofiled(), self._options.profile
            more_s = PROFILE_S * len(owed)
        if not owed:
            return None
        if profile and len(owed) != self._left:
            self._agents.note(f"profiles {plural(len(owed), 'case')} with {profile}, in trials that are not counted")
        # Both are counted until a trial has ended, so that no host that takes turns with them keeps a run from ending.
        if len(owed) != self._left:
            self._fruitless = self._yields = 0
        self._left = len(owed)
        if self._fruitless == _MAX_FRUITLESS:
            log = self._agents.status(len(self._store.segments(self.host)))["log"].strip().splitlines()
            raise HostError(
                f"{self.host}: {_MAX_FRUITLESS} agents in a row ended without finishing a trial, the next one being"
                f" {owed[0].trial_id} ({owed[0].method}); the last one's log ends: {log[-1] if log else 'nothing':.500}"
            )
        return Job(
            run_id=self._run_id,
            experiment=self._experiment["name"],
            host=self.host,
            segment=self._store.new_segment(self.host),
            lease_s=self._options.lease_s,
            tune=self._options.tune,
            wait=self._options.wait,
            ignore_lease=self._options.ignore_lease,
            trials=tuple(owed),
            traces=self._store.traces(trial.trace_sha256 for trial in owed),
            cpu=self._inventory.get("cpu"),
            memory_cap_bytes=self._inventory.get("memory_bytes"),
            profile=profile,
            expected_s=plan.expected_seconds(owed) + more_s if self.target.is_queued else 0.0,
        )

    def _run_segment(self) -> bool:
        """Have an agent measure all that is owed; return False when that is nothing."""
        began = time.monotonic()
        started = self._start_next()
        if started is None:
            return False
        segment, pid, holder = started
        if holder is not None:
            self._phases.move({WAITING: time.monotonic() - began})
            self._store.end_segment(self.host, segment, f"{NOT_STARTED}: the host was being measured")
            self._yield_to(holder)
            return True
        self._fruitless += 1
        if pid is not None:
            self._agents.follow(segment)
        else:
            # Cancelled while it waited for the lease, which it may just have got.
            self._agents.stop(segment, "kill")
            self._collect(segment)
        return True

    def _start_next(self) -> tuple[int, int | None, dict[str, Any] | None] | None:
        """Start an agent; return its segment and what became of it. The job, which may be large, is not kept."""
        with contextlib.ExitStack() as room:
            if self._store.missing_count(self.host) > LARGE_JOB or self._experiment["workload"] == "replay":
                room.enter_context(_ROOM)
            job = self._next_job()
            if job is None:
                return None
            try:
                return job.segment, *self._agents.start(job, on_read=room.close)
            except BROKEN:
                # Whether it runs is seen when the host answers again.
                raise
            except HostError as error:
                # Written down if it is certain that nothing begins; else the next resume looks again.
                with contextlib.suppress(HostError):
                    status = self._agents.settle(job.segment)
                    if not status["alive"] and not status["journal_bytes"]:
                        self._store.end_segment(self.host, job.segment, f"{NOT_STARTED}: {error}")
                raise

    def _yield_to(self, holder: dict[str, Any]) -> None:
        """Deal with the lease's holder: an agent of this run is waited for, others win."""
        who = host_lease.describe(holder)
        if holder.get("run_id") != self._run_id:
            raise HostError(f"{self.host}: is measured by {who}; {host_lease.cure(holder)}")
        # It is just dying.
        self._yields += 1
        cure = f"{who}, which is this run: another of its hosts is the same machine; name it once"
        if self._yields == _TOLD_YIELDS:
            self._agents.note(f"waiting for {cure}")
        if self._yields > _MOST_YIELDS:
            raise HostError(f"{self.host}: is measured by {cure}, or resume the run when that one is done")
        with self._phases.phase(WAITING):
            self._agents.halt.wait(LEASE_AGAIN_S)

    def _collect(self, segment: int) -> None:
        """Store what an earlier segment's journal still has, to its end."""
        status = self._agents.await_turn(segment, self._agents.settle(segment))
        if not status["alive"] and status["journal_bytes"] <= self._agents.offset(segment):
            why = GONE if status["journal_bytes"] else f"{NOT_STARTED}: its start was given up"
            self._store.end_segment(self.host, segment, why)
            return
        if status["alive"]:
            # Where a queue does not answer at the moment nobody knows which one.
            who = "an agent" if status["pid"] is None else f"agent {status['pid']}"
            self._agents.note(f"{who} still works on segment {segment}; following it")
        with self._phases.phase(RUNNING if status["alive"] else COLLECTING):
            self._agents.follow(segment)

    def _tell(self, event: Event) -> None:
        """Tell what happened, after taking note of it where rows have come."""
        if isinstance(event, TrialsEnded):
            self.link.has_brought_rows()
            if time.monotonic() - self._booked_at > BOOK_S:
                self._book()
        self._emit(event)

    def _book(self) -> None:
        """Store where the time went since this was done last."""
        for phase, seconds in self._phases.take().items():
            self._store.add_ledger(self.host, phase, seconds)
        self._booked_at = time.monotonic()


class StoppingRule:
    """Grants a host its measured blocks; does nothing where the experiment has a fixed number of them."""

    def __init__(self, store: Store, host: str, experiment: dict[str, Any]) -> None:
        """Take the run and the host; a host that has been allowed nothing yet may now run the least blocks."""
        self._store, self._host = store, host
        self._most: int = experiment["repeats"]
        self._rule: dict[str, Any] | None = experiment.get("stopping")
        if self._rule and store.allowed_blocks(host) is None:
            store.allow_blocks(host, self._rule["least"])

    def look(self) -> Noted | None:
        """Look at what the host has measured: allow it more blocks, or write down why it has enough; None without rule.

        To be asked when the host owes nothing: the figures are made on this machine, which may be the one measured.
        """
        if not self._rule or self._host in self._store.stops():
            return None
        # Imported where it is needed: it takes half a second, and most runs have no such rule.
        from pageswap.analysis.checks.stopping import decide

        blocks = self._store.allowed_blocks(self._host) or 0
        # One host's rows only, so that many hosts do not read each other's.
        whole = {name: getattr(self._store, name) for name in ("meta", "cases", "columns", "methods")}
        run_data: Any = types.SimpleNamespace(**whole, rows=functools.partial(self._store.rows, self._host))
        decision = decide(run_data, self._host, blocks=blocks, most=self._most, until=self._rule["until"])
        if decision.enough:
            self._store.allow_blocks(self._host, blocks, enough=decision.reason)
            return Noted(self._host, f"stops {decision.reason}")
        before = self._store.trial_count(self._host)
        self._store.allow_blocks(self._host, decision.blocks)
        trials = self._store.trial_count(self._host) - before
        return Noted(self._host, f"{decision.reason}: {trials:,} trials more", trials)
