"""Medians are numpy's, and the bootstrap distribution of one that of resamples really drawn."""

from __future__ import annotations

import numpy as np
import pytest

from pageswap.statistics.medians import draw_medians, median, median_weights, medians


@pytest.mark.parametrize("count", [1, 2, 7, 8])
def test_the_median_is_numpys(count: int) -> None:
    """The faster median differs from numpy's in speed alone."""
    sample = np.random.default_rng(1).normal(size=(5, count))

    assert np.allclose(np.median(sample, axis=1), median(sample))


@pytest.mark.parametrize("count", [1, 2, 3, 6, 7, 20, 21])
def test_weights_are_the_shares_of_resamples(count: int) -> None:
    """200,000 resamples drawn by numpy: no cumulated share is off by more than a chance in a million allows (0.6 %)."""
    lower, upper, weights = median_weights(count)
    drawn = np.median(np.random.default_rng(1).integers(0, count, (200_000, count)), axis=1)
    places = (lower + upper) / 2

    for place in np.unique(places):
        assert weights[places <= place].sum() == pytest.approx((drawn <= place).mean(), abs=0.006)


@pytest.mark.parametrize("count", [7, 40, 1_000, 10_000])
def test_weights_are_symmetric_and_sum_to_one(count: int) -> None:
    """Also where the factorials in them are beyond any number; the mean place is the middle."""
    lower, upper, weights = median_weights(count)

    assert weights.sum() == pytest.approx(1)
    assert (weights * (lower + upper) / 2).sum() == pytest.approx((count - 1) / 2)
    assert len(weights) < 100_000


def test_drawn_medians_have_the_distribution_of_medians() -> None:
    """Of ten values 0 to 9: the mean and spread of 20,000 draws are those of medians of resamples."""
    rng = np.random.default_rng(2)
    ours = draw_medians(np.arange(10.0), 20_000, rng)
    theirs = np.median(rng.integers(0, 10, (20_000, 10)), axis=1)

    assert ours.mean() == pytest.approx(theirs.mean(), abs=0.06)
    assert ours.std() == pytest.approx(theirs.std(), rel=0.03)


def test_a_row_of_one_value_has_a_median_and_an_empty_one_none() -> None:
    """Rows of any count stand beside each other."""
    nan = np.nan

    assert np.array_equal(
        [5.0, nan, 2.0], medians(np.array([[nan, 5.0, nan], [nan] * 3, [1.0, 2.0, 9.0]])), equal_nan=True
    )
