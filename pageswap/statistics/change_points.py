"""Where a series changes its level, by the ranks of its values alone, and what its end only hints at.

The way of cutting is that of circular binary segmentation (Olshen, Venkatraman, Lucito and Wigler 2004, Biostatistics
5, 557): a stretch of values is tested against all others, so that a level that came and went is found as well as a
single edge; then each part is looked at by itself. The test is Mann-Whitney's, as in Pettitt's for one edge (1979,
Applied Statistics 28, 126): its p knows nothing of how values scatter, but that their order was chance. Tests by means
take skewed noise for changes, and E-divisive (Matteson and James 2014, JASA 109, 334; Apache Otava) draws its
permutations at random and passes over a level that came and went, neither of whose edges is the best single cut.
"""

from __future__ import annotations

import bisect
import dataclasses
import functools
import itertools
import math
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

from pageswap.statistics.intervals import ALPHA, Interval
from pageswap.statistics.rank_tests import separation_p, shift

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.statistics.medians import Floats

# So many values make a level. Fewer may be one disturbed hour.
LEAST: Final = 3
# The part of the chance of a false change that is left to single edges; the rest is for stretches in the middle, which
# are many more, and whose p are smaller where there is one.
_FOR_EDGES: Final = 0.75
# A value alone so many deviations from its neighbours is none of a level (Hampel 1974, JASA 69, 383).
_ALONE: Final = 3.5
# The median of |x| of a standard normal x.
_MIDDLE: Final = 0.6745
_FEWEST_BEFORE: Final = 5
_LATEST: Final = 2
_SHARE_FOUND: Final = 0.9
# A last value alone hints at something only so many times as far out as any before, or more among many series.
_FARTHER: Final = 2.0


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

    The chance that a history of ``family`` series without a change shows one is at most 5 %, however its values
    scatter, as long as none depends on the one before. A change that was found stands where the ranks of the two parts
    beside it still tell them apart, and `LEAST` values of each are on its own side of the middle between both.
    """
    values = np.asarray(series, dtype=np.float64)
    calm, _ = without_lone_values(values)
    edges = _edges(values, calm, family)
    while edges:
        beside = list(itertools.pairwise(np.split(values, edges)))
        p = [_edge_p(*parts) * family for parts in beside]
        found = [_change(edge, *parts, each) for edge, parts, each in zip(edges, beside, p, strict=True)]
        if all(found):
            return tuple(each for each in found if each)
        # The weakest goes, and its neighbours are then tested with what was on both sides of it.
        weakest = max((index for index, each in enumerate(found) if not each), key=p.__getitem__)
        edges = _placed(calm, edges[:weakest] + edges[weakest + 1 :])
    return ()


@functools.cache
def fewest(family: int = 1) -> int:
    """Return how many values a series of so many takes to show a change, which then stands in its middle."""
    return next(
        count
        for count in itertools.count(2 * LEAST)
        if separation_p(math.inf, count // 2, count - count // 2) <= _limit(count, family)
    )


def pending(level: Sequence[float], family: int = 1) -> Pending | None:
    """Return what the end of a level hints at: its last value, or last two, far from all before; None for nothing.

    Far is outside of the prediction interval of a further value, at 5 % corrected for ``family`` series, and of all
    values before. The last alone is farther than any of them by what tails like those of Student's t with two degrees
    of freedom, which thin out with the square of the distance, would give it in 5 % of as many series. Only a value
    more makes a change of it (`LEAST`).
    """
    values = np.asarray(level, dtype=np.float64)
    before, last = values[:-_LATEST], values[-_LATEST:]
    if len(before) < _FEWEST_BEFORE:
        return None
    calm, _ = without_lone_values(before)
    middle, error = calm.mean(), calm.std(ddof=1) * math.sqrt(1 + 1 / len(calm))
    reach = float(-special.stdtrit(len(calm) - 1, ALPHA / (2 * family))) * error
    side = math.copysign(1, last[-1] - middle)
    away, farthest = side * (last - middle), float((side * (before - middle)).max())
    if (away > max(reach, farthest)).all():
        return Pending(_LATEST, float(np.mean(last) - middle))
    farther = max(_FARTHER, math.sqrt(2.5 * family / (ALPHA * len(before))))
    is_far = away[-1] > max(reach, farther * farthest, farther * float(away[0]))
    return Pending(1, float(last[-1] - middle)) if is_far else None


def smallest_shift(level: Sequence[float], family: int = 1) -> float:
    """Return the change in the middle of such a series that `change_points` finds in 9 of 10; NaN for too few values.

    The values must be of one level. It is the shift at which Mann-Whitney's U is extreme enough in 9 of 10, from the
    mean and variance that U has for normal values (Lehmann 1975, Nonparametrics, 2.3).
    """
    count = len(level)
    if count < fewest(family):
        return math.nan
    m, n = count // 2, count - count // 2
    limit = _limit(count, family)
    reached = bisect.bisect_right(range(m * n // 2), limit, key=lambda u: separation_p(m * n / 2 - u, m, n))
    shifts = np.linspace(0, 8, 801)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    above = special.ndtr(shifts / math.sqrt(2))
    two_above = special.ndtr(nodes[:, np.newaxis] + shifts).T ** 2 @ (weights / weights.sum())
    spread = np.sqrt(m * n * (above * (1 - above) + (count - 2) * (two_above - above**2)))
    # The number of pairs that are the other way round is below `reached`.
    found = (reached - 0.5 - m * n * (1 - above)) / spread
    calm, _ = without_lone_values(np.asarray(level, dtype=np.float64))
    return float(np.interp(special.ndtri(_SHARE_FOUND), found, shifts) * calm.std(ddof=1))


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


def most_unlike(values: Floats, family: int = 1) -> list[int]:
    """Return where the stretch begins and ends whose ranks differ most from all others'; nothing where it is chance.

    Of a stretch that ends with the series only the beginning is returned. Stretches, and what is left, have `LEAST`
    values or more on each side.
    """
    count = len(values)
    if count < fewest(family):
        return []
    sums = np.concatenate([[0.0], np.cumsum(_ranks(values) - (count + 1) / 2)])
    best, cuts = ALPHA, []
    weight = _places(count) * family / _FOR_EDGES
    for place in range(LEAST, count - LEAST + 1):
        p = separation_p(abs(sums[place]), place, count - place) * weight
        if p <= best:
            best, cuts = p, [place]
    longest = count - 2 * LEAST
    stretches = (longest - LEAST + 1) * (longest - LEAST + 2) / 2
    weight = stretches * family / (1 - _FOR_EDGES)
    inner = sums[LEAST : count - LEAST + 1]
    for length in range(LEAST, longest + 1):
        distances = np.abs(inner[length:] - inner[:-length])
        first = int(np.argmax(distances))
        p = separation_p(distances[first], length, count - length) * weight
        if p < best:
            best, cuts = p, [LEAST + first, LEAST + first + length]
    return cuts


def _edges(values: Floats, calm: Floats, family: int) -> list[int]:
    """Return where other levels may begin: each part that a cut leaves is looked at again, by itself."""
    edges: list[int] = []
    parts = [(0, len(values))]
    while parts:
        start, end = parts.pop()
        cuts = most_unlike(values[start:end], family)
        if cuts:
            bounds = [start, *(start + each for each in _placed(calm[start:end], cuts)), end]
            edges += bounds[1:-1]
            parts += itertools.pairwise(bounds)
    return _placed(calm, sorted(edges))


def _placed(calm: Floats, edges: list[int]) -> list[int]:
    """Put each edge to where, between its neighbours, the squares around both parts' means sum to least."""
    for _ in edges:
        for index in range(len(edges)):
            start, _, end = [0, *edges, len(calm)][index : index + 3]
            edges = [*edges[:index], start + _best_cut(calm[start:end]), *edges[index + 1 :]]
    return edges


def _best_cut(values: Floats) -> int:
    lengths = np.arange(LEAST, len(values) - LEAST + 1)
    sums = np.cumsum(values - values.mean())[lengths - 1]
    return LEAST + int(np.argmax(sums**2 / (lengths * (len(values) - lengths))))


def _ranks(values: Floats) -> Floats:
    """Return the rank of each value from 1 on, of equal ones the mean of theirs."""
    _, own, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[own])


def _edge_p(before: Floats, after: Floats) -> float:
    """Return the p of two parts, corrected for every place where the cut between them might be."""
    count = len(before) + len(after)
    distance = abs(float((_ranks(np.concatenate([before, after]))[: len(before)] - (count + 1) / 2).sum()))
    return separation_p(distance, len(before), len(after)) * _places(count)


def _change(edge: int, before: Floats, after: Floats, p: float) -> ChangePoint | None:
    """Return the change at an edge, with ``p`` corrected; None where it does not stand."""
    point, interval = shift(before, after)
    if p > ALPHA or interval is None or interval.low <= 0 <= interval.high:
        return None
    border = (np.median(before) + np.median(after)) / 2
    sides = (before < border, after > border) if point > 0 else (before > border, after < border)
    return ChangePoint(edge, point, interval, p) if min(map(np.sum, sides)) >= LEAST else None


def _limit(count: int, family: int) -> float:
    """Return the p below which a single edge is told from chance, among all places and series."""
    return ALPHA * _FOR_EDGES / (_places(count) * family)


def _places(count: int) -> int:
    return count - 2 * LEAST + 1
