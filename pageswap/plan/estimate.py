"""Foretells roughly what a plan will cost in memory and time, from a small model of this kind of machine."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pageswap.agent.trial.preflight import memory_need
from pageswap.agent.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pageswap.agent.journal.job import TrialSpec
    from pageswap.spec.experiment import Experiment
    from pageswap.spec.factors import Vocabulary

# Measured on a 2-vCPU AMD EPYC (Zen 5) virtual machine, Linux 6.18. Other machines differ by a factor of two, and a
# cache-sized region by three: good enough to tell seconds from minutes from hours, and for nothing else.
_TRIAL_S = 0.008  # a fork, a journal line and its fsync
_SETUP_BYTES_PER_S = 1.5e9  # mapping and stamping, page faults included
_VERIFY_BYTES_PER_S = 8.0e9
_SCHEDULE_S = 7e-9  # an iteration
_SPLIT_S = 0.7e-6  # counting the mappings of a region cut into pages: a page a round
_GROW_BYTE_S = 0.5e-9  # a byte of a block that grows: stamped, checked or filled, and freed
_GROW_COPIED_BYTE_S = 0.3e-9  # the same, where a method copies it, faults of the new place included
_CALL_S = 3e-6  # most calls: from 0.1 to 8 microseconds


# What one iteration of a family's methods takes: fixed, and for each byte of page_size.
_ITERATION_S: Mapping[str, tuple[float, float]] = {
    "control": (2e-9, 0.0),
    "window": (2e-9, 0.0),
    "copy": (0.4e-6, 0.11e-9),
    "remap": (20e-6, 0.0),
}


@dataclasses.dataclass(frozen=True)
class CaseEstimate:
    """What one trial of a case is expected to take."""

    memory_bytes: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What a plan is expected to take on one host.

    `memory_bytes` is the largest trial's (trials run one at a time), `seconds` the sum over all trials, `least_seconds`
    over those that are measured in any case (fewer where a stopping rule may end the run early), and `at_most_seconds`
    the bound that the timeout sets.
    """

    cases: tuple[CaseEstimate, ...]
    memory_bytes: int
    seconds: float
    least_seconds: float
    at_most_seconds: float


def estimate(
    experiment: Experiment, trials: Sequence[TrialSpec], controls: Sequence[TrialSpec], vocabulary: Vocabulary
) -> Estimate:
    """Estimate a plan's cost.

    `trials` holds one trial of each case, in the cases' order, `controls` one of each that a measured block has twice.
    """
    costs = tuple(_trial_estimate(trial, vocabulary) for trial in trials)
    once = sum(cost.seconds for cost in costs)
    measured = once + sum(_trial_estimate(trial, vocabulary).seconds for trial in controls)
    timeouts = [sum(trial.timeout_s for trial in part) for part in (trials, controls)]
    return Estimate(
        cases=costs,
        memory_bytes=max(cost.memory_bytes for cost in costs),
        seconds=experiment.warmups * once + experiment.repeats * measured,
        least_seconds=experiment.warmups * once + experiment.least_repeats * measured,
        at_most_seconds=experiment.warmups * timeouts[0] + experiment.repeats * sum(timeouts),
    )


def _trial_estimate(trial: TrialSpec, vocabulary: Vocabulary) -> CaseEstimate:
    method = vocabulary.methods[trial.method]
    memory = memory_need(
        trial,
        scratch=trial.workload not in method.without_scratch,
        is_reserved=trial.backing in vocabulary.reserved_backings,
    )
    return CaseEstimate(memory.total_bytes, min(_seconds(trial, method.family), trial.timeout_s))


def _seconds(trial: TrialSpec, family: str) -> float:
    # A family that this table does not know yet is taken for the slowest: too long a guess surprises less.
    fixed_s, byte_s = _ITERATION_S.get(family, _ITERATION_S["remap"])
    workload = WORKLOADS[trial.workload]
    if workload.made_each == "region_size":
        grown_s = _GROW_BYTE_S + (_GROW_COPIED_BYTE_S if family == "copy" else 0.0)
        return _TRIAL_S + trial.iterations * trial.region_size * grown_s
    if workload.made_each:
        return _TRIAL_S + trial.iterations * _CALL_S
    seconds = (
        _TRIAL_S
        + trial.region_size / _SETUP_BYTES_PER_S
        + trial.region_size / _VERIFY_BYTES_PER_S
        + trial.iterations * (_SCHEDULE_S + fixed_s + byte_s * trial.page_size)
    )
    if family == "remap":
        pages = trial.region_size // trial.page_size
        seconds += _SPLIT_S * min(pages, 2 * trial.iterations) * trial.rounds
    return seconds
