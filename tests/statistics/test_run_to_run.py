"""Sides of several runs: what varies from run to run is in the interval, and one stray run shows no change."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pageswap.statistics.run_to_run import RunEstimates, _alike, estimates, run_shifts


def runs(values: np.typing.NDArray[np.float64]) -> RunEstimates:
    """Give estimates without an error of their own."""
    return RunEstimates(values, np.zeros_like(values))


def test_an_estimate_is_the_trimmed_mean_of_a_runs_blocks() -> None:
    """A disturbed block of seven is left out; a run without a block has none."""
    found = estimates([[np.array([1.0, 1, 1, 1, 1, 1, 9]), np.empty(0)]])

    assert found.values[0, 0] == pytest.approx(1.0)
    assert math.isnan(found.values[0, 1])


def test_a_change_beyond_what_varies_between_runs_is_significant() -> None:
    """Ten times the deviation, two runs a side."""
    rng = np.random.default_rng(1)
    values = rng.normal(0, 0.01, (8, 4))
    values[0, 2:] += 0.1
    found = run_shifts(runs(values[:, :2]), runs(values[:, 2:]))

    assert found.p[0] < 0.01
    assert found.low[0] > 0.05
    assert (found.p[1:] > 0.05 / 8).all()


def test_one_stray_run_shows_no_change() -> None:
    """However far it lies off, and whatever the other cases lend."""
    rng = np.random.default_rng(2)
    values = rng.normal(0, 0.001, (20, 8))
    values[0, 7] += 3.0
    found = run_shifts(runs(values[:, :4]), runs(values[:, 4:]))

    assert found.p[0] > 0.2
    assert found.low[0] < 0 < found.high[0]


def test_earlier_runs_tell_what_varies_where_each_side_is_one_run() -> None:
    """A change that is large beside them shows, one that is as large as what they vary by does not."""
    base, new = runs(np.zeros((2, 1))), runs(np.array([[0.5], [0.05]]))
    earlier = runs(np.array([[0.0, 0.05, -0.05, 0.02], [0.03, -0.04, 0.0, 0.05]]))
    found = run_shifts(base, new, [earlier])

    assert found.p[0] < 0.01
    assert found.p[1] > 0.1
    assert np.isnan(run_shifts(base, new).p).all()


def test_one_stray_run_shows_no_change_beside_calm_earlier_ones() -> None:
    """By however many of them its own side's spread is outnumbered."""
    rng = np.random.default_rng(3)
    values = rng.normal(0, 0.001, (20, 4))
    values[0, 3] += 3.0
    earlier = [runs(rng.normal(0, 0.001, (20, 6))) for _ in range(2)]
    found = run_shifts(runs(values[:, :2]), runs(values[:, 2:]), earlier)

    assert found.p[0] > 0.2
    assert found.low[0] < 0 < found.high[0]


def test_earlier_runs_make_the_interval_of_several_runs_narrower() -> None:
    """As they say more of what varies."""
    rng = np.random.default_rng(4)
    values = rng.normal(0, 0.01, (4, 4))
    earlier = [runs(rng.normal(0, 0.01, (4, 6))) for _ in range(2)]
    sides = runs(values[:, :2]), runs(values[:, 2:])
    alone, with_them = run_shifts(*sides), run_shifts(*sides, earlier)

    assert (with_them.high - with_them.low).mean() < 0.9 * (alone.high - alone.low).mean()


def test_cases_lend_each_other_less_the_less_alike_they_vary() -> None:
    """Of two comparisons with the same spread in all, and the same first case, the uneven one tells less of it."""
    rng = np.random.default_rng(6)
    even = rng.normal(0, 0.01, (24, 4))
    uneven = even * np.exp(rng.normal(0, 2, (24, 1)))
    uneven[0] = even[0]
    around = [
        np.hstack([side - side.mean(axis=1, keepdims=True) for side in (v[:, :2], v[:, 2:])]) for v in (even, uneven)
    ]
    own = (around[0][0] ** 2).sum()
    uneven[1:] *= math.sqrt(((around[0] ** 2).sum() - own) / ((around[1] ** 2).sum() - own))
    alike, unlike = (run_shifts(runs(v[:, :2]), runs(v[:, 2:])) for v in (even, uneven))

    assert unlike.point[0] == pytest.approx(alike.point[0])
    assert unlike.high[0] - unlike.low[0] > 1.2 * (alike.high[0] - alike.low[0])


@pytest.mark.parametrize("lent", [1.0, 4.0, 20.0])
def test_what_is_lent_is_what_the_variances_were_drawn_with(lent: float) -> None:
    """As many degrees of freedom as the chi-square has that the cases' own variances are drawn by."""
    rng = np.random.default_rng(7)
    own = lent / rng.chisquare(lent, 20_000)
    found = _alike(own * rng.chisquare(3, len(own)) / 3, np.full(len(own), 3.0))

    assert found == pytest.approx(lent, rel=0.15)
    assert math.isinf(_alike(np.ones(50), np.full(50, 3.0)))
    assert not _alike(np.array([1.0]), np.array([3.0]))


@pytest.mark.parametrize("deviation", [0.0, 0.01, 0.05])
@pytest.mark.parametrize("count", [2, 4])
def test_runs_of_the_same_thing_seldom_differ(deviation: float, count: int) -> None:
    """In at most 5 of 100 pairs of sides any of eight cases is significant after the correction for eight."""
    rng = np.random.default_rng(3)
    found = 0
    for _ in range(400):
        own = rng.normal(0, deviation, (8, 2 * count)) + rng.normal(0, 0.005, (8, 2 * count))
        values = own + rng.normal(0, deviation, 2 * count)
        errors = np.full_like(values, 0.005)
        p = run_shifts(
            RunEstimates(values[:, :count], errors[:, :count]), RunEstimates(values[:, count:], errors[:, count:])
        ).p
        found += bool((p * 8 < 0.05).any())

    assert found <= 0.05 * 400 + 2 * math.sqrt(400 * 0.05 * 0.95)
