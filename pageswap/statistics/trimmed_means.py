"""Tests that bear a disturbed value: trimmed means of samples, and the correction for how many were tested."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy import special

from pageswap.statistics.medians import Floats, medians, sorted_rows

# A fifth of the values is left out at either end: one of 5 to 9, two of 10 to 14.
_TRIMMED: Final = 5
# So many degrees of freedom are lost for each value left out at either end. Student's distribution with them has the
# tails that trimmed means of normal samples have, from p = 0.05 down to 0.05 / 100 and from 6 to 100 values: in a
# simulation the share of p below them was 0.5 to 1.02 times what it should be. With the usual n - 1 - 2 g degrees it is
# up to 1.9 times (Patel, Mudholkar and Fernando 1988, JASA 83, 1203, correct it too).
_LOST_DEGREES: Final = 2.5
_FURTHEST: Final = 5.0


def trimmed_means(samples: Floats) -> tuple[Floats, Floats, Floats]:
    """Return each row's trimmed mean, its standard error and degrees of freedom, NaN being no value.

    The error is the one of Tukey and McLaughlin (1963, Sankhya A 25, 331): from the sum of squares of the winsorised
    values, in which those left out count as much as the last ones kept. All are NaN for less than two values.
    """
    mean, squares, count = _winsorised(samples)
    cut = count // _TRIMMED
    kept = count - 2 * cut
    return mean, np.sqrt(squares / (kept * (kept - 1))), count - 1 - _LOST_DEGREES * cut


def brought_in(samples: Floats) -> Floats:
    """Return the samples with no value further from its row's median than five winsorised standard deviations.

    How far off a disturbed value lies then makes no interval wider than that it lies there. Five, as less would cut
    normal samples: of seven values 94.2 % of the intervals hold the truth, as they are 94.6 %.
    """
    _, squares, count = _winsorised(samples)
    reach = (_FURTHEST * np.sqrt(squares / (count - 1)))[:, np.newaxis]
    middle = medians(samples)[:, np.newaxis]
    return np.where(np.isnan(reach), samples, np.clip(samples, middle - reach, middle + reach))


def _winsorised(samples: Floats) -> tuple[Floats, Floats, Floats]:
    """Return each row's trimmed mean, sum of squares of its winsorised values, and count; NaN for less than two."""
    mean, squares, number = (np.full(len(samples), math.nan) for _ in range(3))
    for rows, ordered in sorted_rows(samples, 2):
        count = ordered.shape[1]
        cut = count // _TRIMMED
        mean[rows] = ordered[:, cut : count - cut].mean(axis=1)
        winsorised = ordered.clip(ordered[:, [cut]], ordered[:, [count - 1 - cut]])
        squares[rows] = ((winsorised - winsorised.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
        number[rows] = count
    return mean, squares, number


def paired_p(samples: Floats) -> Floats:
    """Return the two-sided p that each row's trimmed mean is 0 but for chance (Yuen 1974, Biometrika 61, 165)."""
    return _p(*trimmed_means(samples))


def two_sample_p(base: Floats, new: Floats) -> Floats:
    """Return the same for the difference of two rows' trimmed means, each with a scatter of its own.

    The degrees of freedom are Welch's (1938, Biometrika 29, 350), as Yuen has them.
    """
    ours, theirs = trimmed_means(base), trimmed_means(new)
    error = np.hypot(ours[1], theirs[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        degrees = error**4 / (ours[1] ** 4 / ours[2] + theirs[1] ** 4 / theirs[2])
    return _p(theirs[0] - ours[0], error, np.where(error > 0, degrees, 1.0))


def _p(mean: Floats, error: Floats, degrees: Floats) -> Floats:
    """Return the p of each mean; where nothing varies 0, or 1 for a mean of 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * special.stdtr(degrees, -np.abs(mean) / error)
    sure = np.where(mean == 0, 1.0, 0.0)
    return np.where(np.isnan(mean), math.nan, np.where(error > 0, p, sure))


def holm(p: Floats, family: int | None = None) -> Floats:
    """Correct p values for their number, or for more, by Holm's method (1979, Scand. J. Statist. 6, 65).

    NaN stays NaN and does not count. ``family`` is how many comparisons there are where not all have a p.
    """
    corrected = np.full(len(p), math.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * ((len(order) if family is None else family) - np.arange(len(order)))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected
