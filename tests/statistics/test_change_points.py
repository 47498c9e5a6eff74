"""Changes of level: found where they are, and nowhere else; what the last value alone shows is none."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from pageswap.statistics.change_points import (
    LEAST,
    change_points,
    fewest,
    most_unlike,
    pending,
    smallest_shift,
    without_lone_values,
)


def normal(count: int, seed: int = 1) -> np.ndarray:
    """Draw values of one level with a deviation of 1."""
    return np.random.default_rng(seed).normal(size=count)


def normal_quantiles(count: int) -> np.ndarray:
    """Return values of one level as evenly normal as so many can be, in a random order."""
    values = stats.norm.ppf((np.arange(count) + 0.5) / count)
    return np.random.default_rng(1).permutation(values / values.std(ddof=1))


def p_of(values: np.ndarray, start: int, end: int) -> float:
    """Return what scipy says of the values of a stretch against all others."""
    rest = np.concatenate([values[:start], values[end:]])
    return float(stats.mannwhitneyu(values[start:end], rest, method="exact").pvalue)


@pytest.mark.parametrize("seed", range(6))
def test_the_stretch_that_differs_most_is_found(seed: int) -> None:
    """Every one is looked at by its definition; those that do not end with the series are more, and asked more of."""
    count = 24
    values = normal(count, seed)
    values[6:14] += 4 * (seed % 2)
    values[15:] += 4 * (1 - seed % 2)
    edges = {(place,): p_of(values, place, count) / 0.75 for place in range(LEAST, count - LEAST + 1)}
    inner = [
        (start, end)
        for start, end in itertools.combinations(range(LEAST, count - LEAST + 1), 2)
        if end - start >= LEAST
    ]
    stretches = {ends: p_of(values, *ends) / 0.25 * len(inner) / len(edges) for ends in inner}
    every = edges | stretches

    assert tuple(most_unlike(values)) == min(every, key=lambda cuts: every[cuts])


@pytest.mark.parametrize("shape", ["normal", "exponential", "lognormal", "standard_cauchy"])
def test_noise_of_any_shape_is_no_change(shape: str) -> None:
    """Of 150 histories 5 % would be 7 or 8; the test knows nothing of the shape."""
    rng = np.random.default_rng(14)
    found = [change_points(getattr(rng, shape)(size=50)) for _ in range(150)]

    assert sum(map(bool, found)) <= 7


@pytest.mark.parametrize("place", [5, 25, 44])
def test_a_step_is_found_where_it_is(place: int) -> None:
    """With how far it is, within its interval."""
    values = normal(50, place)
    values[place:] += 5
    (found,) = change_points(values)

    assert abs(found.place - place) <= 1
    assert found.interval.low < 5 < found.interval.high
    assert found.interval.low < found.shift < found.interval.high
    assert found.p < 0.05


def test_a_level_that_came_and_went_has_two_edges() -> None:
    """Neither of which is the best single cut."""
    values = normal(60)
    values[28:36] += 6

    assert [28, 36] == [each.place for each in change_points(values)]


def test_a_single_spike_is_no_change() -> None:
    """However high, and wherever it stands."""
    for place in (0, 1, 2, 25, 47, 48, 49):
        values = normal(50)
        values[place] += 100
        assert change_points(values) == ()


def test_two_outliers_beside_each_other_are_no_change() -> None:
    """A level has three values or more."""
    values = normal(50)
    values[20:22] += 30

    assert change_points(values) == ()


@pytest.mark.parametrize("count", [1, 2])
def test_what_the_last_values_alone_show_is_not_yet_a_change(count: int) -> None:
    """One run more makes it one."""
    values = normal(40)
    values[-count:] += 8
    hint = pending(values)

    assert change_points(values) == ()
    assert hint is not None
    assert hint.values == count
    assert 5 < hint.shift < 11


def test_an_end_like_all_before_hints_at_nothing() -> None:
    """Nor does an outlier that is not at the end."""
    values = normal(40)
    values[-2] += 8

    assert pending(values) is None
    assert pending(values[:6]) is None


def test_a_further_value_makes_a_change_of_what_was_none() -> None:
    """With three values at its end the series has one."""
    values = normal(40)
    values[-LEAST:] += 8

    assert [37] == [each.place for each in change_points(values)]
    assert pending(values[37:]) is None


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 30, [1.0, 2.0] * 3])
def test_where_nothing_can_be_told_there_is_no_change(values: list[float]) -> None:
    """Too few, or all the same."""
    assert change_points(values) == ()
    assert pending(values) is None


def test_equal_values_on_both_sides_of_a_step_are_one() -> None:
    """Without any noise."""
    assert [10] == [each.place for each in change_points([1.0] * 10 + [2.0] * 10)]


def test_a_longer_family_asks_for_more() -> None:
    """What one series shows may be chance among a thousand."""
    values = normal(16, 3)
    values[8:] += 5

    assert len(change_points(values)) == 1
    assert change_points(values, 1_000_000) == ()


@pytest.mark.parametrize("family", [1, 2, 12, 1_000])
def test_the_fewest_values_are_those_that_can_show_a_change(family: int) -> None:
    """Without any noise, in the middle; one fewer cannot."""
    count = fewest(family)

    assert len(change_points(np.arange(count) >= count // 2, family)) == 1
    assert change_points(np.arange(count - 1) >= (count - 1) // 2, family) == ()


def test_the_smallest_change_is_as_small_as_the_noise_and_the_count_allow() -> None:
    """A hundred times the runs find a tenth of the change, and too few none."""
    few, many = smallest_shift(normal_quantiles(20)), smallest_shift(normal_quantiles(2_000))

    assert few / 14 < many < few / 7
    assert abs(2 * few - smallest_shift(2 * normal_quantiles(20))) < 1e-9
    assert math.isnan(smallest_shift(normal(fewest() - 1)))


@pytest.mark.parametrize(("count", "family"), [(12, 1), (30, 1), (30, 12)])
def test_the_smallest_change_is_found_in_nine_of_ten(count: int, family: int) -> None:
    """Of the histories that it says so of, give or take three deviations of chance."""
    height = smallest_shift(normal_quantiles(count), family)
    step = height * (np.arange(count) >= count // 2)
    found = [bool(change_points(normal(count, seed) + step, family)) for seed in range(200)]

    assert 0.84 < np.mean(found) < 0.98


def test_a_running_median_leaves_a_step_where_it_is() -> None:
    """And takes what stands alone, at the ends too."""
    level = [0.1, 0.0, 0.1, 0.0, 0.1, 0.0]
    values = np.array([9.0, *level, 9.0, *level, *(each + 5 for each in level), -4.0])
    calm, _ = without_lone_values(values)

    assert calm.tolist() == [0.1, *level, 0.1, *level, *(each + 5 for each in level), 5.0]
