"""What was not steady: tendencies over time, trials unlike the others of their case, and disturbed ones."""

from __future__ import annotations

import dataclasses
import math
from typing import Final

import numpy as np
import pandas as pd

from pageswap.agent.journal.job import OK
from pageswap.analysis.trials.matrix import Matrix, round_times
from pageswap.analysis.verdicts import TOO_FEW, Comparison, Comparisons, compare
from pageswap.statistics.intervals import ALPHA, MINIMUM_N
from pageswap.statistics.medians import Floats, medians
from pageswap.statistics.rank_tests import kendall_p
from pageswap.statistics.trimmed_means import holm, paired_p

ROUNDS: Final = "rounds"
BLOCKS: Final = "blocks"
# A drift of less is never flagged: pairing by block and the same rounds for all cases leave nothing of it in a ratio.
NEGLIGIBLE: Final = 0.01
_CHUNK_ROWS: Final = 50_000
_FEWEST_ROUNDS: Final = 4
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
class Drift:
    """A tendency over time, tested; ``scope`` is ``rounds`` (inside the trials of a case) or ``blocks``.

    ``case_id`` is "" for the drift of a host over its blocks, all cases together. ``change`` is the relative change
    from the first round or block to the last (0.03: 3 % slower at the end), ``n`` the trials or blocks it comes from.
    ``profile`` holds one value a round or block: time relative to the typical one (1.0), None where there was none.
    ``is_flagged``: significant after Holm's correction and not negligible.
    """

    host: str
    case_id: str
    scope: str
    n: int
    change: float
    p: float
    p_holm: float
    is_flagged: bool
    profile: tuple[float | None, ...]


def drift(matrix: Matrix) -> tuple[Drift, ...]:
    """Test each case for a drift inside its trials, and each host for one over its blocks.

    Inside trials: Spearman's rank correlation of time and round of each trial, then a test over the trials of the case
    that their trimmed mean is 0. The trial, and not the round, is what repeats: rounds of one trial resemble each
    other. Over blocks: Kendall's rank correlation of block and time, all cases of the host together, each relative to
    its own median (the Mann-Kendall test; Mann 1945, Econometrica 13, 245). Both are corrected by Holm's method, each
    kind for itself, and flagged when p is at most 5 % and the change from first to last is 1 % or more. Less than six
    trials or blocks, or four rounds, are too few.
    """
    return (*_over_blocks(matrix), *_over_rounds(matrix))


def _over_blocks(matrix: Matrix) -> list[Drift]:
    series = {}
    for host in matrix.hosts:
        logs = np.log(matrix.ns[matrix.rows_of(host)])
        profile = medians((logs - medians(logs)[:, np.newaxis]).T)
        count = int((~np.isnan(profile)).sum())
        if count >= MINIMUM_N:
            series[host] = profile, count, kendall_p(profile[~np.isnan(profile)])
    corrected = holm(np.array([p for _, _, p in series.values()])).tolist()
    return [
        _drift((host, "", BLOCKS), *own, p_holm) for (host, own), p_holm in zip(series.items(), corrected, strict=True)
    ]


def _over_rounds(matrix: Matrix) -> list[Drift]:
    # Of a million trials a copy of each column counts.
    trials = matrix.trials.loc[(matrix.trials["status"] == OK).to_numpy(), ["row", "column", "rounds_ns"]]
    times = round_times(trials["rounds_ns"])
    if times.shape[1] < _FEWEST_ROUNDS or not len(trials):
        return []
    logs = np.log(times, out=times)
    logs -= np.mean(logs, axis=1, keepdims=True)
    parts = [_spearman(logs[start : start + _CHUNK_ROWS]) for start in range(0, len(logs), _CHUNK_ROWS)]
    spread = matrix.spread(trials.assign(correlation=np.concatenate(parts)), "correlation")
    rows = np.flatnonzero((~np.isnan(spread)).sum(axis=1) >= MINIMUM_N).tolist()
    by_row = pd.DataFrame(logs).groupby(trials["row"].to_numpy())
    profiles, counts = by_row.median().loc[rows].to_numpy(), by_row[0].count().loc[rows].tolist()
    p_values = paired_p(spread[rows])
    tested = zip(rows, profiles, counts, p_values.tolist(), holm(p_values).tolist(), strict=True)
    return [_drift((*matrix.keys[row], ROUNDS), profile, count, p, p_holm) for row, profile, count, p, p_holm in tested]


def _drift(place: tuple[str, str, str], profile: Floats, count: int, p: float, p_holm: float) -> Drift:
    """Describe a profile of log times by its least-squares line."""
    there = np.flatnonzero(~np.isnan(profile))
    steps = there - there.mean()
    slope = float((steps * (profile[there] - profile[there].mean())).sum() / (steps**2).sum())
    change = math.expm1(slope * float(there[-1] - there[0]))
    return Drift(
        *place,
        n=count,
        change=change,
        p=p,
        p_holm=p_holm,
        is_flagged=p_holm <= ALPHA and abs(change) >= NEGLIGIBLE,
        profile=tuple(None if math.isnan(value) else math.exp(value) for value in profile.tolist()),
    )


def _spearman(rows: Floats) -> Floats:
    """Return each row's rank correlation with its columns' order; 0 where all values are equal."""
    count = rows.shape[1]
    ranks = pd.DataFrame(rows).rank(axis=1).to_numpy()
    steps = np.arange(count) - (count - 1) / 2
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1) * (steps**2).sum())
    found = np.where(length > 0, (centred @ steps) / np.where(length > 0, length, 1.0), 0.0)
    return np.where(np.isnan(rows[:, 0]), math.nan, found)


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


def undisturbed(matrix: Matrix, comparisons: Comparisons, floors: Floats) -> tuple[Undisturbed, ...]:
    """Compare again without the blocks in which a case or its baseline was disturbed; what was not is left out.

    The noise floor stays that of the whole run, and so does the number of comparisons that Holm's correction is for.
    """
    is_disturbed = matrix.spread(matrix.trials.assign(hit=matrix.trials["disturbed"] != ""), "hit") == 1
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
