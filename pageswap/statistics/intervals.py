"""Confidence intervals of medians, and how far the median ratio of two equal things strays from 1."""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
from scipy import special

from pageswap.statistics.medians import Floats, median, median_weights, sorted_rows
from pageswap.statistics.trimmed_means import brought_in

# Estimates and both ends of their intervals, one a row.
Intervals = tuple[Floats, Floats, Floats]
CONFIDENCE = 0.95
ALPHA = 1 - CONFIDENCE
# Below six not even the range from the smallest to the largest value holds the median with 95 % confidence: it does
# with probability 1 - 2 * 0.5**n, 0.9375 at five (David and Nagaraja, Order Statistics, 3rd ed., section 7.1).
MINIMUM_N = 6
# A chunk's values of the bootstrap distribution: small enough for memory not to grow with the run.
_CHUNK_VALUES = 1 << 21
# Two sums of the same weights in another order differ by so little.
_ROUNDING = 1e-9


@dataclasses.dataclass(frozen=True)
class Interval:
    """Both ends of a confidence interval, in the unit of what it is about."""

    low: float
    high: float

    @classmethod
    def known(cls, low: float, high: float) -> Interval | None:
        """Return the interval between two ends, None where one is NaN."""
        return None if math.isnan(low) or math.isnan(high) else cls(float(low), float(high))

    def inverse(self, of: float = 1.0) -> Interval:
        """Return the interval of ``of`` divided by what this one is about."""
        return Interval(of / self.high, of / self.low)


def known(value: float) -> float | None:
    """Return a figure, None for NaN."""
    return None if math.isnan(value) else float(value)


def median_intervals(samples: Floats) -> Intervals:
    """Return the median and both ends of its 95 % interval for each row of a matrix with NaN where a value is missing.

    The interval is the bootstrap's, bias-corrected and accelerated (BCa; Efron 1987, JASA 82, 171), of the bootstrap
    distribution itself rather than of a number of draws from it (`pageswap.statistics.medians`): no seed, and
    the same data give the same figures. It is never narrower than the interval between interpolated order statistics
    (Hettmansperger and Sheather 1986, Statistics and Probability Letters 4, 75), as the bootstrap alone holds the
    median of seven in 88 of 100 samples and not in 95. A median is NaN where a row is empty, its interval's ends where
    fewer than `MINIMUM_N` values are there.
    """
    point, low, high = (np.full(len(samples), math.nan) for _ in range(3))
    for rows, ordered in sorted_rows(samples):
        point[rows] = median(ordered)
        count = ordered.shape[1]
        if count < MINIMUM_N:
            continue
        chunk = max(1, _CHUNK_VALUES // len(median_weights(count)[2]))
        for start in range(0, len(rows), chunk):
            part = slice(start, start + chunk)
            boot_low, boot_high = _bca(ordered[part])
            exact_low, exact_high = _between_order_statistics(ordered[part])
            low[rows[part]] = np.minimum(boot_low, exact_low)
            high[rows[part]] = np.maximum(boot_high, exact_high)
    return point, low, high


def ratio_intervals(logs: Floats) -> Intervals:
    """Return the same for the logarithms of ratios, so that one disturbed block of seven does not decide an end.

    The interval of seven values reaches a quarter of the way from the second to the outermost: no interval that makes
    no assumption can leave that one out. How far out it counts is bounded (`pageswap.statistics.trimmed_means`).
    """
    return median_intervals(brought_in(logs))


def noise_floors(logs: Floats) -> Floats:
    """Return for each row what the median of as many log ratios stays below, either way, in 95 of 100 runs.

    A row holds the logarithms d of the ratios of pairs of equal things, NaN being none. As which of a pair comes first
    is random, d and -d are equally likely. The median of n values lies below their quantile p with the probability of
    at least (n + 1) / 2 of n draws below it, so the floor is the quantile 2 p - 1 of all |d|, p being the 0.975
    quantile of the beta distribution with both parameters (n + 1) / 2 (David and Nagaraja, Order Statistics, 3rd ed.,
    section 2.1). It is never below what the median of all d was found to be. NaN for less than six pairs.
    """
    floors = np.full(len(logs), math.nan)
    for rows, values in sorted_rows(logs, MINIMUM_N):
        half = (values.shape[1] + 1) / 2
        level = 2 * special.betaincinv(half, half, (1 + CONFIDENCE) / 2) - 1
        floors[rows] = np.maximum(np.quantile(np.abs(values), level, axis=1), np.abs(median(values)))
    return floors


def share_interval(part: int, whole: int) -> Interval:
    """Return the 95 % interval of a share, of which ``part`` of ``whole`` independent draws were found.

    It is Wilson's (1927, JASA 22, 209), which stays within 0 and 1 and is honest for small counts, where that of the
    normal distribution around the share found is neither.
    """
    z = float(special.ndtri((1 + CONFIDENCE) / 2))
    share, weight = part / whole, 1 + z * z / whole
    centre = (share + z * z / (2 * whole)) / weight
    half = z * math.sqrt(share * (1 - share) / whole + (z / (2 * whole)) ** 2) / weight
    # Rounding must not leave the share outside, which lies on an end where it is 0 or 1.
    return Interval(min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half)))


def _between_order_statistics(ordered: Floats) -> tuple[Floats, Floats]:
    """Return the ends between the k-th and the next value from either side, interpolated to the confidence wanted."""
    count = ordered.shape[1]
    k, share = _interpolation(count)
    low = (1 - share) * ordered[:, k - 1] + share * ordered[:, k]
    high = (1 - share) * ordered[:, count - k] + share * ordered[:, count - k - 1]
    return low, high


@functools.cache
def _interpolation(count: int) -> tuple[int, float]:
    """Return the largest k whose interval from k-th to k-th value suffices, and how far to go on to the next one."""
    held = 1 - 2 * special.bdtr(np.arange(count // 2), count, 0.5)
    k = int((held >= CONFIDENCE).sum())
    excess = (held[k - 1] - CONFIDENCE) / (held[k - 1] - held[k])
    return k, float((count - k) * excess / (k + (count - 2 * k) * excess))


def _bca(ordered: Floats) -> tuple[Floats, Floats]:
    lower, upper, weights = median_weights(ordered.shape[1])
    drawn = ordered[:, lower] + (ordered[:, upper] - ordered[:, lower]) / 2
    if ordered.shape[1] % 2 == 0:
        order = np.argsort(drawn, axis=1)
        drawn, weights = np.take_along_axis(drawn, order, axis=1), weights[order]
    else:
        weights = np.broadcast_to(weights, drawn.shape)
    reached = np.cumsum(weights, axis=1)
    point = median(ordered)[:, np.newaxis]
    below = np.where(drawn < point, weights, 0.0).sum(axis=1)
    equal = np.where(drawn == point, weights, 0.0).sum(axis=1)
    bias = special.ndtri(below + equal / 2)
    acceleration = _acceleration(ordered)
    ends = []
    for tail in ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2):
        shift = bias + special.ndtri(tail)
        chance = special.ndtr(bias + shift / (1 - acceleration * shift))
        place = (reached < chance[:, np.newaxis] - _ROUNDING).sum(axis=1)
        place = np.minimum(place, drawn.shape[1] - 1)
        ends.append(np.take_along_axis(drawn, place[:, np.newaxis], axis=1)[:, 0])
    return ends[0], ends[1]


def _acceleration(ordered: Floats) -> Floats:
    """Return the jackknife's skewness / 6 of each row: 0 where leaving any one value out changes nothing, or n is even.

    Leaving out one of an even number of values gives either of the two middle ones equally often.
    """
    rows, count = ordered.shape
    if count % 2 == 0:
        return np.zeros(rows)
    middle = count // 2
    left, centre, right = (ordered[:, middle + step] for step in (-1, 0, 1))
    without = np.stack([(centre + right) / 2, (left + right) / 2, (left + centre) / 2], axis=1)
    times = np.array([middle, 1.0, middle])
    shift = (without @ times)[:, np.newaxis] / count - without
    squares = (shift**2) @ times
    # The cubes of the smallest times there are would vanish; only their proportion matters.
    spread = np.sqrt(np.where(squares > 0, squares, 1.0))
    return np.asarray(np.where(squares > 0, (((shift / spread[:, np.newaxis]) ** 3) @ times) / 6, 0.0))
