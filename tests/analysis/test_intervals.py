"""Medians and intervals of samples whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pageswap.analysis.intervals import MINIMUM_N, median, median_intervals


@pytest.mark.parametrize("count", [1, 2, 7, 8])
def test_the_median_is_numpys(count: int) -> None:
    """The faster median differs from numpy's in speed alone."""
    sample = np.random.default_rng(1).normal(size=(5, count))

    assert np.allclose(np.median(sample, axis=1), median(sample))


@pytest.mark.parametrize("count", [6, 7, 10, 20, 40])
@pytest.mark.parametrize("shape", ["normal", "skewed", "heavy"])
def test_the_interval_holds_the_true_median_often_enough(count: int, shape: str) -> None:
    """At least 93 % of 1,000 simulated intervals hold the truth: 95 % less the simulation's own error."""
    rng = np.random.default_rng(7)
    samples = {
        "normal": rng.normal(size=(1_000, count)),
        "skewed": rng.exponential(size=(1_000, count)) - math.log(2),
        "heavy": rng.standard_t(3, size=(1_000, count)),
    }[shape]
    _, low, high = median_intervals(samples)

    assert np.mean((low <= 0) & (high >= 0)) >= 0.93


def test_the_interval_is_never_narrower_than_between_order_statistics() -> None:
    """Twenty values: the sixth smallest to the sixth largest hold the median with 95.9 % (scipy's own table)."""
    sample = np.random.default_rng(3).normal(size=(50, 20))
    exact = stats.quantile_test(sample[0], q=0, p=0.5).confidence_interval(0.95)
    _, low, high = median_intervals(sample)
    ordered = np.sort(sample, axis=1)

    assert exact.low == ordered[0, 5]
    assert (low <= ordered[:, 5]).all()
    assert (high >= ordered[:, 14]).all()


def test_too_few_values_have_a_median_and_no_interval() -> None:
    """Five values cannot hold a median with 95 %, whatever is done to them."""
    row = [1.0, 2.0, 3.0, 4.0, 5.0, math.nan]
    point, low, high = median_intervals(np.array([row]))

    assert MINIMUM_N == 6
    assert point[0] == 3.0
    assert np.isnan([low[0], high[0]]).all()


def test_equal_values_are_an_interval_of_no_width() -> None:
    """A degenerate sample gives a figure, and no warning (warnings are errors here)."""
    point, low, high = median_intervals(np.full((2, 7), 5.0))

    assert [5.0] * 6 == [*point, *low, *high]


def test_ties_that_leave_bca_undefined_still_have_an_interval() -> None:
    """Six equal values and one other: the jackknife sees no spread, the percentile interval does."""
    _, low, high = median_intervals(np.array([[5.0] * 6 + [9.0]]))

    assert (low[0], high[0]) == (5.0, 9.0)


def test_rows_of_unlike_length_do_not_touch_each_other() -> None:
    """Each row's figures are those it has alone."""
    rng = np.random.default_rng(4)
    matrix = rng.normal(size=(3, 9))
    matrix[1, 2] = math.nan
    together = median_intervals(matrix)

    for row in range(3):
        alone = median_intervals(matrix[row : row + 1])
        assert [part[0] for part in alone] == [part[row] for part in together]


def test_an_empty_row_has_no_figure() -> None:
    """A case never measured is absent, not zero."""
    assert np.isnan([part[0] for part in median_intervals(np.full((1, 7), math.nan))]).all()
