"""Rank tests of many small samples at once.

They are scipy.stats' own, tested against them; importing scipy.stats takes longer than a whole small report.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

# Up to here the exact distributions are cheap; beyond, the normal ones differ in the fourth digit.
EXACT_UP_TO: Final = 50
# A chunk's comparisons of values with each other, so that memory does not grow with the run.
_CHUNK_VALUES: Final = 1 << 22


def midranks(rows: Floats) -> Floats:
    """Rank each row's values from 1, equal ones alike: the mean of the ranks they take together."""
    count = rows.shape[1]
    chunk = max(1, _CHUNK_VALUES // max(1, count * count))
    found = np.empty(rows.shape)
    for start in range(0, len(rows), chunk):
        part = rows[start : start + chunk]
        less = (part[:, :, np.newaxis] > part[:, np.newaxis, :]).sum(axis=2)
        equal = (part[:, :, np.newaxis] == part[:, np.newaxis, :]).sum(axis=2)
        found[start : start + chunk] = less + (equal + 1) / 2
    return found


def signed_rank_p(rows: Floats) -> Floats:
    """Give the two-sided p of Wilcoxon's signed-rank test that each row's values lie about 0.

    A zero counts half on either side (zsplit). Up to `EXACT_UP_TO` values p is from the exact distribution, rounded to
    the safe side where ties make the sum of ranks no integer; beyond, from the normal one, corrected for ties.
    """
    count = rows.shape[1]
    ranks = midranks(np.abs(rows))
    positive = (ranks * (rows > 0)).sum(axis=1) + (ranks * (rows == 0)).sum(axis=1) / 2
    total = count * (count + 1) / 2
    if count <= EXACT_UP_TO:
        below = np.concatenate(([0.0], np.cumsum(_signed_rank_chances(count))))
        at_most = below[np.ceil(positive).astype(int) + 1]
        at_least = 1.0 - below[np.floor(positive).astype(int)]
        return np.asarray(np.minimum(1.0, 2 * np.minimum(at_most, at_least)))
    # The sum over groups of t ties of t**3 - t, each of the t values bringing its t**2 - 1.
    ties = np.array([(_ties(row) ** 2 - 1.0).sum() for row in np.abs(rows)])
    spread = np.sqrt((count * (count + 1) * (2 * count + 1) - ties / 2) / 24)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (positive - total / 2) / spread
    return np.where(spread > 0, 2 * special.ndtr(-np.abs(z)), 1.0)


def kendall_p(values: Floats) -> float:
    """Give the two-sided p of Kendall's rank correlation of a series with its order; 1 where all values are equal.

    It is exact for up to `EXACT_UP_TO` distinct values, else from the normal distribution, corrected for ties.
    """
    count = len(values)
    falls, rises = (int(np.triu(values[:, np.newaxis] * side > values * side, 1).sum()) for side in (1, -1))
    pairs = count * (count - 1) // 2
    ties = _ties(values)
    if (ties == 1).all() and count <= EXACT_UP_TO:
        return float(min(1.0, 2 * _inversion_chances(count)[: min(falls, pairs - falls) + 1].sum()))
    variance = (count * (count - 1) * (2 * count + 5) - ((ties - 1) * (2 * ties + 5)).sum()) / 18
    return 2 * float(special.ndtr(-abs(rises - falls) / math.sqrt(variance))) if variance > 0 else 1.0


def _ties(values: Floats) -> Floats:
    """Give for each value how many equal it."""
    return np.asarray((values[:, np.newaxis] == values).sum(axis=1), dtype=np.float64)


@functools.cache
def _signed_rank_chances(count: int) -> Floats:
    """Give the chance of each sum of ranks of positive values, from 0 on: each rank is in it or not, alike."""
    chances = np.ones(1)
    for rank in range(1, count + 1):
        longer = np.zeros(len(chances) + rank)
        longer[: len(chances)] += chances / 2
        longer[rank:] += chances / 2
        chances = longer
    return chances


@functools.cache
def _inversion_chances(count: int) -> Floats:
    """Give the chance of each number of inversions in a random order, from 0 on."""
    chances = np.ones(1)
    for size in range(2, count + 1):
        chances = np.convolve(chances, np.full(size, 1 / size))
    return chances
