"""What an experiment asks: written as `asks:`, or else what follows from its workload, baseline and cases."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.workloads import WORKLOADS
from pageswap.spec.factors import FACTORS, levels_by_factor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pageswap.agent.journal.job import Level
    from pageswap.spec.experiment import Experiment

FASTER: Final = "faster"
FASTEST: Final = "fastest"
CROSSOVER: Final = "crossover"
GAIN: Final = "gain"
COST: Final = "cost"
RATE: Final = "rate"
ASKS: Final = (FASTER, FASTEST, CROSSOVER, GAIN, COST, RATE)

SIZE_FACTORS: Final = tuple(name for name, factor in FACTORS.items() if factor.kind == "size")

# So many sizes make a crossover the likely question; two are enough where it is asked for.
_TELLING_SIZES = 3


def derived_asks(workload: str, baseline: Mapping[str, Any], cases: Iterable[Mapping[str, Level]]) -> str:
    """Return what an experiment asks that does not say so, from its workload, its baseline and its cases' levels."""
    if "method" not in baseline:
        return GAIN
    usual = WORKLOADS[workload].asks
    if usual != FASTER:
        return usual
    levels = levels_by_factor(cases)
    varied = [name for name in levels if len(levels[name]) > 1 and name != "method"]
    is_by_size = all(name in SIZE_FACTORS and len(levels[name]) >= _TELLING_SIZES for name in varied)
    return CROSSOVER if is_by_size and len(varied) == 1 else FASTER


def with_asks(experiment: Experiment, cases: Sequence[Mapping[str, Level]]) -> Experiment:
    """Return the experiment with `asks` as it is written, or derived from its cases where it is not.

    Raises SpecError, with the cure, when the cases cannot answer what is written.
    """
    if "asks" not in experiment.lines:
        asks = derived_asks(experiment.workload, experiment.baseline, cases)
        return dataclasses.replace(experiment, asks=asks)
    lacks = _lacks(experiment, levels_by_factor(cases))
    if lacks:
        raise experiment.error("asks", f"'{experiment.asks}' {lacks}")
    return experiment


def _lacks(experiment: Experiment, levels: Mapping[str, Sequence[Level]]) -> str:
    """Say what an experiment lacks to answer what it asks, with the cure; "" where it lacks nothing."""
    asks, has_method = experiment.asks, "method" in experiment.baseline
    its_own = [name for name, workload in WORKLOADS.items() if workload.asks == asks]
    sizes = [name for name in SIZE_FACTORS if len(levels.get(name, ())) > 1]
    is_of_others = asks in (COST, RATE) and experiment.workload not in its_own
    lacks = (
        (is_of_others, f"needs 'workload: {' or '.join(its_own)}'; write that, or delete asks"),
        (asks == FASTEST and len(levels["method"]) == 1, "needs several methods; add one or more to method"),
        (
            asks == CROSSOVER and len(sizes) > 1,
            f"needs one size that varies, and {' and '.join(sizes)} both do; give one of them a single level",
        ),
        (
            asks == CROSSOVER and not sizes,
            f"needs a size that varies; give {' or '.join(SIZE_FACTORS)} several levels",
        ),
        (
            asks == GAIN and has_method,
            "needs a baseline that names a condition and no method; write such as {threads: 1}, or delete asks",
        ),
        (
            asks in (FASTER, CROSSOVER, COST) and not has_method,
            "needs a baseline that names a method; write such as {method: memcpy}",
        ),
    )
    return next((what for is_so, what in lacks if is_so), "")
