"""Tests that the rows of a matrix have mean or median 0, and the correction for how many were tested."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from pageswap.statistics.rank_tests import signed_rank_p

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def holm(p: Floats) -> Floats:
    """Correct p values for their number by Holm's step-down method; NaN stays NaN and does not count."""
    corrected = np.full(len(p), math.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


def wilcoxon(logs: Floats) -> Floats:
    """Give the two-sided p of Wilcoxon's signed-rank test of each row, NaN being no value."""
    return _by_count(logs, signed_rank_p)


def paired_t(logs: Floats) -> Floats:
    """Give the two-sided p of the t test that each row's mean is 0; of values that are all equal 0, or 1 for zeros."""
    return _by_count(logs, _t_of_rows)


def _t_of_rows(rows: Floats) -> Floats:
    count = rows.shape[1]
    mean, error = rows.mean(axis=1), rows.std(axis=1, ddof=1) / math.sqrt(count)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * special.stdtr(count - 1, -np.abs(mean) / error)
    return np.where(error > 0, p, np.where(mean == 0, 1.0, 0.0))


def _by_count(logs: Floats, test: Callable[[Floats], Floats]) -> Floats:
    """Apply a test to the rows that have equally many values, at once."""
    found = np.full(len(logs), math.nan)
    is_there = ~np.isnan(logs)
    counts = is_there.sum(axis=1)
    for count in np.unique(counts):
        rows = np.flatnonzero(counts == count)
        found[rows] = test(logs[rows][is_there[rows]].reshape(len(rows), int(count)))
    return found
