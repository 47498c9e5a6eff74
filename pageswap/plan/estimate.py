"""Foretells roughly what a plan will cost in memory and time, from a small model of this kind of machine."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pageswap.spec import Experiment, Level, Vocabulary

# A schedule is two 32-bit slots an iteration, the model of verification one 32-bit page number a slot.
_SCHEDULE_BYTES = 8
_MODEL_BYTES = 4

# Measured on a 2-vCPU AMD EPYC (Zen 5) virtual machine, Linux 6.18. Other machines differ by a factor of two, and a
# cache-sized region by three: good enough to tell seconds from minutes from hours, and for nothing else.
_TRIAL_S = 0.008  # a fork, a journal line and its fsync
_SETUP_BYTES_PER_S = 1.5e9  # mapping and stamping, page faults included
_VERIFY_BYTES_PER_S = 8.0e9
_SCHEDULE_S = 7e-9  # an iteration
_SPLIT_S = 0.7e-6  # counting the mappings of a region cut into pages: a page a round


@dataclasses.dataclass(frozen=True)
class _Cost:
    """What one iteration of a family's methods takes: fixed, and for each byte of page_size."""

    fixed_s: float
    byte_s: float


_ITERATION: Mapping[str, _Cost] = {
    "control": _Cost(2e-9, 0.0),
    "window": _Cost(2e-9, 0.0),
    "copy": _Cost(0.4e-6, 0.11e-9),
    "remap": _Cost(20e-6, 0.0),
}


@dataclasses.dataclass(frozen=True)
class CaseEstimate:
    """What one trial of a case is expected to take."""

    memory_bytes: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What a plan is expected to take on one host.

    `memory_bytes` is the largest trial's (trials run one at a time), `seconds` the sum over all trials, and
    `at_most_seconds` the bound that the timeout sets.
    """

    cases: tuple[CaseEstimate, ...]
    memory_bytes: int
    seconds: float
    at_most_seconds: float


def estimate(experiment: Experiment, cases: Sequence[Mapping[str, Level]], vocabulary: Vocabulary) -> Estimate:
    """Estimate what `cases` cost, each measured in every block of the experiment."""
    costs = tuple(_case(experiment, case, vocabulary) for case in cases)
    blocks = experiment.repeats + experiment.warmups
    return Estimate(
        cases=costs,
        memory_bytes=max(cost.memory_bytes for cost in costs),
        seconds=blocks * sum(cost.seconds for cost in costs),
        at_most_seconds=blocks * len(costs) * experiment.timeout_s,
    )


def _case(experiment: Experiment, case: Mapping[str, Level], vocabulary: Vocabulary) -> CaseEstimate:
    page_bytes, region_bytes = int(case["page_size"]), int(case["region_size"])
    iterations, pages = int(case["iterations"]), region_bytes // page_bytes
    family = vocabulary.methods[str(case["method"])].family
    # A family that this table does not know yet is taken for the slowest: too long a guess surprises less.
    cost = _ITERATION.get(family, _ITERATION["remap"])
    seconds = (
        _TRIAL_S
        + region_bytes / _SETUP_BYTES_PER_S
        + region_bytes / _VERIFY_BYTES_PER_S
        + iterations * (_SCHEDULE_S + cost.fixed_s + cost.byte_s * page_bytes)
        + (_SPLIT_S * min(pages, 2 * iterations) * experiment.rounds if family == "remap" else 0.0)
    )
    return CaseEstimate(
        memory_bytes=region_bytes + page_bytes + _SCHEDULE_BYTES * iterations + _MODEL_BYTES * pages,
        seconds=min(seconds, experiment.timeout_s),
    )
