"""Medians of many samples at once, and the distribution that resampling gives one: exact, from binomial weights."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Iterator

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
# What a pair of values weighs less than has no part in an interval's end, and for a large sample most pairs do.
_LEAST_WEIGHT = 1e-10
# Places of a resample's median lie around the middle with a standard deviation of half the count's square root.
_REACH = 5.0


def sorted_rows(samples: Floats, least: int = 1) -> Iterator[tuple[Integers, Floats]]:
    """Yield the rows of a matrix that hold equally many values, and these values sorted, NaN being none.

    Rows of fewer than ``least`` values are left out.
    """
    is_there = ~np.isnan(samples)
    counts = is_there.sum(axis=1)
    for count in map(int, np.unique(counts[counts >= least])):
        rows = np.flatnonzero(counts == count)
        yield rows, np.sort(samples[rows][is_there[rows]].reshape(len(rows), count), axis=1)


def median(sample: Floats, axis: int = -1) -> Floats:
    """Return the medians along an axis of what has no NaN; np.median's check for one takes longer than the median."""
    count = sample.shape[axis]
    middle = count // 2
    if count % 2:
        return np.asarray(np.take(np.partition(sample, middle, axis=axis), middle, axis=axis), dtype=np.float64)
    parts = np.partition(sample, (middle - 1, middle), axis=axis)
    low, high = np.take(parts, middle - 1, axis=axis), np.take(parts, middle, axis=axis)
    return np.asarray(low + (high - low) / 2, dtype=np.float64)


def medians(samples: Floats) -> Floats:
    """Return the median of each row of a matrix with NaN where a value is missing; NaN where a row is empty."""
    found = np.full(len(samples), math.nan)
    for rows, values in sorted_rows(samples):
        found[rows] = median(values)
    return found


@functools.lru_cache(maxsize=256)
def median_weights(count: int) -> tuple[Integers, Integers, Floats]:
    """Return every value that the median of a resample of ``count`` values can take, and its probability.

    The k-th value is the middle of the sample's sorted values at ``lower[k]`` and ``upper[k]`` (from 0), which are the
    same for an odd count. That its resamples' median is at most the k-th value of an odd sample is the chance that at
    least half of ``count`` draws are among the k smallest (Efron 1982, The Jackknife, the Bootstrap and Other
    Resampling Plans, section 10.2; Maritz and Jarrett 1978, JASA 73, 194). An even sample's median has two values in
    it, so the weights are those of their pairs.
    """
    half = count // 2
    share = np.arange(count + 1) / count
    if count % 2:
        places = np.arange(count)
        return places, places, np.diff(_at_least(half + 1, count, share))
    # Both middle values of the resample: half of the draws up to the lower one, half from the upper one on. Those far
    # from the sample's own middle have no weight, and there would be many.
    reach = int(_REACH * count**0.5)
    places = np.arange(max(0, half - reach), min(count, half + reach))
    middles = places + 1
    log_lower = half * np.log(middles / count) + np.log1p(-(((middles - 1) / middles) ** half))
    mirrored = count - places
    log_upper = half * np.log(mirrored / count) + np.log1p(-(((mirrored - 1) / mirrored) ** half))
    log_draws = special.gammaln(count + 1) - 2 * special.gammaln(half + 1)
    # A pair in the wrong order is no event: its formula may be beyond any number.
    logs = np.minimum(log_draws + log_lower[:, np.newaxis] + log_upper, 0.0)
    pairs = np.triu(np.exp(logs), 1)
    both = np.diff(_at_least(half, count, share))[places] - pairs.sum(axis=1)
    np.fill_diagonal(pairs, np.maximum(both, 0.0))
    rows, columns = np.nonzero(pairs > _LEAST_WEIGHT)
    weights = pairs[rows, columns]
    return places[rows], places[columns], weights / weights.sum()


def _at_least(hits: int, draws: int, chance: Floats) -> Floats:
    """Return the probability of at least ``hits`` of ``draws``; exactly 1 where each draw hits."""
    return np.where(chance >= 1, 1.0, special.bdtrc(hits - 1, draws, np.minimum(chance, 1.0)))


def draw_medians(ordered: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    """Draw the medians of so many resamples of sorted values."""
    lower, upper, weights = median_weights(len(ordered))
    chosen = np.searchsorted(np.cumsum(weights), rng.random(resamples)).clip(max=len(weights) - 1)
    low, high = ordered[lower[chosen]], ordered[upper[chosen]]
    return np.asarray(low + (high - low) / 2)
