"""Medians of many samples at once, each with a bootstrap confidence interval."""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

CONFIDENCE = 0.95
# Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 14.3: BCa wants 1,000 resamples or more.
RESAMPLES = 1_000
SEED = 20_100
# Below six not even the range from the smallest to the largest value holds the median with 95 % confidence: it does
# with probability 1 - 2 * 0.5**n, 0.9375 at five (David and Nagaraja, Order Statistics, 3rd ed., section 7.1).
MINIMUM_N = 6
# Small enough for one step's resamples to stay in the processor's cache, and for memory not to grow with the run.
_CHUNK_ROWS = 1_000
_BATCH_BYTES = 2 << 20


@dataclasses.dataclass(frozen=True)
class Interval:
    """Both ends of a confidence interval, in the unit of what it is about."""

    low: float
    high: float


def median(sample: Floats, axis: int = -1) -> Floats:
    """Give the medians along an axis; np.median's own check for NaN takes four times as long on a resample."""
    count = sample.shape[axis]
    middle = count // 2
    if count % 2:
        return np.asarray(np.take(np.partition(sample, middle, axis=axis), middle, axis=axis), dtype=np.float64)
    parts = np.partition(sample, (middle - 1, middle), axis=axis)
    low, high = np.take(parts, middle - 1, axis=axis), np.take(parts, middle, axis=axis)
    return np.asarray(low + (high - low) / 2, dtype=np.float64)


def median_intervals(samples: Floats) -> tuple[Floats, Floats, Floats]:
    """Give the median and both ends of its 95 % interval for each row of a matrix with NaN where a value is missing.

    The interval is bootstrapped, bias-corrected and accelerated (Efron 1987, JASA 82, 171), with a fixed seed, so the
    same data give the same figures. Where BCa is undefined, as when leaving out any one value leaves the median as it
    was, it is the percentile interval of the same resamples. It is never narrower than the exact interval between two
    order statistics: a bootstrap of the median of seven holds the truth in 88 of 100 samples, not in 95. A median is
    NaN where a row is empty, its interval's ends where fewer than `MINIMUM_N` values are there.
    """
    rows = samples.shape[0]
    point, low, high = (np.full(rows, math.nan) for _ in range(3))
    is_there = ~np.isnan(samples)
    counts = is_there.sum(axis=1)
    for count in np.unique(counts[counts > 0]):
        chosen = np.flatnonzero(counts == count)
        dense = samples[chosen][is_there[chosen]].reshape(len(chosen), int(count))
        point[chosen] = median(dense)
        if count >= MINIMUM_N:
            for start in range(0, len(chosen), _CHUNK_ROWS):
                part = slice(start, start + _CHUNK_ROWS)
                low[chosen[part]], high[chosen[part]] = _interval(dense[part])
    return point, low, high


def _interval(dense: Floats) -> tuple[Floats, Floats]:
    low, high = _bootstrap(dense, "BCa")
    undefined = np.flatnonzero(np.isnan(low) | np.isnan(high))
    if len(undefined):
        low[undefined], high[undefined] = _bootstrap(dense[undefined], "percentile")
    exact_low, exact_high = _order_statistics(dense)
    return np.minimum(low, exact_low), np.maximum(high, exact_high)


def _order_statistics(dense: Floats) -> tuple[Floats, Floats]:
    """Give the k-th smallest and k-th largest values, k the largest for which they hold the median often enough."""
    count = dense.shape[1]
    tails = stats.binom.cdf(np.arange(count // 2), count, 0.5)
    k = int((tails <= (1 - CONFIDENCE) / 2).sum())
    ordered = np.sort(dense, axis=1)
    return ordered[:, k - 1], ordered[:, count - k]


def _bootstrap(dense: Floats, method: Literal["BCa", "percentile"]) -> tuple[Floats, Floats]:
    batch = max(1, min(RESAMPLES, _BATCH_BYTES // dense.nbytes))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # Equal values are no fault of the data: a degenerate sample gets its percentile interval, of width nothing.
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        found = stats.bootstrap(
            (dense,),
            median,
            axis=-1,
            vectorized=True,
            confidence_level=CONFIDENCE,
            n_resamples=RESAMPLES,
            batch=batch,
            method=method,
            rng=np.random.default_rng(SEED),
        ).confidence_interval
    return np.atleast_1d(np.array(found.low)), np.atleast_1d(np.array(found.high))
