"""Simulates sides of runs whose truth is known: false words and tripped gates of equal sides, and real changes found.

Each case of each run deviates by chance from run to run, the baseline's as much as the others', so that a ratio to it
deviates by the figure given; then come the blocks. What is judged goes the way of `pageswap.comparison`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from pageswap.analysis.verdicts import NO_DIFFERENCE, SLOWER, TOO_FEW, judge
from pageswap.statistics.run_to_run import OF_RATIOS, RunEstimates, run_shifts
from pageswap.statistics.trimmed_means import holm

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

SIMULATIONS: Final = 600
# What a case deviates by from run to run, and by how much the logarithms of cases' own deviations differ: as on a busy
# machine, where one case varies by ten times what its neighbour does.
DEVIATIONS: Final = ((0.0, 0.0), (0.01, 0.0), (0.02, 0.0), (0.05, 0.0), (0.02, 1.0), (0.05, 1.5))
CHANGES: Final = (0.05, 0.10)
CASES: Final = (2, 8, 24)
# Runs a side, and earlier runs under the conditions of each.
SIDES: Final = ((1, 6), (2, 0), (2, 6), (4, 0))
BLOCKS: Final = 20
BLOCK_DEVIATION: Final = 0.03
LIMIT: Final = 0.05
STRAY: Final = 0.5
MOST_FALSE: Final = 0.05


def main() -> int:
    """Print a line for each number of cases, runs and deviation; return 1 where one is beyond its bound."""
    rng = np.random.default_rng(20)
    # What chance alone adds to a share of so many simulations, in 99 of 100.
    slack = 2.33 * math.sqrt(MOST_FALSE * (1 - MOST_FALSE) / SIMULATIONS)
    print(f"{SIMULATIONS} pairs of sides each, {BLOCKS} blocks; gate: {100 * LIMIT:g} %; found: of one changed case")
    heads = (
        "cases",
        "runs",
        "deviation",
        "uneven by",
        "false word",
        "false gate",
        "5 % found",
        "10 % found",
        "stray trips",
    )
    print(" ".join(f"{head:>11}" for head in heads))
    failed = 0
    for cases in CASES:
        for runs, earlier in SIDES:
            for deviation, uneven in DEVIATIONS:
                words, gates, _ = _shares(rng, cases, (runs, earlier), (deviation, uneven))
                of = (runs, earlier), (deviation, uneven)
                found = [_shares(rng, cases, *of, change=each)[2] for each in CHANGES]
                stray = _shares(rng, cases, *of, stray=STRAY)[1] if runs > 1 else 0.0
                side = f"{runs}+{earlier}" if earlier else f"{runs}"
                shares = " ".join(f"{100 * share:9.1f} %" for share in (words, gates, *found, stray))
                print(f"{cases:11} {side:>11} {100 * deviation:9g} % {uneven:11g} {shares}", flush=True)
                failed += max(words, gates, stray) > MOST_FALSE + slack
    return int(failed > 0)


def _shares(  # noqa: PLR0913 - what a simulation is of
    rng: np.random.Generator,
    cases: int,
    sides: tuple[int, int],
    deviations: tuple[float, float],
    *,
    change: float = 0.0,
    stray: float = 0.0,
) -> tuple[float, float, float]:
    """Return how often any unchanged case has a word, the gate trips, and the first case is called slower."""
    runs, earlier = sides
    words = gates = found = 0
    for _ in range(SIMULATIONS):
        every = _estimates(rng, cases, 2 * (runs + earlier), *deviations)
        every.values[0, runs : 2 * runs] += math.log1p(change)
        every.values[0, 2 * runs - 1] += math.log1p(stray)
        bounds = (0, runs, 2 * runs, 2 * runs + earlier, 2 * (runs + earlier))
        parts = [slice(bounds[place], bounds[place + 1]) for place in range(len(bounds) - 1)]
        base, new, *before = [RunEstimates(every.values[:, part], every.errors[:, part]) for part in parts]
        shifts = run_shifts(base, new, before if earlier else (), shared=OF_RATIOS)
        ratios = (-shifts.point, -shifts.high, -shifts.low)
        verdicts, _ = judge(ratios, np.full(cases, math.nan), holm(shifts.p))
        told = [verdict not in (NO_DIFFERENCE, TOO_FEW) for verdict in verdicts]
        over = [low > math.log1p(LIMIT) and word == SLOWER for low, word in zip(shifts.low, verdicts, strict=True)]
        words += any(told[1:] if change or stray else told)
        gates += any(over)
        found += verdicts[0] == SLOWER
    return words / SIMULATIONS, gates / SIMULATIONS, found / SIMULATIONS


def _estimates(rng: np.random.Generator, cases: int, runs: int, deviation: float, uneven: float) -> RunEstimates:
    own = rng.normal(0, deviation / math.sqrt(2), (cases, runs)) * np.exp(rng.normal(0, uneven, (cases, 1)))
    baseline = rng.normal(0, deviation / math.sqrt(2), runs)
    error = BLOCK_DEVIATION / math.sqrt(BLOCKS)
    scatter = rng.normal(0, error, (cases, runs))
    errors = error * np.sqrt(rng.chisquare(BLOCKS - 1, (cases, runs)) / (BLOCKS - 1))
    return RunEstimates(own - baseline + scatter, errors)


if __name__ == "__main__":
    raise SystemExit(main())
