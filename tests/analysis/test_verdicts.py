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
)


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
