"""Tendencies over time, inside the trials of a case and over the blocks of a host: tested and flagged."""

from __future__ import annotations

import dataclasses
import math
from typing import Final

import numpy as np
import pandas as pd

from pageswap.agent.journal.job import OK
from pageswap.analysis.trials.matrix import Matrix, round_times
from pageswap.statistics.intervals import ALPHA, MINIMUM_N
from pageswap.statistics.medians import Floats, medians
from pageswap.statistics.rank_tests import kendall_p
from pageswap.statistics.trimmed_means import holm, paired_p

ROUNDS: Final = "rounds"
BLOCKS: Final = "blocks"
# A drift of less is never flagged: pairing by block and the same rounds for all cases leave nothing of it in a ratio.
NEGLIGIBLE: Final = 0.01
_FEWEST_ROUNDS: Final = 4


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
    trials = matrix.trials[(matrix.trials["status"] == OK).to_numpy()]
    times = round_times(trials["rounds_ns"])
    if times.shape[1] < _FEWEST_ROUNDS or not len(trials):
        return []
    logs = np.log(times)
    logs -= np.mean(logs, axis=1, keepdims=True)
    correlations = _spearman(logs)
    row = trials["row"].to_numpy()
    spread = np.full(matrix.ns.shape, math.nan)
    spread[row, trials["column"].to_numpy()] = correlations
    rows = np.flatnonzero((~np.isnan(spread)).sum(axis=1) >= MINIMUM_N).tolist()
    by_row = pd.DataFrame(logs).groupby(row)
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
