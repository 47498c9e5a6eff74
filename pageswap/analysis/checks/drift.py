"""Tendencies over time, inside the trials of a case and over the blocks of a host: tested and flagged."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from pageswap.analysis.trials.rounds import round_times
from pageswap.statistics.intervals import ALPHA, MINIMUM_N
from pageswap.statistics.medians import median, medians
from pageswap.statistics.rank_tests import kendall_p
from pageswap.statistics.trimmed_means import holm, paired_p

if TYPE_CHECKING:
    import numpy.typing as npt

    from pageswap.analysis.trials.matrix import Matrix

    Floats = npt.NDArray[np.float64]

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
        rows = matrix.rows_of(host)
        logs = np.log(matrix.ns[rows])
        profile = medians((logs - medians(logs)[:, np.newaxis]).T)
        if (~np.isnan(profile)).sum() >= MINIMUM_N:
            series[host] = profile
    if not series:
        return []
    p_values = {host: kendall_p(profile[~np.isnan(profile)]) for host, profile in series.items()}
    corrected = dict(zip(p_values, holm(np.array(list(p_values.values()))), strict=True))
    return [
        _drift((host, "", BLOCKS), profile, int((~np.isnan(profile)).sum()), (p_values[host], float(corrected[host])))
        for host, profile in series.items()
    ]


def _over_rounds(matrix: Matrix) -> list[Drift]:
    trials = matrix.trials[(matrix.trials["status"] == "ok").to_numpy()]
    times = round_times(trials["rounds_ns"])
    if times.shape[1] < _FEWEST_ROUNDS or not len(trials):
        return []
    logs = np.log(times)
    logs -= np.mean(logs, axis=1, keepdims=True)
    correlations = _spearman(logs)
    places = (trials["row"].to_numpy(), trials["column"].to_numpy())
    spread = np.full(matrix.ns.shape, math.nan)
    spread[places] = correlations
    rows = np.flatnonzero((~np.isnan(spread)).sum(axis=1) >= MINIMUM_N)
    if not len(rows):
        return []
    p_values = paired_p(spread[rows])
    corrected = holm(p_values)
    profiles = _profiles(logs, places[0])
    return [
        _drift((*matrix.keys[row], ROUNDS), *profiles[row], (float(p), float(p_holm)))
        for row, p, p_holm in zip(rows.tolist(), p_values, corrected, strict=True)
    ]


def _profiles(logs: Floats, rows: npt.NDArray[np.int64]) -> dict[int, tuple[Floats, int]]:
    """Give for each row of the matrix the median of its trials' rounds, and how many trials those are."""
    there = np.flatnonzero(~np.isnan(logs[:, 0]))
    order = there[np.argsort(rows[there], kind="stable")]
    names, starts, counts = np.unique(rows[order], return_index=True, return_counts=True)
    found: dict[int, tuple[Floats, int]] = {}
    for count in map(int, np.unique(counts)):
        chosen = np.flatnonzero(counts == count)
        members = order[starts[chosen, np.newaxis] + np.arange(count)]
        profiles = median(logs[members], axis=1)
        found.update({int(name): (profile, count) for name, profile in zip(names[chosen], profiles, strict=True)})
    return found


def _drift(place: tuple[str, str, str], profile: Floats, count: int, p: tuple[float, float]) -> Drift:
    """Describe a profile of log times by its least-squares line."""
    there = np.flatnonzero(~np.isnan(profile))
    steps = there - there.mean()
    slope = float((steps * (profile[there] - profile[there].mean())).sum() / (steps**2).sum())
    change = math.expm1(slope * float(there[-1] - there[0]))
    return Drift(
        *place,
        n=count,
        change=change,
        p=p[0],
        p_holm=p[1],
        is_flagged=p[1] <= ALPHA and abs(change) >= NEGLIGIBLE,
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
