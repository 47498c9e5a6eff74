"""The words that comparisons end with, the one rule by which they get them, and any two series compared by it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

import numpy as np

from pageswap.statistics.intervals import ALPHA, Interval, ratio_intervals
from pageswap.statistics.trimmed_means import paired_p

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.statistics.intervals import Intervals
    from pageswap.statistics.medians import Floats

FASTER: Final = "faster"
SLOWER: Final = "slower"
NO_DIFFERENCE: Final = "no difference found"
TOO_FEW: Final = "too few"
BASELINE: Final = "baseline"
NOT_COMPARED: Final = "not compared"
NOT_MEASURED: Final = "not measured"

# What stood against a difference.
HOLDS_ONE: Final = "interval"
WITHIN_NOISE: Final = "noise floor"
NOT_SIGNIFICANT: Final = "correction"


def judge(ratios: Intervals, floors: Floats, p: Floats) -> tuple[Sequence[str], Sequence[str]]:
    """Return each comparison's verdict, and what stood against a difference where none was found, else "".

    A difference is called one when three things agree: the 95 % interval excludes 1; the ratio is beyond the noise
    floor; the test, corrected for how many were made, rejects at 5 %. All words about two things that were measured
    come from here: a case and its baseline, any two methods, groups of hosts, all hosts together, two runs.

    ``ratios`` are the logarithms of speed-ups with both ends of their intervals, NaN where there are too few values for
    one; ``floors`` likewise, NaN where none is known; ``p`` is corrected.
    """
    point, low, high = ratios
    is_known = ~np.isnan(low)
    against = [(low <= 0) & (high >= 0), np.abs(point) <= floors, ~(p <= ALPHA)]
    obstacles = np.where(is_known, np.select(against, [HOLDS_ONE, WITHIN_NOISE, NOT_SIGNIFICANT], ""), "")
    words = np.where(obstacles != "", NO_DIFFERENCE, np.where(point > 0, FASTER, SLOWER))
    return np.where(is_known, words, TOO_FEW).tolist(), obstacles.tolist()


@dataclasses.dataclass(frozen=True)
class Paired:
    """How many times as long one took as the other: the median over ``n`` blocks, its 95 % interval from six on.

    ``differs``: interval, noise floor and corrected test agree that the two are not the same; ``obstacle``: what did
    not, as of `judge`.
    """

    ratio: float
    interval: Interval | None
    n: int
    differs: bool
    obstacle: str


def paired(logs: Floats, floors: Floats, family: int) -> list[Paired]:
    """Judge each row of log ratios, one value a block, NaN being none; ``floors`` are the rows' noise floors.

    Both are logarithms. The rules are those of `judge`. The correction is Bonferroni's for
    ``family`` comparisons, as what is compared here was chosen by looking at the figures, which Holm's does not allow
    for.
    """
    ratios = ratio_intervals(logs)
    verdicts, obstacles = judge(ratios, floors, paired_p(logs) * family)
    n = (~np.isnan(logs)).sum(axis=1)
    point, low, high = (np.exp(part) for part in ratios)
    return [
        Paired(
            ratio=float(point[row]),
            interval=Interval.known(low[row], high[row]),
            n=int(n[row]),
            differs=verdict in (FASTER, SLOWER),
            obstacle=obstacle,
        )
        for row, (verdict, obstacle) in enumerate(zip(verdicts, obstacles, strict=True))
    ]
