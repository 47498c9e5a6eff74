"""Trials unlike the others of their case: flagged, never dropped."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

import numpy as np

from pageswap.statistics.intervals import MINIMUM_N
from pageswap.statistics.medians import medians

if TYPE_CHECKING:
    from pageswap.analysis.trials.matrix import Matrix
    from pageswap.statistics.medians import Floats


# Iglewicz and Hoaglin (1993), How to Detect and Handle Outliers, ASQC Basic References in Quality Control 16, p. 11:
# 0.6745 is the 0.75 quantile of the normal distribution, so that the score is a Z-score there, and 3.5 the bound.
_TO_SIGMA: Final = 0.6745
THRESHOLD: Final = 3.5
# For the mean absolute deviation likewise: sqrt(2 / pi).
_MEAN_TO_SIGMA: Final = 0.7979


@dataclasses.dataclass(frozen=True)
class Outlier:
    """A trial unlike the others of its case: flagged, and left in every figure.

    ``score`` is the modified Z-score of its logarithm, above 3.5 either way; positive took longer. Times in ns per
    operation.
    """

    host: str
    case_id: str
    trial_id: str
    block: int
    score: float
    ns_per_op: float
    median_ns: float


def modified_z(values: Floats) -> Floats:
    """Return each value's modified Z-score within its row, NaN where a value is missing or the row has fewer than six.

    The score is 0.6745 (x - median) / MAD, MAD being the median of the absolute deviations from the median. Where more
    than half of the values are equal the MAD is 0, and the mean absolute deviation takes its place (p. 12, ibid.);
    where all are equal every score is 0.
    """
    scores = np.full_like(values, np.nan)
    rows = np.flatnonzero((~np.isnan(values)).sum(axis=1) >= MINIMUM_N)
    some = values[rows]
    deviations = some - np.nanmedian(some, axis=1, keepdims=True)
    mad = np.nanmedian(np.abs(deviations), axis=1, keepdims=True)
    mean = np.nanmean(np.abs(deviations), axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_mad, by_mean = _TO_SIGMA * deviations / mad, _MEAN_TO_SIGMA * deviations / mean
    found = np.where(mad > 0, by_mad, np.where(mean > 0, by_mean, 0.0))
    scores[rows] = np.where(np.isnan(some), np.nan, found)
    return scores


def outliers(matrix: Matrix) -> tuple[Outlier, ...]:
    """Find the measured trials whose time is an outlier among those of their case, on a logarithmic scale."""
    trials = matrix.trials
    row, column = trials["row"].to_numpy(), trials["column"].to_numpy()
    scores = modified_z(np.log(matrix.ns))[row, column]
    middles = medians(matrix.ns)
    found = [
        Outlier(
            host=matrix.keys[row[place]][0],
            case_id=matrix.keys[row[place]][1],
            trial_id=str(trials["trial_id"].iloc[place]),
            block=int(matrix.blocks[column[place]]),
            score=float(scores[place]),
            ns_per_op=float(matrix.ns[row[place], column[place]]),
            median_ns=float(middles[row[place]]),
        )
        for place in np.flatnonzero(np.abs(scores) > THRESHOLD)
    ]
    return tuple(sorted(found, key=lambda outlier: -abs(outlier.score)))
