"""Each case against its baseline: tested, and put into a word that the figures bear, by the one rule for all words."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

from pageswap.statistics.intervals import ALPHA, MINIMUM_N, Interval, Intervals, known, ratio_intervals
from pageswap.statistics.trimmed_means import holm, paired_p, trimmed_means
from pageswap.text.numbers import percent_text
from pageswap.text.words import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.statistics.medians import Floats

FASTER: Final = "faster"
SLOWER: Final = "slower"
NO_DIFFERENCE: Final = "no difference found"
TOO_FEW: Final = "too few"
BASELINE: Final = "baseline"
NOT_COMPARED: Final = "not compared"
NOT_MEASURED: Final = "not measured"

# What stood against a difference.
HOLDS_ONE: Final = "interval"
WITHIN_NOISE: Final = "noise floor"
NOT_SIGNIFICANT: Final = "correction"

# The smallest difference is one that 8 of 10 such runs find. The 0.9 quantile and not the 0.8, for a difference has to
# clear all three hurdles, and they are known from this run alone: with it simulated runs of 7 blocks find 79 %.
_POWER_QUANTILE: Final = 0.9


def judge(ratios: Intervals, floors: Floats, p: Floats) -> tuple[Sequence[str], Sequence[str]]:
    """Return each comparison's verdict, and what stood against a difference where none was found, else "".

    A difference is called one when three things agree: the 95 % interval excludes 1; the ratio is beyond the noise
    floor; the test, corrected for how many were made, rejects at 5 %. All words about two things that were measured
    come from here: a case and its baseline, any two methods, groups of hosts, all hosts together, two runs.

    ``ratios`` are the logarithms of speed-ups with both ends of their intervals, NaN where there are too few values for
    one; ``floors`` likewise, NaN where none is known; ``p`` is corrected.
    """
    point, low, high = ratios
    is_known = ~np.isnan(low)
    against = [(low <= 0) & (high >= 0), np.abs(point) <= floors, ~(p <= ALPHA)]
    obstacles = np.where(is_known, np.select(against, [HOLDS_ONE, WITHIN_NOISE, NOT_SIGNIFICANT], ""), "")
    words = np.where(obstacles != "", NO_DIFFERENCE, np.where(point > 0, FASTER, SLOWER))
    return np.where(is_known, words, TOO_FEW).tolist(), obstacles.tolist()


def paired(logs: Floats, floors: Floats, family: int) -> tuple[Sequence[str], Sequence[str], Intervals]:
    """Judge each row of log ratios, one value a block, NaN being none, by the rules of `judge`.

    Returns verdicts and obstacles as that does, and the estimates with their intervals, logarithms too. The correction
    is Bonferroni's for ``family`` comparisons, as what is compared here was chosen by looking at the figures, which
    Holm's does not allow for.
    """
    ratios = ratio_intervals(logs)
    return *judge(ratios, floors, paired_p(logs) * family), ratios


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One case against its baseline on one host, tested.

    ``ratio`` above 1 is faster; ``n`` blocks, or hosts where many are taken together. ``p`` is of the test of the
    trimmed mean, two-sided, ``p_holm`` corrected for the ``family`` comparisons of the run. ``noise_floor`` is the
    baseline's. ``smallest`` is the smallest difference this run would have found in 8 of 10 repetitions, as a ratio
    above 1 (1.03: 3 % faster or slower). What could not be computed is None. ``why`` says what kept a difference from
    being called one, and ``held`` in short where the interval excludes 1.
    """

    host: str
    case_id: str
    verdict: str
    n: int
    ratio: float
    interval: Interval | None
    p: float | None
    p_holm: float | None
    family: int
    noise_floor: float | None
    smallest: float | None
    why: str = ""
    held: str = ""


# By host and case.
Comparisons = dict[tuple[str, str], Comparison]


def compare(  # noqa: PLR0913 - the last three are what most comparisons have alike
    keys: Sequence[tuple[str, str]],
    logs: Floats,
    floors: Floats,
    *,
    ratios: Intervals | None = None,
    family: int | None = None,
    of: str = "block",
) -> Comparisons:
    """Compare every case that has a ratio with its baseline, by the rules of `judge`.

    ``logs`` has the logarithms of a case's ratios in the row of its key, NaN being none; a column is what ``of`` says.
    ``floors`` are each row's noise floor, ``ratios`` the estimates and intervals, logarithms too, where they are not
    those of a median over these columns. The test is of the trimmed mean, corrected by Holm's method over all of these,
    or over ``family`` where they are a part.
    """
    ratios = ratio_intervals(logs) if ratios is None else ratios
    counts = (~np.isnan(logs)).sum(axis=1)
    p = np.where(counts >= MINIMUM_N, paired_p(logs), math.nan)
    count = int((~np.isnan(p)).sum()) if family is None else family
    p_holm = holm(p, count)
    verdicts, obstacles = judge(ratios, floors, p_holm)
    smallest = _smallest(logs, ratios, floors, count)
    found = {}
    for row in np.flatnonzero(counts > 0).tolist():
        host, case_id = keys[row]
        n = int(counts[row])
        point, low, high = (float(part[row]) for part in ratios)
        why, held = f"{n} of at least {MINIMUM_N} {of}s", ""
        if verdicts[row] != TOO_FEW:
            why, held = _words_against(obstacles[row], math.exp(floors[row]), float(p_holm[row]), count)
        found[host, case_id] = Comparison(
            host=host,
            case_id=case_id,
            verdict=verdicts[row],
            n=n,
            ratio=math.exp(point),
            interval=Interval.known(math.exp(low), math.exp(high)),
            p=known(p[row]),
            p_holm=known(p_holm[row]),
            family=count,
            noise_floor=known(math.exp(floors[row])),
            smallest=known(smallest[row]),
            why=why,
            held=held,
        )
    return found


def _words_against(obstacle: str, floor: float, p_holm: float, family: int) -> tuple[str, str]:
    """Return what stood against a difference, and in short what stood beside an interval that excludes 1."""
    held = held_by(obstacle, floor, family)
    if obstacle == HOLDS_ONE:
        return "the interval holds 1x", held
    if obstacle == NOT_SIGNIFICANT:
        return f"p = {p_holm:.2g} after Holm's correction for {plural(family, 'comparison')}", held
    return held, held


def held_by(obstacle: str, floor: float, family: int) -> str:
    """Return in short what kept a difference from being called one although the interval excludes 1; else ""."""
    if obstacle == WITHIN_NOISE:
        return f"within the noise floor of {percent_text(floor)}"
    return f"after correction for {plural(family, 'comparison')}" if obstacle == NOT_SIGNIFICANT else ""


def _smallest(logs: Floats, ratios: Intervals, floors: Floats, family: int) -> Floats:
    """Return the ratio above 1 that a run like this one calls a difference in 8 of 10 repetitions.

    The largest of the three hurdles on the log scale (half the interval's width; the noise floor; what the corrected
    test asks of the trimmed mean), plus what a median with this interval varies by in that many runs.
    """
    _, error, degrees = trimmed_means(logs)
    half = (ratios[2] - ratios[1]) / 2
    corrected = -special.stdtrit(degrees, ALPHA / (2 * max(1, family))) * error
    n = (~np.isnan(logs)).sum(axis=1)
    varies = half / -special.stdtrit(np.maximum(n - 1, 1), ALPHA / 2)
    hurdle = np.maximum(np.maximum(half, corrected), np.nan_to_num(floors))
    return np.asarray(np.exp(hurdle + special.stdtrit(np.maximum(n - 1, 1), _POWER_QUANTILE) * varies))
