"""How far the median ratio of two equal things strays from 1, learnt from pairs of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from pageswap.statistics.intervals import CONFIDENCE, MINIMUM_N, medians

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def noise_floors(logs: Floats) -> Floats:
    """Return for each row what the median of as many log ratios stays below, either way, in 95 of 100 runs.

    A row holds the logarithms d of the ratios of pairs of equal things, NaN being none. As which of a pair comes first
    is random, d and -d are equally likely. The median of n values lies below their quantile p with the probability of
    at least (n + 1) / 2 of n draws below it, so the floor is the quantile 2 p - 1 of all |d|, p being the 0.975
    quantile of the beta distribution with both parameters (n + 1) / 2 (David and Nagaraja, Order Statistics, 3rd ed.,
    section 2.1). It is never below what the median of all d was found to be. NaN for less than six pairs.
    """
    floors = np.full(len(logs), math.nan)
    is_there = ~np.isnan(logs)
    counts = is_there.sum(axis=1)
    for count in map(int, np.unique(counts[counts >= MINIMUM_N])):
        rows = np.flatnonzero(counts == count)
        values = logs[rows][is_there[rows]].reshape(len(rows), count)
        half = (count + 1) / 2
        level = 2 * special.betaincinv(half, half, (1 + CONFIDENCE) / 2) - 1
        floors[rows] = np.maximum(np.quantile(np.abs(values), level, axis=1), np.abs(medians(values)))
    return floors
