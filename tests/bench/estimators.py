"""Checks the formulas of the statistics on simulated arrays whose truth is known: no run, no report.

`tests/bench/coverage.py` prints these beside what whole runs say.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Final

import numpy as np

from pageswap.analysis.explanations.several_hosts import hierarchical_interval
from pageswap.analysis.verdicts import FASTER, SLOWER, judge
from pageswap.statistics.intervals import median_intervals, noise_floors, ratio_intervals
from pageswap.statistics.trimmed_means import holm, paired_p

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

SIMULATIONS: Final = 1_000
FAMILIES: Final = (1, 3, 10, 30)
# Logarithms of factors on a time, with median 0: what trials of one case vary by.
SHAPES: Final[dict[str, Callable[[np.random.Generator, int], Floats]]] = {
    "normal": lambda rng, count: rng.normal(0, 0.02, count),
    "skewed": lambda rng, count: 0.02 * (rng.exponential(1, count) - math.log(2)),
    "very skewed": lambda rng, count: 0.02 * (np.exp(rng.normal(size=count)) - 1),
    "heavy tails": lambda rng, count: 0.02 * rng.standard_t(2, count).clip(-500, 500),
    "one in ten disturbed": lambda rng, count: rng.normal(0, 0.02, count) * np.where(rng.random(count) < 0.1, 15, 1),
}


@dataclasses.dataclass(frozen=True)
class Check:
    """One line: what was simulated, the share that came out, and between which bounds it must be."""

    name: str
    share: float
    at_least: float
    at_most: float

    @property
    def holds(self) -> bool:
        """Say whether it is within its bounds."""
        return self.at_least <= self.share <= self.at_most


def family_checks() -> Iterator[Check]:
    """Give, for runs of 7 blocks with so many comparisons, false alarms and the large differences that are found.

    Arrays alone, a baseline and a control in each run. Disturbed: one trial of a case takes four times as long.
    """
    rng = np.random.default_rng(9)
    blocks = 7
    for family in FAMILIES:
        for name in ("normal", "heavy tails"):
            for is_disturbed in (False, True):
                times = [
                    SHAPES[name](rng, SIMULATIONS * count * blocks).reshape(SIMULATIONS, count, blocks)
                    for count in (1, family, 1)
                ]
                base, cases, control = times
                logs = base - cases
                if is_disturbed:
                    logs += math.log(1.5)
                    rows, columns = np.indices((SIMULATIONS, family))
                    logs[rows, columns, rng.integers(0, blocks, (SIMULATIONS, family))] -= math.log(4)
                floors = noise_floors((control - base)[:, 0])
                p = paired_p(logs.reshape(-1, blocks)).reshape(SIMULATIONS, family)
                called = []
                for run in range(SIMULATIONS):
                    words, _ = judge(ratio_intervals(logs[run]), np.full(family, floors[run]), holm(p[run]))
                    called.append([word in (FASTER, SLOWER) for word in words])
                found = np.array(called)
                if is_disturbed:
                    title = f"1.5x found with a disturbed trial, n = 7, {family} comparisons, {name}"
                    yield Check(title, float(found.mean()), 0.95 if name == "normal" else 0.93, 1.0)
                else:
                    title = f"A/A runs with a false alarm, n = 7, {family} comparisons, {name}"
                    yield Check(title, float(found.any(axis=1).mean()), 0.0, 0.05)


def pool_checks() -> Iterator[Check]:
    """Give the share of intervals over hosts that hold the mean of all such hosts."""
    rng = np.random.default_rng(3)
    for count in (6, 10, 30):
        held = 0
        for _ in range(SIMULATIONS):
            logs = rng.normal(0, 0.05, (count, 1)) + rng.normal(0, 0.02, (count, 7))
            low, high = hierarchical_interval(logs, rng)
            held += low <= 0 <= high
        yield Check(f"interval over {count} hosts of 7 blocks", held / SIMULATIONS, 0.92, 0.98)


def tail_checks() -> Iterator[Check]:
    """Give how often p of the trimmed mean of normal samples is below a level, as a share of how often it should be."""
    rng = np.random.default_rng(11)
    samples, chunks = 200_000, 10
    for blocks in (6, 7, 10, 20, 50, 100):
        p = np.concatenate([paired_p(rng.normal(size=(samples, blocks))) for _ in range(chunks)])
        for level, text in ((0.05, "0.05"), (0.05 / 100, "0.05 / 100")):
            name = f"p of normal samples below {text}, n = {blocks}, as a share of what should be"
            yield Check(name, float(np.mean(p < level)) / level, 0.4, 1.15)


def bounded_checks() -> Iterator[Check]:
    """Give the share of intervals of seven normal values that hold 0, as they are and with far values brought in."""
    samples = np.random.default_rng(12).normal(size=(200_000, 7))
    for name, function in (("as they are", median_intervals), ("far values brought in", ratio_intervals)):
        _, low, high = function(samples)
        yield Check(
            f"95 % interval of seven normal values, {name}", float(np.mean((low <= 0) & (high >= 0))), 0.92, 0.98
        )


def share_checks() -> Iterator[Check]:
    """Give the share of intervals that hold an inner call's true share of a call, seven blocks, scattered by 3 %."""
    rng = np.random.default_rng(13)
    whole, inner = (np.exp(rng.normal(0, 0.03, (20_000, 7))) for _ in range(2))
    _, low, high = median_intervals(0.3 * inner / whole)
    yield Check("95 % interval of a share of a call, n = 7", float(np.mean((low <= 0.3) & (high >= 0.3))), 0.92, 0.98)
