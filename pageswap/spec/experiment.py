"""What an experiment file says, once it is known to make sense, and what it asks."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.workloads import WORKLOADS
from pageswap.errors import SpecError
from pageswap.spec.factors import FACTORS, levels_by_factor
from pageswap.spec.quoting import short

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pageswap.agent.journal.job import Level
    from pageswap.spec.traces import FoundTrace

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


@dataclasses.dataclass(frozen=True)
class PrecisionTarget:
    """When a host has measured enough: from `least` blocks on, all intervals within `until` (0.02: 2 % either way)."""

    least: int
    until: float


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One experiment: a question, factors with their levels (sizes in bytes), and how often each case is measured.

    `asks` is one of `ASKS`: what the answer is to say. `factors` has every factor of the registry that the
    workload uses, in the registry's order. `exclude` and `include` have, for each entry, the levels that the named
    factors may take. `baseline` has one level a factor.
    `repeats` is the number of measured blocks, the most there may be where there is a `stopping` rule. `keep` is what
    --filter keeps, and `overrides` are the command-line arguments that changed the file's own words.
    `traces` has by its level each trace that is played. `text` is the file, verbatim; `lines` tells the line of each
    key path (``method[2]``).
    """

    name: str
    question: str
    workload: str
    factors: dict[str, tuple[Level, ...]]
    exclude: tuple[dict[str, tuple[Level, ...]], ...]
    include: tuple[dict[str, tuple[Level, ...]], ...]
    baseline: dict[str, Level]
    repeats: int
    warmups: int
    rounds: int
    seed: int
    timeout_s: float
    hosts: tuple[str, ...]
    text: str
    path: str
    lines: dict[str, int]
    asks: str = ""
    stopping: PrecisionTarget | None = None
    keep: dict[str, tuple[Level, ...]] = dataclasses.field(default_factory=dict)
    traces: dict[Level, FoundTrace] = dataclasses.field(default_factory=dict)
    overrides: tuple[str, ...] = ()

    @property
    def least_repeats(self) -> int:
        """The number of measured blocks that every host has at the least."""
        return self.stopping.least if self.stopping else self.repeats

    def error(self, key_path: str, message: str) -> SpecError:
        """Make the error that `message` at `key_path` is: with file and line, or the argument that replaced them."""
        key = key_path.partition("[")[0]
        argument = next((word for word in self.overrides if word.startswith(f"--set {key}=")), None)
        if argument:
            return SpecError(f"{short(argument)}: {message}")
        line = self.lines.get(key_path, self.lines.get(key, 1))
        return SpecError(f"{self.path}:{line}: {key_path}: {message}", line)


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
        return dataclasses.replace(experiment, asks=derived_asks(experiment.workload, experiment.baseline, cases))
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
