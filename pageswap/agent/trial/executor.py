"""Executes one trial in a child and says, from how that ended, which of the ten statuses it has and why."""

from __future__ import annotations

import dataclasses
import signal
from typing import TYPE_CHECKING, Any

from pageswap.agent.host import cgroup, readers
from pageswap.agent.journal import job
from pageswap.agent.journal.line_fields import FIELDS_FROM_COUNTERS, MEASURES
from pageswap.agent.trial.child_watcher import process_cure
from pageswap.agent.workloads import WORKLOADS
from pageswap.errors import CoreError, MethodUnavailableError

if TYPE_CHECKING:
    import array
    from collections.abc import Mapping

    from pageswap.agent.trial.child_watcher import ChildEnd, ChildWatcher
    from pageswap.agent.trial.core_calls import CoreCalls
    from pageswap.agent.trial.preflight import Preflight
    from pageswap.native import TrialResult

# What a host's own bounds end, it would end again.
_BOUNDS: dict[int, str] = {
    signal.SIGSYS: "SIGSYS: a seccomp filter kills who makes one of its calls; run where that filter allows them",
    signal.SIGXCPU: "SIGXCPU: this host's limit on CPU time (ulimit -t) ended it; raise that, or use fewer iterations",
}
# Of a child that the watcher has ended: the status and the reason.
_CAUSES = {
    "stop": (job.INTERRUPTED, "the run was stopped while the trial ran"),
    "deadline": (job.TIMEOUT, "did not end within {timeout_s:g} s; its processes were killed"),
    "unkillable": (job.TIMEOUT, "could not be killed; this host needs a reboot"),
}
_LOADS = ("load1_before", "load1_after")
_UNMEASURED: dict[str, Any] = dict.fromkeys((*MEASURES, *_LOADS, *FIELDS_FROM_COUNTERS))


@dataclasses.dataclass(frozen=True)
class TrialOutcome:
    """How a trial ended.

    `measures` has at least line_fields.MEASURES, the loads before and after, and FIELDS_FROM_COUNTERS, each None where
    nothing was measured.
    """

    status: str
    reason: str
    measures: dict[str, Any] = dataclasses.field(default_factory=lambda: dict(_UNMEASURED))
    # The child, or what it had started, could not be killed: whatever is measured next is measured beside it.
    unkillable: bool = False


@dataclasses.dataclass
class Executor:
    """Runs trials, one at a time.

    `cpus` are those of a trial: first its threads', then those that busy neighbours may have; empty leaves the choice
    to the core. `traces` has by its hash the lines of each trace that is played. `group` is the control group that
    holds trials to the preflight's `memory_cap_bytes`; without one that bounds their addresses.
    """

    core: CoreCalls
    watcher: ChildWatcher
    preflight: Preflight
    cpus: tuple[int, ...] = ()
    group: cgroup.MemoryGroup | None = None
    traces: Mapping[str, array.array[int]] = dataclasses.field(default_factory=dict)

    def run(self, trial: job.TrialSpec) -> TrialOutcome:
        """Execute the trial once; whatever it does, a TrialOutcome comes back."""
        cap_bytes = self.preflight.address_space_cap(trial)
        kills = self._oom_kills()
        load1_before = self._load1()
        jobs = readers.other_jobs(self.preflight.files)
        traces = (self.traces[each] for each in (trial.trace_sha256,) if each)
        work = self.core.trial(trial, self.cpus, *traces)
        procs = self.group.procs if self.group else None
        try:
            ending = self.watcher.run(work, timeout_s=trial.timeout_s, address_space_bytes=cap_bytes, group=procs)
        except OSError as error:
            return TrialOutcome(job.FAILED, f"the trial's process could not be made: {error}{process_cure(error)}")
        try:
            result = work.result()
        except MethodUnavailableError as error:
            outcome = TrialOutcome(job.UNAVAILABLE, str(error))
        except CoreError as error:
            outcome = _from_error(error, trial, cap_bytes)
        else:
            outcome = self._from_ending(ending, trial, kills) if result is None else _from_result(result)
        # Read in microseconds, on another CPU; what happened while the rounds ran is counted by the core itself.
        outcome.measures.update(zip(_LOADS, (load1_before, self._load1())))
        if jobs is not None and "counters" in outcome.measures:
            outcome.measures["counters"]["other_jobs"] = max(jobs, readers.other_jobs(self.preflight.files) or 0)
        return dataclasses.replace(outcome, unkillable=ending.has_survivors)

    def _load1(self) -> float | None:
        return next(iter(readers.loadavg(self.preflight.files) or ()), None)

    def _oom_kills(self) -> tuple[int, int]:
        """Count the OOM kills for the memory cap, and those around the agent or on the whole host."""
        capped = (self.group.oom_kills() or 0) if self.group else 0
        return capped, cgroup.oom_kills(self.preflight.files, self.preflight.groups)

    def _from_ending(self, ending: ChildEnd, trial: job.TrialSpec, kills: tuple[int, int]) -> TrialOutcome:
        if ending.cause in _CAUSES:
            status, reason = _CAUSES[ending.cause]
            return TrialOutcome(status, reason.format(timeout_s=trial.timeout_s))
        if ending.signal == signal.SIGKILL:
            capped, host = (now - before for now, before in zip(self._oom_kills(), kills))
            if capped:
                return TrialOutcome(job.OOM, self._over_cap(trial))
            if host:
                return TrialOutcome(job.OOM, f"the kernel's OOM killer took the trial; {_cure(trial)}")
            return TrialOutcome(job.KILLED, "SIGKILL from outside")
        if ending.signal:
            status = job.UNAVAILABLE if ending.signal in _BOUNDS else job.KILLED
            name = next((each.name for each in signal.Signals if each == ending.signal), f"signal {ending.signal}")
            return TrialOutcome(status, _BOUNDS.get(ending.signal, name))
        reason = f"the trial's process ended with exit status {ending.exit_status} and no result"
        return TrialOutcome(job.FAILED, reason)

    def _over_cap(self, trial: job.TrialSpec) -> str:
        need_bytes = self.preflight.most_memory(trial).total_bytes
        return (
            f"used more than the {(self.preflight.memory_cap_bytes or 0) >> 20:,} MiB that a trial may have on this "
            f"host (its region and what belongs to it are {-(-need_bytes >> 20):,} MiB); raise the host's "
            f"memory in hosts.yaml, or use {WORKLOADS[trial.workload].smaller}"
        )


def _cure(trial: job.TrialSpec) -> str:
    return f"use {WORKLOADS[trial.workload].smaller}, or free memory"


def _from_error(error: CoreError, trial: job.TrialSpec, cap_bytes: int | None) -> TrialOutcome:
    # mremap's ENOMEM is about the number of mappings, not about memory.
    if error.errno_name != "ENOMEM" or error.call.split(" ")[0] not in ("mmap", "malloc", "calloc"):
        cure = process_cure(error) if error.call == "pthread_create" else ""
        return TrialOutcome(job.FAILED, f"{error}{cure}")
    allowed = "" if cap_bytes is None else f"a trial of this size is allowed {cap_bytes >> 20:,} MiB of addresses; "
    limits = readers.short_of_memory()
    return TrialOutcome(job.OOM, f"{error}; {allowed}{limits + ', or ' if limits else ''}{_cure(trial)}")


def _from_result(result: TrialResult) -> TrialOutcome:
    counters = dict(result.counters)
    measures = {name: getattr(result, name) for name in MEASURES}
    measures.update((name, counters.pop(name, None)) for name in FIELDS_FROM_COUNTERS)
    measures["counters"] = counters
    if result.verified:
        return TrialOutcome(job.OK, "", measures)
    return TrialOutcome(job.CORRUPT, f"verification: {result.reason}", measures)
