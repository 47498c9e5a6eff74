"""Executes a job: each trial in turn, its outcome in the journal before the next, until the end or a reason to stop."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from pageswap.agent.daemon.follow import FollowedMark, touch
from pageswap.agent.host import cgroup
from pageswap.agent.host.environment import read_environment
from pageswap.agent.host.preparation import unprepared
from pageswap.agent.host.readers import Source, measured_cpus
from pageswap.agent.journal import job
from pageswap.agent.journal.journal import Journal
from pageswap.agent.journal.line_fields import utc_now
from pageswap.agent.trace import trace_from, unpacked
from pageswap.agent.trial.child_watcher import ChildWatcher, become_subreaper
from pageswap.agent.trial.core_calls import ForkedCall
from pageswap.agent.trial.executor import Executor, TrialOutcome
from pageswap.agent.trial.preflight import Preflight
from pageswap.agent.trial.profiler import Profiler
from pageswap.agent.workspace.cleaning import tidy
from pageswap.errors import HostError

if TYPE_CHECKING:
    import array
    from collections.abc import Callable

    from pageswap.agent.daemon.host_context import HostContext
    from pageswap.agent.host.tunables import Tunables
    from pageswap.agent.trial.child_watcher import StopSignals
    from pageswap.agent.workspace.host_lease import Lease
    from pageswap.agent.workspace.work_folder import WorkFolder

_ENTER_S = 60.0
# A reason is for people; what is longer is cut, also because readers refuse rows that are parcels.
_LONGEST_REASON = 4000


def log(text: str) -> None:
    """Write a line to the agent's log, which is standard error; a full disk must not end the job twice."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{utc_now()} {text}\n")
        sys.stderr.flush()


def restore_settings(tunables: Tunables, whose: str) -> list[dict[str, Any]]:
    """Put back what is still changed, if this user may; returns what `Tunables.restore` does."""
    if not tunables.may_change:
        return []
    try:
        events = tunables.restore()
    except HostError as error:
        log(f"cannot restore {whose}: {error}")
        return []
    for event in events:
        log(f"restored {whose}: {event}")
    return events


def _traces_of(the_job: job.Job) -> dict[str, array.array[int]]:
    """Return the lines of each trace by its hash; raises HostError where one did not come as it was sent."""
    try:
        traces = {sha256: unpacked(text, sha256) for sha256, text in the_job.traces.items()}
        missing = {trial.trace_sha256 for trial in the_job.trials} - {"", *traces}
        if missing:
            raise HostError(f"job: the trace {min(missing):.12} did not come with it; resume the run")
        return {sha256: trace_from(data, f"the trace {sha256:.12}").lines for sha256, data in traces.items()}
    except ValueError as error:
        raise HostError(f"job: {error}; resume the run, which sends it again") from None


class Session:
    """One job on this host, by the holder of the lease."""

    def __init__(
        self, the_job: job.Job, work: WorkFolder, context: HostContext, signals: StopSignals, lease: Lease
    ) -> None:
        """Take the job, where its files go, the host, the signals to obey and the lease to answer for."""
        self._job = the_job
        self._work = work
        self._signals = signals
        self._lease = lease
        self._core = context.core()
        self._traces = _traces_of(the_job)
        self._tunables = context.tunables
        threads = max((trial.threads for trial in the_job.trials), default=1)
        self._cpus, self._rest = measured_cpus(context.files, threads, the_job.cpu)
        self._source = Source(context.files, tuple(sorted(os.sched_getaffinity(0))), self._cpus[:threads])

    def run(self) -> None:
        """Execute all trials and write the journal from its begin to its end.

        Raises JournalError when the journal cannot be written: the job ends there, its settings restored.
        """
        touch(self._work.followed)
        mark = FollowedMark(self._work.followed)
        os.sched_setaffinity(0, self._rest)
        watcher = ChildWatcher(self._signals, self._lease, self._source.cpus_allowed, become_subreaper())
        try:
            tidied = tidy(self._work.path)
        except OSError as error:
            log(f"old work folders are left: {error}")
        else:
            if tidied and tidied["removed"]:
                log(f"removed {tidied['removed']} old work folders and bundles of {tidied['bytes']} bytes")
        events = restore_settings(self._tunables, "what a killed run left behind")
        methods = self._core.methods()
        preflight = Preflight(
            methods,
            self._source.files,
            self._job.memory_cap_bytes,
            self._core.reserved_page_bytes,
            self._core.folio_bytes,
        )
        journal = Journal(self._work.journal, run_id=self._job.run_id, host=self._job.host, segment=self._job.segment)
        group = None
        try:
            events += self._tune(preflight)
            # The conditions are those that are in force while it measures.
            journal.append(
                "begin",
                format=job.FORMAT,
                pid=os.getpid(),
                started_at=utc_now(),
                environment=read_environment(self._source, self._core.info()),
                methods=methods,
                measured_cpus=self._source.measured_cpus,
            )
            for event in events:
                journal.append("tune", **event)
            group = self._capped_group(watcher)
            trial_executor = Executor(self._core, watcher, preflight, cpus=self._cpus, group=group, traces=self._traces)
            if self._job.profile:
                profiler = Profiler(trial_executor, self._work.path, self._rest)
                why = self._in_turn(mark, lambda trial: _profile(journal, profiler, trial))
            else:
                info = self._core.info()
                why = self._in_turn(mark, lambda trial: _measure(journal, trial_executor, info, trial))
        finally:
            if group:
                group.remove()
            events = restore_settings(self._tunables, "this job's changes")
        for event in events:
            journal.append("tune", **event)
        journal.append("end", why=why, finished_at=utc_now())
        journal.close()
        log(f"ended: {why}")

    def _in_turn(self, mark: FollowedMark, execute: Callable[[job.TrialSpec], bool]) -> str:
        """Execute each trial, and return why that ended; `execute` tells whether its processes are gone."""
        for trial in self._job.trials:
            self._lease.serve()
            if self._signals.requested:
                return self._signals.requested
            if mark.idle_s() > self._job.lease_s:
                log(f"nobody has followed for {self._job.lease_s:g} s")
                return "lease_expired"
            if not execute(trial):
                log("a trial could not be killed: nothing more can be measured beside it")
                return "killed"
        return "done"

    def _tune(self, preflight: Preflight) -> list[dict[str, Any]]:
        """Change what the host's quiet and the job's trials need if that was asked for; returns what became of each."""
        if not self._job.tune:
            return []
        wanted = unprepared(self._source.files, self._source.measured_cpus)
        wanted |= preflight.settings_wanted(self._job.trials)
        changes = self._tunables.change_to(wanted, self._job.run_id)
        preflight.tune_problems = {change["name"]: change["reason"] for change in changes if change["set"] is None}
        for name, problem in preflight.tune_problems.items():
            log(f"{name}: {problem}")
        return changes

    def _capped_group(self, watcher: ChildWatcher) -> cgroup.MemoryGroup | None:
        """Make the control group that holds trials to the job's cap, if one is wanted and trials can enter it."""
        if self._job.memory_cap_bytes is None:
            return None
        group = cgroup.make_capped(self._source.files, self._job.memory_cap_bytes)
        if group is not None:
            entering = ForkedCall(self._core, lambda: True)
            watcher.run(entering, timeout_s=_ENTER_S, group=group.procs)
            try:
                if entering.result():
                    return group
            except HostError as error:
                log(str(error))
            group.remove()
        log("no control group can be made here: the memory cap is kept by what trials are computed to need")
        return None


def _measure(journal: Journal, executor: Executor, info: dict[str, Any], trial: job.TrialSpec) -> bool:
    """Execute a trial and write down its outcome; tell whether its processes are gone."""
    begin_ns = time.monotonic_ns()
    started_at = utc_now()
    refusal = executor.preflight.refusal(trial)
    outcome = TrialOutcome(*refusal) if refusal else executor.run(trial)
    journal.append(
        "trial",
        trial_id=trial.trial_id,
        attempt=trial.attempt,
        status=outcome.status,
        reason=outcome.reason[:_LONGEST_REASON],
        started_at=started_at,
        wall_ns=time.monotonic_ns() - begin_ns,
        **outcome.measures,
        build=info.get("build"),
        core_hash=info.get("core_hash"),
    )
    return not outcome.unkillable


def _profile(journal: Journal, profiler: Profiler, trial: job.TrialSpec) -> bool:
    """Profile a trial's case and write down what was found, nothing when it was stopped; tell as `_measure` does."""
    started_at = utc_now()
    outcome = profiler.run(trial)
    if outcome is None:
        return True
    journal.append(
        "profile",
        trial_id=trial.trial_id,
        status=outcome.status,
        reason=outcome.reason[:_LONGEST_REASON],
        started_at=started_at,
        **outcome.found,
    )
    return not outcome.unkillable
