"""Trials unlike the others of their case, and disturbed ones: flagged, never dropped; what hangs on the disturbed."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Final

import numpy as np

from pageswap.analysis.verdicts import TOO_FEW, Comparison, compare
from pageswap.statistics.intervals import MINIMUM_N
from pageswap.statistics.medians import Floats, medians

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pageswap.analysis.trials.matrix import Matrix

# Iglewicz and Hoaglin (1993), How to Detect and Handle Outliers, ASQC Basic References in Quality Control 16, p. 11:
# 0.6745 is the 0.75 quantile of the normal distribution, so that the score is a Z-score there, and 3.5 the bound.
_TO_SIGMA: Final = 0.6745
THRESHOLD: Final = 3.5
# For the mean absolute deviation likewise: sqrt(2 / pi).
_MEAN_TO_SIGMA: Final = 0.7979
# What becomes of a verdict without the disturbed blocks.
CHANGES: Final = "changes"
LACKS: Final = "lacks blocks"
STAYS: Final = "stays"


@dataclasses.dataclass(frozen=True)
class Outlier:
    """A trial unlike the others of its case: flagged, and left in every figure.

    ``score`` is the modified Z-score of its logarithm, above 3.5 either way; positive took longer. Times in ns per
    operation.
    """

    host: str
    case_id: str
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
            *matrix.keys[int(row[place])],
            block=int(matrix.blocks[column[place]]),
            score=float(scores[place]),
            ns_per_op=float(matrix.ns[row[place], column[place]]),
            median_ns=float(middles[row[place]]),
        )
        for place in np.flatnonzero(np.abs(scores) > THRESHOLD)
    ]
    return tuple(sorted(found, key=lambda outlier: -abs(outlier.score)))


@dataclasses.dataclass(frozen=True)
class Disturbed:
    """A trial beside which the host did something else; ``words`` as in the export's column ``disturbed``."""

    host: str
    case_id: str
    block: int
    words: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Undisturbed:
    """A comparison ``before`` and without its ``disturbed`` blocks, in which a trial on either side was disturbed.

    ``quiet`` is the one without them, None where no block is left.
    """

    before: Comparison
    quiet: Comparison | None
    disturbed: int

    @property
    def effect(self) -> str:
        """Return `STAYS`, or what becomes of the verdict without them: `CHANGES` to another, or `LACKS` the blocks."""
        verdict = self.quiet.verdict if self.quiet else TOO_FEW
        return STAYS if verdict == self.before.verdict else LACKS if verdict == TOO_FEW else CHANGES


def disturbed_trials(matrix: Matrix) -> tuple[Disturbed, ...]:
    """List the measured trials, the control's too, that something disturbed."""
    there = matrix.measured[(matrix.measured["disturbed"] != "").to_numpy()]
    rows = there[["host", "case_id", "block", "disturbed"]].itertuples(index=False)
    return tuple(Disturbed(host, case_id, int(block), tuple(words.split(","))) for host, case_id, block, words in rows)


def undisturbed(
    matrix: Matrix, comparisons: Mapping[tuple[str, str], Comparison], floors: Floats
) -> tuple[Undisturbed, ...]:
    """Compare again without the blocks in which a case or its baseline was disturbed; what was not is left out.

    The noise floor stays that of the whole run, and so does the number of comparisons that Holm's correction is for.
    """
    trials = matrix.trials
    is_disturbed = np.zeros(matrix.ns.shape, dtype=bool)
    places = (trials["row"].to_numpy(), trials["column"].to_numpy())
    is_disturbed[places] = (trials["disturbed"] != "").to_numpy()
    has_partner = matrix.partners >= 0
    is_disturbed[has_partner] |= is_disturbed[matrix.partners[has_partner]]
    affected = is_disturbed & ~np.isnan(matrix.log_ratios)
    if not affected.any():
        return ()
    logs = np.where(affected, math.nan, matrix.log_ratios)
    family = max((each.family for each in comparisons.values()), default=0)
    again = compare(matrix.keys, logs, floors, family=family)
    hit = [(matrix.keys[row], int(affected[row].sum())) for row in np.flatnonzero(affected.any(axis=1))]
    return tuple(Undisturbed(comparisons[key], again.get(key), count) for key, count in hit)
