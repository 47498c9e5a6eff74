"""Where a series changes its level: the places that explain it best, each then tested, and what its end only hints at.

The places are those of penalised least squares over all ways of cutting the series at once (optimal partitioning:
Jackson et al. 2005, IEEE Signal Processing Letters 12, 105), which is what PELT (Killick, Fearnhead and Eckley 2012,
JASA 107, 1590) and the library ruptures find. E-divisive (Matteson and James 2014, JASA 109, 334; Apache Otava) cuts
in two again and again, and so passes over a level that came and went: neither of its edges is the best single cut.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

from pageswap.statistics.intervals import ALPHA, Interval
from pageswap.statistics.rank_tests import shift

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.statistics.medians import Floats

# So many values make a level. Fewer may be one disturbed hour.
LEAST: Final = 3
# Below this no two parts are long enough for ranks to tell them apart: 3 and 5, or 4 and 4.
FEWEST: Final = 8
# What a further cut must explain, in variances and logarithms of the count: more than Yao's 2 (1988, Statistics and
# Probability Letters 6, 181), as each cut is tested after, and too many would make the variance look small.
_PENALTY: Final = 3.0
# A value alone so many deviations from its neighbours is none of a level (Hampel 1974, JASA 69, 383).
_ALONE: Final = 3.5
# The median of |x| of a standard normal x.
_MIDDLE: Final = 0.6745
_FEWEST_BEFORE: Final = 5
_LATEST: Final = 2


@dataclasses.dataclass(frozen=True)
class ChangePoint:
    """A change of level: the values from ``place`` on, counted from 0, belong to the next one.

    ``shift`` is how far the next level lies above the one before, with its 95 % interval; ``p`` is corrected for all
    places where there might have been one.
    """

    place: int
    shift: float
    interval: Interval
    p: float


@dataclasses.dataclass(frozen=True)
class Pending:
    """The last values, one or two, that lie outside of what the level before lets expect: perhaps a change."""

    values: int
    shift: float


def change_points(series: Sequence[float], family: int = 1) -> tuple[ChangePoint, ...]:
    """Find where a series changes its level, in its order.

    A change stands where three things agree: Student's test of the means of both parts, with the variance inside all
    parts; the ranks of their values (`pageswap.statistics.rank_tests.shift`, uncorrected); and that `LEAST` values of
    each part are on its own side of the middle between both, so that two outliers beside each other are no level. The
    test is corrected for every place of the series, and for
    ``family`` series that are looked at together. A value that is alone among its neighbours counts as they do.
    """
    values = np.asarray(series, dtype=np.float64)
    calm, deviation = without_lone_values(values)
    if len(values) < FEWEST or not deviation:
        return ()
    edges = best_cuts((calm - calm.mean()) / deviation, _PENALTY * math.log(len(values)))
    while edges:
        p = _p_of(calm, edges) * _places(len(values)) * family
        found = [_change(values, edges, index, float(each)) for index, each in enumerate(p)]
        if all(found):
            return tuple(each for each in found if each)
        # The weakest goes, and its neighbours are then tested with what was on both sides of it.
        weakest = int(np.argmax(np.where([each is None for each in found], p, -1.0)))
        edges = edges[:weakest] + edges[weakest + 1 :]
    return ()


def pending(level: Sequence[float], family: int = 1) -> Pending | None:
    """Return what the end of a level hints at: its last value, or last two, far from all before; None for nothing.

    Far is outside of the prediction interval of a further value, at 5 % corrected for ``family`` series. Only a value
    more makes a change of it (`LEAST`).
    """
    values = np.asarray(level, dtype=np.float64)
    before, last = values[:-_LATEST], values[-_LATEST:]
    if len(before) < _FEWEST_BEFORE:
        return None
    calm, _ = without_lone_values(before)
    middle, error = calm.mean(), calm.std(ddof=1) * math.sqrt(1 + 1 / len(calm))
    reach = float(-special.stdtrit(len(calm) - 1, ALPHA / (2 * family))) * error
    is_far = np.abs(last - middle) > reach
    if not is_far[-1]:
        return None
    is_long = bool(is_far.all()) and (last[0] > middle) == (last[-1] > middle)
    count = _LATEST if is_long else 1
    return Pending(count, float(np.mean(last[-count:]) - middle))


def smallest_shift(level: Sequence[float], family: int = 1) -> float:
    """Return the change in the middle of such a series that `change_points` finds in 9 of 10; NaN for too few values.

    The values must be of one level; it is what the test asks for, and what the difference of two means varies by.
    """
    count = len(level)
    if count < FEWEST:
        return math.nan
    calm, _ = without_lone_values(np.asarray(level, dtype=np.float64))
    error = 2 * float(calm.std(ddof=1)) / math.sqrt(count)
    needed = -special.stdtrit(count - 2, ALPHA / (2 * family * _places(count)))
    return float((needed + special.stdtrit(count - 2, 0.9)) * error)


def without_lone_values(values: Floats) -> tuple[Floats, float]:
    """Return a series whose lone values are replaced by the median of three, and its deviation from value to value.

    A running median of three leaves a step where it is (Tukey 1977, Exploratory Data Analysis, 7A). The deviation
    comes from the median of the steps between neighbours, which a few changes of level hardly move.
    """
    if len(values) < LEAST:
        return values, 0.0
    steps = np.abs(np.diff(values))
    deviation = float(np.median(steps)) / _MIDDLE / math.sqrt(2)
    if not deviation:
        # More than half are equal; what differs at all then differs much.
        deviation = float(steps.mean())
    # Whose neighbours are on one side has the two nearest.
    windows = np.lib.stride_tricks.sliding_window_view(values, LEAST)
    middles = np.median(windows, axis=1)
    middles = np.concatenate([middles[:1], middles, middles[-1:]])
    return np.where(np.abs(values - middles) > _ALONE * deviation, middles, values), deviation


def best_cuts(values: Floats, penalty: float, least: int = LEAST) -> list[int]:
    """Return where to cut a series so that the squares around each part's mean, and ``penalty`` a cut, sum to least.

    Parts have at least ``least`` values; a place is that of a part's first value.
    """
    count = len(values)
    sums, squares = (np.concatenate([[0.0], np.cumsum(each)]) for each in (values, values**2))
    best = np.full(count + 1, math.inf)
    best[0] = -penalty
    previous = np.zeros(count + 1, dtype=np.int64)
    for end in range(least, count + 1):
        starts = slice(0, end - least + 1)
        lengths = end - np.arange(end - least + 1)
        costs = best[starts] + penalty + squares[end] - squares[starts] - (sums[end] - sums[starts]) ** 2 / lengths
        previous[end] = int(np.argmin(costs))
        best[end] = costs[previous[end]]
    cuts, end = [], count
    while end > 0 and previous[end] > 0:
        end = int(previous[end])
        cuts.append(end)
    return cuts[::-1]


def _p_of(values: Floats, edges: list[int]) -> Floats:
    """Return the p of each edge: that the means of the parts beside it differ by chance."""
    parts = np.split(values, edges)
    degrees = len(values) - len(parts)
    variance = sum(float(((part - part.mean()) ** 2).sum()) for part in parts) / degrees
    means, counts = np.array([part.mean() for part in parts]), np.array([len(part) for part in parts])
    error = np.sqrt(variance * (1 / counts[:-1] + 1 / counts[1:]))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(2 * special.stdtr(degrees, -np.abs(np.diff(means)) / error))


def _change(values: Floats, edges: list[int], index: int, p: float) -> ChangePoint | None:
    """Return the change at an edge, with ``p`` corrected; None where it does not stand."""
    before, after = np.split(values, edges)[index : index + 2]
    point, interval = shift(before, after)
    if p > ALPHA or interval is None or interval.low <= 0 <= interval.high:
        return None
    border = (np.median(before) + np.median(after)) / 2
    sides = (before < border, after > border) if point > 0 else (before > border, after < border)
    return ChangePoint(edges[index], point, interval, p) if min(map(np.sum, sides)) >= LEAST else None


def _places(count: int) -> int:
    return count - 2 * LEAST + 1
