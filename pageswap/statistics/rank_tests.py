"""Tests of ranks: of a series' correlation with its order, and how far one sample lies from another.

The distributions are scipy.stats' own, tested against it; importing scipy.stats takes longer than a small report.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

from pageswap.statistics.intervals import CONFIDENCE, Interval

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pageswap.statistics.medians import Floats


# Up to here the exact distributions are cheap; beyond, the normal ones differ in the fourth digit, or by less than one
# pair (Lehmann 1975, 1.3).
EXACT_UP_TO: Final = 50
# So many differences are put into order as they are; of more, only those near the place that is wanted.
_FEW: Final = 4096
# Halvings of the range of all differences: as many as a float has digits, where most of them are equal.
_HALVINGS: Final = 52
# Where chances far below a hundredth are asked for, the normal distribution is used only for more pairs than these and
# more values than these in the smaller sample: of 9 and 223 it makes one of 0.0001 three times as large.
_EXACT_PAIRS: Final = 2_000
_SMALL: Final = 8


def kendall_p(values: Floats) -> float:
    """Return the two-sided p of Kendall's rank correlation of a series with its order; 1 where all values are equal.

    It is exact for up to `EXACT_UP_TO` distinct values, else from the normal distribution, corrected for ties.
    """
    count = len(values)
    falls, rises = (int(np.triu(values[:, np.newaxis] * side > values * side, 1).sum()) for side in (1, -1))
    pairs = count * (count - 1) // 2
    ties = (values[:, np.newaxis] == values).sum(axis=1)
    if (ties == 1).all() and count <= EXACT_UP_TO:
        return float(min(1.0, 2 * _inversion_chances(count)[: min(falls, pairs - falls) + 1].sum()))
    variance = (count * (count - 1) * (2 * count + 5) - ((ties - 1) * (2 * ties + 5)).sum()) / 18
    return 2 * float(special.ndtr(-abs(rises - falls) / math.sqrt(variance))) if variance > 0 else 1.0


@functools.cache
def _inversion_chances(count: int) -> Floats:
    """Return the chance of each number of inversions in a random order, from 0 on."""
    chances = np.ones(1)
    for size in range(2, count + 1):
        chances = np.convolve(chances, np.full(size, 1 / size))
    return chances


def shift(base: Floats, new: Floats) -> tuple[float, Interval | None]:
    """Estimate how much larger ``new`` is than ``base``, with a 95 % interval, or None when it is too small a sample.

    The estimate is the median of all differences between a value of one and a value of the other (Hodges and Lehmann
    1963, Ann. Math. Stat. 34, 598). The interval lies between two of these differences, found by inverting the
    Mann-Whitney test (Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 3rd ed., section 4.3). It is
    exact for samples of any shape and size that differ by a shift, where a bootstrap of the median of seven is too
    narrow. Four values on each side are the fewest that can exclude anything at 95 %. Both must hold a value.
    """
    count = len(new) * len(base)
    k = critical_difference(len(base), len(new))
    middle = (count - 1) // 2, count // 2
    first, second, low, high = _differences_at(base, new, (*middle, max(0, k - 1), min(count - 1, count - k)))
    return (first + second) / 2, Interval(low, high) if k else None


def _differences_at(base: Floats, new: Floats, places: Iterable[int]) -> list[float]:
    """Return those of all differences that stand at these places when they are in order, from 0 on."""
    if len(base) * len(new) <= _FEW:
        differences = np.sort(np.subtract.outer(new, base), axis=None)
        return [float(differences[place]) for place in places]
    negated, added = np.sort(-base), np.sort(new)
    found = {place: _sum_at(negated, added, place) for place in set(places)}
    return [found[place] for place in places]


def _sum_at(a: Floats, b: Floats, place: int) -> float:
    """Return the sum of a value of ``a`` and one of ``b``, both sorted, at a place in the order of all sums.

    The range in which it lies is halved until it holds few: those up to a limit are counted without making one, by how
    many of ``a`` each value of ``b`` leaves room for.
    """
    low, high = np.zeros(len(b), dtype=np.int64), np.full(len(b), len(a))
    at_least, at_most = a[0] + b[0], a[-1] + b[-1]
    for _ in range(_HALVINGS):
        if (high - low).sum() <= _FEW:
            break
        limit = (at_least + at_most) / 2
        upto = np.searchsorted(a, limit - b, side="right")
        if upto.sum() > place:
            high, at_most = upto, limit
        else:
            low, at_least = upto, limit
    counts = high - low
    steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    sums = a[np.repeat(low, counts) + steps] + np.repeat(b, counts)
    place -= int(low.sum())
    return float(np.partition(sums, place)[place])


@functools.cache
def critical_difference(m: int, n: int) -> int:
    """Return the largest k whose k-th smallest and k-th largest difference hold the shift often enough, or 0."""
    tail = (1 - CONFIDENCE) / 2
    if max(m, n) > EXACT_UP_TO:
        spread = math.sqrt(m * n * (m + n + 1) / 12)
        return max(0, math.floor(m * n / 2 - float(-special.ndtri(tail)) * spread))
    at_most = np.cumsum(orders_by_u(m, n)) / math.comb(m + n, n)
    return int((at_most <= tail).sum())


def separation_p(distance: float, m: int, n: int) -> float:
    """Return the two-sided p of two samples of m and n values whose Mann-Whitney U lies so far from m n / 2.

    It is exact for small samples of distinct values. Else it comes from the normal distribution, which makes it larger:
    far out U has fewer orders than that.
    """
    few, many = sorted((m, n))
    if few > _SMALL and few * many > _EXACT_PAIRS:
        spread = math.sqrt(m * n * (m + n + 1) / 12)
        return min(1.0, 2 * float(special.ndtr((0.5 - distance) / spread)))
    chances = _chances_up_to(few, many)
    # Half a place more is half a pair that is equal.
    return min(1.0, 2 * float(chances[math.ceil(max(0.0, m * n / 2 - distance))]))


@functools.cache
def _chances_up_to(m: int, n: int) -> Floats:
    """Return the chance of each U up to the middle, or of a lower one."""
    return np.cumsum(orders_by_u(n, m)[: m * n // 2 + 2]) / math.comb(m + n, m)


def orders_by_u(m: int, n: int) -> Floats:
    """Count for each value of Mann-Whitney's U, the orders of m and n values that give it (a Gaussian binomial)."""
    size = m * n + 1
    counts = np.zeros(size)
    counts[0] = 1
    for i in range(1, n + 1):
        # Times (1 - q^(m+i)), then divided by (1 - q^i), as power series.
        counts[m + i :] -= counts[: max(0, size - m - i)].copy()
        for first in range(min(i, size)):
            np.cumsum(counts[first::i], out=counts[first::i])
    return counts
