"""Ranks, and the test of a series' rank correlation with its order.

It is scipy.stats' own, tested against it; importing scipy.stats takes longer than a whole small report.
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
def _inversion_chances(count: int) -> Floats:
    """Give the chance of each number of inversions in a random order, from 0 on."""
    chances = np.ones(1)
    for size in range(2, count + 1):
        chances = np.convolve(chances, np.full(size, 1 / size))
    return chances
