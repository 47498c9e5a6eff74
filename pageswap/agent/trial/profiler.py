"""Profiles a case: trials of it that are never counted, under perf, as many as give enough samples of their rounds."""

from __future__ import annotations

import dataclasses
import os
import time
from typing import TYPE_CHECKING, Any

from pageswap.agent.journal import job
from pageswap.agent.trial import perf
from pageswap.agent.trial.core_calls import ForkedCall
from pageswap.agent.trial.perf_samples import Round, Samples, count_samples
from pageswap.errors import CoreError, HostError, MethodUnavailableError

if TYPE_CHECKING:
    from collections.abc import Collection

    from pageswap.agent.trial.executor import Executor

# A share of half of so many is known to two percent.
_ENOUGH_SAMPLES = 2000
_LONGEST_S = 5.0
_MOST_TRIALS = 500
# What perf itself may take beside the trials.
_PERF_S = 60.0
_NO_SAMPLE = "perf took no sample in the timed rounds; use more iterations"
_NOTHING: dict[str, Any] = {
    "event": "",
    "frequency_hz": perf.FREQUENCY_HZ,
    "trials": 0,
    "elapsed_ns": 0,
    "samples": 0,
    "kernel_samples": 0,
    "outside": 0,
    "names_hidden": False,
    "symbols": [],
}


@dataclasses.dataclass(frozen=True)
class ProfileOutcome:
    """How a profile ended: ok, unavailable or failed, and why; `found` are the fields of its line in the journal.

    `unkillable` as of a TrialOutcome.
    """

    status: str
    reason: str = ""
    found: dict[str, Any] = dataclasses.field(default_factory=lambda: dict(_NOTHING))
    unkillable: bool = False


@dataclasses.dataclass
class Profiler:
    """Profiles cases, one at a time, with what the `executor` has; perf's files are in `folder`, it runs on `beside`.

    Trials and perf descend from a child of the agent's of their own, and end with it.
    """

    executor: Executor
    folder: str
    beside: Collection[int]

    def __post_init__(self) -> None:
        """Ask perf once."""
        files = self.executor.preflight.files
        self._problem = perf.problem(files)
        self._events = perf.events(files)

    def run(self, trial: job.TrialSpec) -> ProfileOutcome | None:
        """Profile a trial's case; None when the run was stopped meanwhile."""
        if self._problem:
            return ProfileOutcome(job.UNAVAILABLE, self._problem)
        refusal = self.executor.preflight.refusal(trial)
        if refusal:
            return ProfileOutcome(*refusal)
        path = f"{self.folder}/perf.data"
        work = ForkedCall(self.executor.core, lambda: dataclasses.asdict(self._profile(trial, path)))
        try:
            ending = self.executor.watcher.run(work, timeout_s=trial.timeout_s + _PERF_S)
            found = work.result()
        except (HostError, OSError) as error:
            return ProfileOutcome(job.FAILED, str(error))
        finally:
            perf.remove_recording(path)
        # Whoever is killed last may still tell how those before it ended.
        if ending.cause == "stop":
            return None
        if ending.cause == "exit" and found is not None:
            return dataclasses.replace(ProfileOutcome(**found), unkillable=ending.has_survivors)
        why = "was killed" if ending.cause == "exit" else f"did not end within {trial.timeout_s + _PERF_S:g} s"
        return ProfileOutcome(job.FAILED, f"the profile's process {why}", unkillable=ending.has_survivors)

    def _profile(self, trial: job.TrialSpec, path: str) -> ProfileOutcome:
        """Profile it, in a child of the agent's."""
        if self.beside:
            os.sched_setaffinity(0, self.beside)
        outcome = ProfileOutcome(job.FAILED)
        for event in self._events:
            try:
                outcome = self._sample(trial, path, event)
            except (perf.PerfError, MethodUnavailableError) as error:
                outcome = ProfileOutcome(job.UNAVAILABLE, str(error))
            except (CoreError, HostError) as error:
                outcome = ProfileOutcome(job.FAILED, str(error))
            if outcome.found["samples"]:
                break
        return outcome

    def _sample(self, trial: job.TrialSpec, path: str, event: str) -> ProfileOutcome:
        with perf.Recording(path, event) as recording:
            recording.begin()
            rounds, trials = self._trials(trial, recording)
            recording.end()
            threads_cpus = self.executor.cpus[: trial.threads]
            samples = count_samples(recording.lines(), rounds, threads_cpus)
        # What perf falls back to where it may not sample the kernel.
        if "u" in samples.event.partition(":")[2]:
            raise perf.PerfError(f"perf may sample {samples.event} only, without the kernel; {perf.MAY_SAMPLE}")
        return ProfileOutcome(job.OK, "" if samples.inside else _NO_SAMPLE, _findings(samples, rounds, trials))

    def _trials(self, trial: job.TrialSpec, recording: perf.Recording) -> tuple[list[Round], int]:
        """Run the trial until there are enough samples; return the rounds and of how many trials they are."""
        executor = self.executor
        cap_bytes = executor.preflight.address_space_cap(trial)
        traces = [executor.traces[each] for each in (trial.trace_sha256,) if each]
        rounds: list[Round] = []
        trials, expected = 0, 0.0
        until = time.monotonic() + _LONGEST_S
        while trials == 0 or (expected < _ENOUGH_SAMPLES and trials < _MOST_TRIALS and time.monotonic() < until):
            work = executor.core.stamped_trial(trial, executor.cpus, *traces)
            procs = executor.group.procs if executor.group else None
            pid = work.start(cpus=executor.watcher.allowed_cpus, address_bytes=cap_bytes, group=procs)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            result = work.result()
            if result is None:
                raise HostError(f"the trial's process ended with {code} and no result")
            if not result.verified:
                raise HostError(f"verification: {result.reason}")
            trials += 1
            begins_and_times = zip(work.begins_ns(), result.rounds_ns)
            rounds += [Round(begin_ns, begin_ns + round_ns, pid) for begin_ns, round_ns in begins_and_times]
            expected += sum(result.rounds_ns) * perf.FREQUENCY_HZ * trial.threads / 1e9
            if recording.is_full():
                break
        return rounds, trials


def _findings(samples: Samples, rounds: Collection[Round], trials: int) -> dict[str, Any]:
    return {
        **_NOTHING,
        "event": samples.event,
        "trials": trials,
        "elapsed_ns": sum(each.end_ns - each.begin_ns for each in rounds),
        "samples": samples.inside,
        "kernel_samples": samples.in_kernel,
        "outside": samples.outside,
        "names_hidden": samples.is_kernel_hidden,
        "symbols": samples.top(),
    }
