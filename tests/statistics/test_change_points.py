"""Changes of level: found where they are, and nowhere else; what the last value alone shows is none."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from pageswap.statistics.change_points import (
    FEWEST,
    LEAST,
    best_cuts,
    change_points,
    pending,
    smallest_shift,
    without_lone_values,
)


def normal(count: int, seed: int = 1) -> np.ndarray:
    """Draw values of one level with a deviation of 1."""
    return np.random.default_rng(seed).normal(size=count)


def cost(values: np.ndarray, cuts: tuple[int, ...], penalty: float) -> float:
    """Return what is minimised, by its definition."""
    parts = np.split(values, cuts)
    return sum(((part - part.mean()) ** 2).sum() for part in parts) + penalty * len(cuts)


@pytest.mark.parametrize("seed", range(8))
def test_cuts_are_the_best_of_all_ways_of_cutting(seed: int) -> None:
    """Every way of cutting a short series is looked at, and none costs less."""
    values = normal(13, seed) + np.repeat([0, 2.5, 0, 1], [4, 3, 3, 3])
    ways = [
        cuts
        for count in range(5)
        for cuts in itertools.combinations(range(LEAST, 13), count)
        if all(after - before >= LEAST for before, after in itertools.pairwise((0, *cuts, 13)))
    ]
    best = min(ways, key=lambda cuts: cost(values, cuts, 3.0))

    assert list(best) == best_cuts(values, 3.0)


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
    values[8:] += 2.6

    assert len(change_points(values)) == 1
    assert change_points(values, 1_000_000) == ()


def test_the_smallest_change_is_as_small_as_the_noise_and_the_count_allow() -> None:
    """Of twice the noise twice the change, of four times the runs about half of it, and of too few runs none."""
    few, many = smallest_shift(normal(50)), smallest_shift(normal(200))

    assert few / 2.6 < many < few / 1.5
    assert abs(2 * few - smallest_shift(2 * normal(50))) < 1e-9
    assert math.isnan(smallest_shift(normal(FEWEST - 1)))


def test_a_running_median_leaves_a_step_where_it_is() -> None:
    """And takes what stands alone, at the ends too."""
    level = [0.1, 0.0, 0.1, 0.0, 0.1, 0.0]
    values = np.array([9.0, *level, 9.0, *level, *(each + 5 for each in level), -4.0])
    calm, _ = without_lone_values(values)

    assert calm.tolist() == [0.1, *level, 0.1, *level, *(each + 5 for each in level), 5.0]
