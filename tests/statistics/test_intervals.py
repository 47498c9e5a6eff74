"""Intervals of samples whose truth is known; the noise floor against the distribution of a median."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pageswap.statistics.intervals import MINIMUM_N, Interval, median_intervals, noise_floors, share_interval

SHAPES = {
    "normal": lambda rng, size: rng.normal(size=size),
    "skewed": lambda rng, size: rng.exponential(size=size) - math.log(2),
    "very skewed": lambda rng, size: np.exp(2 * rng.normal(size=size)) - 1,
    "heavy": lambda rng, size: rng.standard_t(3, size=size),
    "contaminated": lambda rng, size: rng.normal(size=size) * np.where(rng.random(size) < 0.1, 10, 1),
    "flat": lambda rng, size: rng.uniform(-1, 1, size=size),
}


@pytest.mark.parametrize("count", [6, 7, 8, 9, 10, 20, 21, 40])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_interval_holds_the_true_median_as_often_as_it_says(count: int, shape: str) -> None:
    """Of 4,000 simulated intervals 93 to 97 % hold the truth: 95 %, 1 % for the method, 1 % for the simulation."""
    samples = SHAPES[shape](np.random.default_rng(7), (4_000, count))
    _, low, high = median_intervals(samples)

    assert 0.93 <= np.mean((low <= 0) & (high >= 0)) <= 0.97


def test_bca_alone_is_scipys() -> None:
    """Of nine values the bootstrap's ends are outside those between order statistics, and are seen."""
    row = np.array([0.3, 1.1, 1.7, 2.9, 3.1, 4.6, 5.2, 7.7, 9.1])
    drawn = stats.bootstrap((row,), np.median, n_resamples=100_000, method="BCa", rng=1).confidence_interval
    _, low, high = median_intervals(row[np.newaxis])

    assert (drawn.low, drawn.high) == (low[0], high[0])


def test_the_jackknife_s_acceleration_counts() -> None:
    """A skewed sample of fifteen whose lower end would be 0.4 without it, in scipy's bootstrap as in ours."""
    row = np.array([0.4, 7.9, 2.3, 0.1, 5.8, 0.2, 6.8, 0.8, 4.1, 0.6, 0.6, 0.0, 2.3, 1.7, 0.7])
    drawn = stats.bootstrap((row,), np.median, n_resamples=100_000, method="BCa", rng=1).confidence_interval
    _, low, high = median_intervals(row[np.newaxis])

    assert drawn.low > 0.4
    assert 0.4 < low[0] <= drawn.low
    assert high[0] == drawn.high


def test_the_interval_is_never_narrower_than_between_order_statistics() -> None:
    """Twenty values: the sixth smallest to the sixth largest hold the median with 95.9 %, the seventh with 88.5 %."""
    sample = np.random.default_rng(3).normal(size=(50, 20))
    exact = stats.quantile_test(sample[0], q=0, p=0.5).confidence_interval(0.95)
    _, low, high = median_intervals(sample)
    ordered = np.sort(sample, axis=1)

    assert exact.low == ordered[0, 5]
    assert (low <= ordered[:, 6]).all()
    assert (high >= ordered[:, 13]).all()


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
    """Six equal values and one other: the jackknife sees no spread; the interval goes on towards the seventh."""
    _, low, high = median_intervals(np.array([[5.0] * 6 + [9.0]]))

    assert low[0] == 5.0
    assert 5.0 < high[0] < 9.0


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


def test_the_quantile_is_that_of_a_median_of_seven() -> None:
    """Half of eight: the beta distribution (4, 4); a row of five pairs has no floor, a missing pair does not count."""
    pairs = np.array(
        [[0.01, -0.02, 0.03, -0.04, 0.05, -0.06, 0.07, math.nan], [0.1, 0.2, 0.3, 0.4, 0.5] + [math.nan] * 3]
    )
    level = 2 * stats.beta.ppf(0.975, 4, 4) - 1
    floors = noise_floors(pairs)

    assert floors[0] == pytest.approx(np.quantile(np.abs(pairs[0, :7]), level))
    assert np.isnan(floors[1])


def test_a_control_that_differs_raises_the_floor() -> None:
    """All pairs say that the second takes 5 % longer."""
    assert noise_floors(np.full((1, 7), -0.05)) == pytest.approx(0.05)


@pytest.mark.parametrize("count", [7, 20])
def test_the_median_of_equal_things_stays_below_it(count: int) -> None:
    """Of the medians of 20,000 runs about 5 in 100 are beyond the typical floor."""
    chance = np.random.default_rng(5)
    floor = np.median(noise_floors(chance.normal(0, 0.02, (2_000, count))))
    beyond = np.mean(np.abs(np.median(chance.normal(0, 0.02, (20_000, count)), axis=1)) > floor)

    assert 0.03 <= beyond <= 0.09


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_an_interval_keeps_its_place_when_the_unit_changes(unit: float) -> None:
    """Of the sample above, whose acceleration counts: it is a proportion."""
    row = np.array([[0.4, 7.9, 2.3, 0.1, 5.8, 0.2, 6.8, 0.8, 4.1, 0.6, 0.6, 0.0, 2.3, 1.7, 0.7]])

    for one, other in zip(median_intervals(row), median_intervals(row * unit), strict=True):
        assert one * unit == pytest.approx(other)


def test_the_inverse_of_an_interval_has_its_ends_turned() -> None:
    """Of 2 to 4 it is a quarter to a half."""
    assert Interval(2.0, 4.0).inverse() == Interval(0.25, 0.5)


@pytest.mark.parametrize(("part", "whole"), [(0, 1), (1, 1), (0, 30), (3, 30), (30, 30), (950, 2000), (1, 10**6)])
def test_a_share_s_interval_is_wilson_s(part: int, whole: int) -> None:
    """As scipy has it, with the share inside."""
    expected = stats.binomtest(part, whole).proportion_ci(method="wilson")
    found = share_interval(part, whole)

    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= found.low <= part / whole <= found.high <= 1
