"""The noise floor against the distribution of a median, worked by hand and simulated."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pageswap.statistics.noise import noise_floors


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
