"""The three conditions of a verdict, each alone able to keep a difference from being called one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pageswap.analysis.verdicts import (
    FASTER,
    HOLDS_ONE,
    NO_DIFFERENCE,
    NOT_SIGNIFICANT,
    SLOWER,
    TOO_FEW,
    WITHIN_NOISE,
    judge,
    paired,
)
from pageswap.statistics.intervals import Interval, ratio_intervals


@pytest.mark.parametrize(
    ("ratio", "floor", "p", "verdict", "obstacle"),
    [
        ((0.2, 0.1, 0.3), 0.1, 0.05, FASTER, ""),
        ((-0.2, -0.3, -0.1), 0.1, 0.05, SLOWER, ""),
        ((0.2, 0.1, 0.3), math.nan, 0.05, FASTER, ""),
        ((0.2, 0.0, 0.3), 0.1, 0.001, NO_DIFFERENCE, HOLDS_ONE),
        ((-0.2, -0.3, 0.0), 0.1, 0.001, NO_DIFFERENCE, HOLDS_ONE),
        ((0.2, 0.1, 0.3), 0.2, 0.001, NO_DIFFERENCE, WITHIN_NOISE),
        ((-0.2, -0.3, -0.1), 0.2, 0.001, NO_DIFFERENCE, WITHIN_NOISE),
        ((0.2, 0.1, 0.3), 0.1, 0.0501, NO_DIFFERENCE, NOT_SIGNIFICANT),
        ((0.2, 0.1, 0.3), 0.1, math.nan, NO_DIFFERENCE, NOT_SIGNIFICANT),
        ((0.2, math.nan, math.nan), 0.1, math.nan, TOO_FEW, ""),
    ],
)
def test_three_conditions_agree_or_there_is_no_difference(
    ratio: tuple[float, float, float], floor: float, p: float, verdict: str, obstacle: str
) -> None:
    """Logarithms of a ratio and its interval; each condition at its border."""
    point, low, high = (np.array([part]) for part in ratio)

    assert judge((point, low, high), np.array([floor]), np.array([p])) == ([verdict], [obstacle])


def test_two_series_are_judged_with_both_ends_of_their_interval() -> None:
    """Six blocks have an interval, five have none; what is missing does not count."""
    logs = np.array([[0.18, 0.2, 0.22, 0.2, 0.19, 0.21, math.nan], [0.1, 0.2, 0.3, 0.2, 0.1, math.nan, math.nan]])
    six, five = paired(logs, np.array([0.01, 0.01]), 1)
    point, low, high = (math.exp(part[0]) for part in ratio_intervals(logs))

    assert (six.ratio, six.interval, six.n, six.differs) == (point, Interval(low, high), 6, True)
    assert low < point < high
    assert (five.interval, five.n, five.differs) == (None, 5, False)
