"""One ratio over all hosts of a run, and how far other hosts like them may be from it."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import special

from pageswap.analysis.checks.noise_floor import control_medians
from pageswap.analysis.verdicts import Comparison, compare
from pageswap.statistics.intervals import CONFIDENCE, MINIMUM_N, noise_floors
from pageswap.statistics.medians import Floats, draw_medians, medians

if TYPE_CHECKING:
    from pageswap.analysis.trials.matrix import Matrix


# One host is no pool.
_FEWEST_HOSTS: Final = 2
# Few hosts need ends far out in the distribution, and so more draws; of many each draw takes longer.
RESAMPLES: Final = 4_000
_FEWEST_RESAMPLES: Final = 1_000
_DRAWS: Final = 400_000
SEED: Final = 20_100


@dataclasses.dataclass(frozen=True)
class Pooled:
    """A comparison over all hosts: the geometric mean of their ratios, with what hosts like these would show.

    ``comparison`` counts hosts, not blocks; its interval is from the hierarchical bootstrap (hosts, then trials), None
    with the reason in ``why`` when the hosts are too few. ``lowest`` and ``highest`` are the (host, ratio) at the ends.
    """

    levels: dict[str, Any]
    comparison: Comparison
    lowest: tuple[str, float]
    highest: tuple[str, float]


def pooled(matrix: Matrix) -> tuple[Pooled, ...]:
    """Pool each comparison that at least two hosts have; a host counts with six blocks or more.

    The estimate is the mean over hosts of their medians of log ratios. Its interval is a hierarchical bootstrap: hosts
    are drawn with replacement, and of each host drawn its blocks (Davison and Hinkley 1997, Bootstrap Methods and their
    Application, section 3.8). Percentiles are widened for few hosts as Hesterberg (2015, The American Statistician 69,
    371, section 3.3) has it. Of less than six hosts there is none: they may all be of one kind. Verdicts follow the
    rules of all comparisons, a host being what a block is on one.
    """
    rows = np.arange(len(matrix.keys)).reshape(len(matrix.hosts), len(matrix.cases)).T
    is_enough = matrix.pairs[rows] >= MINIMUM_N
    rows, is_enough = (part[is_enough.sum(axis=1) >= _FEWEST_HOSTS] for part in (rows, is_enough))
    logs = np.where(is_enough, medians(matrix.log_ratios)[rows], math.nan)
    floors = noise_floors(np.where(is_enough, control_medians(matrix)[rows], math.nan))
    rng = np.random.default_rng(SEED)
    ends = np.full((2, len(rows)), math.nan)
    for place in np.flatnonzero(is_enough.sum(axis=1) >= MINIMUM_N):
        ends[:, place] = hierarchical_interval(matrix.log_ratios[rows[place][is_enough[place]]], rng)
    keys = [("", matrix.keys[own[0]][1]) for own in rows]
    found = compare(keys, logs, floors, ratios=(np.nanmean(logs, axis=1), ends[0], ends[1]), of="host")
    at = [(key, own, (int(np.nanargmin(own)), int(np.nanargmax(own)))) for key, own in zip(keys, logs, strict=True)]
    return tuple(
        Pooled(matrix.cases[key[1]], found[key], *((matrix.hosts[end], math.exp(own[end])) for end in both))
        for key, own, both in at
    )


def hierarchical_interval(logs: Floats, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % interval of the mean over rows (hosts) of their medians, NaN being no value."""
    hosts = len(logs)
    resamples = min(RESAMPLES, max(_FEWEST_RESAMPLES, _DRAWS // hosts))
    # How often each resample has each host: one that is drawn twice is resampled twice.
    times = rng.multinomial(hosts, np.full(hosts, 1 / hosts), resamples)
    sums = np.zeros(resamples)
    for own, drawn in zip(logs, times.T, strict=True):
        values = draw_medians(np.sort(own[~np.isnan(own)]), drawn.sum(), rng)
        sums += np.bincount(np.repeat(np.arange(resamples), drawn), values, resamples)
    tail = -special.stdtrit(hosts - 1, (1 - CONFIDENCE) / 2) * math.sqrt(hosts / (hosts - 1))
    low, high = np.quantile(sums / hosts, [special.ndtr(-tail), special.ndtr(tail)])
    return float(low), float(high)
