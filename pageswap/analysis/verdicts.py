"""The words that a comparison of a case ends with, and the one rule by which it gets them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from pageswap.statistics.intervals import ALPHA

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Intervals = tuple[Floats, Floats, Floats]

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
