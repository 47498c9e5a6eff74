"""Kendall's test is scipy.stats' to the digit; the distance of two samples by enumeration and by known truth."""

from __future__ import annotations

import collections
import itertools

import numpy as np
import pytest
from scipy import stats

from pageswap.statistics.rank_tests import critical_difference, kendall_p, orders_by_u, shift

CHANCE = np.random.default_rng(7)


@pytest.mark.parametrize("count", [6, 7, 20, 33])
def test_kendalls_test_is_scipys_where_that_is_exact(count: int) -> None:
    """A series that rises, and one that does nothing."""
    for slope in (0.0, 0.1):
        values = CHANCE.normal(0, 1, count) + slope * np.arange(count)

        assert kendall_p(values) == pytest.approx(stats.kendalltau(np.arange(count), values, method="exact").pvalue)


@pytest.mark.parametrize("count", [12, 80])
def test_kendalls_test_is_scipys_with_ties(count: int) -> None:
    """Then both are the normal distribution's."""
    values = np.round(CHANCE.normal(0, 1, count), 0)

    assert kendall_p(values) == pytest.approx(
        stats.kendalltau(np.arange(count), values, method="asymptotic").pvalue, rel=1e-9
    )
    assert kendall_p(np.ones(count)) == 1.0


@pytest.mark.parametrize(("m", "n"), [(1, 1), (3, 4), (4, 4), (5, 3), (6, 5)])
def test_the_distribution_is_that_of_all_orders(m: int, n: int) -> None:
    """How many orders of two samples give each count of inversions, against counting them one by one."""
    found: collections.Counter[int] = collections.Counter()
    for theirs in itertools.combinations(range(m + n), n):
        ours = [place for place in range(m + n) if place not in theirs]
        found[sum(a > b for a in theirs for b in ours)] += 1

    assert [found[u] for u in range(m * n + 1)] == orders_by_u(m, n).tolist()


@pytest.mark.parametrize(("m", "n", "k"), [(4, 4, 1), (5, 5, 3), (7, 7, 9), (10, 10, 24), (20, 20, 128), (7, 20, 35)])
def test_critical_values_are_the_published_ones(m: int, n: int, k: int) -> None:
    """One more than the two-sided 5 % critical value of Mann and Whitney's table."""
    assert k == critical_difference(m, n)


def test_large_samples_take_the_normal_approximation_without_a_step() -> None:
    """Where the exact distribution ends, its neighbour is close."""
    assert abs(critical_difference(51, 51) - critical_difference(50, 50) - 41) <= 2


@pytest.mark.parametrize("n", [7, 20])
def test_the_interval_holds_the_truth(n: int) -> None:
    """In 1,000 simulations of skewed data it does so in 94 % to 99 % of them."""
    chance = np.random.default_rng(7)
    hits = 0
    for _ in range(1_000):
        base, new = chance.lognormal(0, 0.3, n), 0.1 + chance.lognormal(0, 0.3, n)
        _, interval = shift(base, new)
        hits += interval is not None and interval.low <= 0.1 <= interval.high

    assert 940 <= hits <= 990


def test_a_known_shift_is_found() -> None:
    """The estimate is the middle of all differences, and the same each time."""
    base, new = np.array([1.0, 2.0, 3.0, 4.0]), np.array([11.0, 12.0, 13.0, 14.0])
    point, interval = shift(base, new)

    assert point == 10
    assert interval is not None
    assert (7, 13) == (interval.low, interval.high)


@pytest.mark.parametrize("digits", [0, 1, 15])
def test_of_many_differences_those_are_found_that_all_in_order_would_give(digits: int) -> None:
    """Many equal ones and one far away, too: the middle, and both ends of the interval."""
    chance = np.random.default_rng(8)
    base, new = chance.normal(0, 1, 70).round(digits), chance.normal(0.3, 1, 200).round(digits)
    base[0] = 1e6
    ordered = np.sort(np.subtract.outer(new, base), axis=None)
    k = critical_difference(70, 200)

    point, interval = shift(base, new)

    assert point == pytest.approx(ordered[[6999, 7000]].mean(), abs=1e-9)
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((ordered[k - 1], ordered[14_000 - k]), abs=1e-9)


def test_three_values_cannot_exclude_anything() -> None:
    """There is an estimate, and no interval that would promise too much."""
    assert (1.0, None) == shift(np.zeros(3), np.ones(3))
