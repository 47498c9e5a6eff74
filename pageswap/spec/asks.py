"""What an experiment asks: written as `asks:`, or else what follows from its workload, baseline and cases."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.workloads import WORKLOADS
from pageswap.spec.factors import FACTORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pageswap.agent.journal.job import Level
    from pageswap.spec.experiment import Experiment

FASTER: Final = "faster"
FASTEST: Final = "fastest"
CROSSOVER: Final = "crossover"
GAIN: Final = "gain"
COST: Final = "cost"
RATE: Final = "rate"

SIZE_FACTORS: Final = tuple(name for name, factor in FACTORS.items() if factor.kind == "size")

# So many sizes make a crossover the likely question; two are enough where it is asked for.
_TELLING_SIZES = 3


@dataclasses.dataclass(frozen=True)
class _Structure:
    """What is asked follows from this: `levels` are the different levels that the cases have of each factor."""

    workload: str
    baseline: Mapping[str, Any]
    levels: Mapping[str, int]

    @property
    def names_method(self) -> bool:
        return "method" in self.baseline

    @property
    def varied(self) -> list[str]:
        """The factors but `method` with several levels."""
        return [name for name, count in self.levels.items() if count > 1 and name != "method"]

    @property
    def varied_sizes(self) -> list[str]:
        return [name for name in self.varied if name in SIZE_FACTORS]


def _needs_method(structure: _Structure) -> str:
    return "" if structure.names_method else "needs a baseline that names a method; write such as {method: memcpy}"


def _needs_methods(structure: _Structure) -> str:
    return "" if structure.levels.get("method", 0) > 1 else "needs several methods; add one or more to method"


def _needs_one_size(structure: _Structure) -> str:
    sizes = structure.varied_sizes
    if len(sizes) > 1:
        return f"needs one size that varies, and {' and '.join(sizes)} both do; give one of them a single level"
    if not sizes:
        return f"needs a size that varies; give {' or '.join(SIZE_FACTORS)} several levels"
    return _needs_method(structure)


def _needs_condition(structure: _Structure) -> str:
    if structure.names_method:
        return "needs a baseline that names a condition and no method; write such as {threads: 1}, or delete asks"
    return ""


def _needs_workload_of(asks: str) -> Callable[[_Structure], str]:
    """Make the check of a word that is the usual one of some workloads, and of no other."""
    names = [name for name, workload in WORKLOADS.items() if workload.asks == asks]

    def missing(structure: _Structure) -> str:
        if structure.workload not in names:
            return f"needs 'workload: {' or '.join(names)}'; write that, or delete asks"
        return _needs_method(structure) if asks == COST else ""

    return missing


# Word -> says what the structure lacks to answer it, with the cure; "" where it lacks nothing.
ASKS: Final[Mapping[str, Callable[[_Structure], str]]] = {
    FASTER: _needs_method,
    FASTEST: _needs_methods,
    CROSSOVER: _needs_one_size,
    GAIN: _needs_condition,
    COST: _needs_workload_of(COST),
    RATE: _needs_workload_of(RATE),
}


def _structure(workload: str, baseline: Mapping[str, Any], cases: Iterable[Mapping[str, Any]]) -> _Structure:
    levels: dict[str, set[Any]] = {}
    for case in cases:
        for name, level in case.items():
            levels.setdefault(name, set()).add(level)
    return _Structure(workload, baseline, {name: len(found) for name, found in levels.items()})


def derived_asks(workload: str, baseline: Mapping[str, Any], cases: Iterable[Mapping[str, Level]]) -> str:
    """Return what an experiment asks that does not say so, from its workload, its baseline and its cases' levels."""
    return _derived(_structure(workload, baseline, cases))


def _derived(structure: _Structure) -> str:
    if not structure.names_method:
        return GAIN
    usual = WORKLOADS[structure.workload].asks
    if usual != FASTER:
        return usual
    varied = structure.varied
    is_by_size = varied == structure.varied_sizes and len(varied) == 1 and structure.levels[varied[0]] >= _TELLING_SIZES
    return CROSSOVER if is_by_size else FASTER


def with_asks(experiment: Experiment, cases: Iterable[Mapping[str, Level]]) -> Experiment:
    """Return the experiment with `asks` as it is written, or derived from its cases where it is not.

    Raises SpecError, with the cure, when the cases cannot answer what is written.
    """
    structure = _structure(experiment.workload, experiment.baseline, cases)
    if "asks" not in experiment.lines:
        return dataclasses.replace(experiment, asks=_derived(structure))
    missing = ASKS[experiment.asks](structure)
    if missing:
        raise experiment.error("asks", f"'{experiment.asks}' {missing}")
    return experiment
