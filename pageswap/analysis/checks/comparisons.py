"""Each case against its baseline: tested, corrected for how many were, and put into a word that the figures bear."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

from pageswap.analysis.verdicts import FASTER, NO_DIFFERENCE, SLOWER, TOO_FEW
from pageswap.statistics.intervals import CONFIDENCE, MINIMUM_N, Interval
from pageswap.statistics.paired_tests import holm, paired_t, wilcoxon
from pageswap.text.lists import plural
from pageswap.text.numbers import percent_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from pageswap.analysis.checks.noise_floor import NoiseFloor
    from pageswap.analysis.trials.matrix import Matrix

    Floats = npt.NDArray[np.float64]
    Intervals = tuple[Floats, Floats, Floats]


WILCOXON: Final = "wilcoxon"
PAIRED_T: Final = "t"

ALPHA: Final = 1 - CONFIDENCE
# The smallest difference is one that 8 of 10 such runs find. The 0.9 quantile and not the 0.8, for a difference has to
# clear all three hurdles, and they are known from this run alone: with it simulated runs of 7 blocks find 81 %.
_POWER_QUANTILE: Final = 0.9


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One case against its baseline on one host, tested.

    ``ratio`` above 1 is faster; ``n`` blocks. ``p`` is Wilcoxon's signed-rank test, two-sided, ``p_holm`` corrected for
    the ``family`` comparisons of the run. ``test`` names the one that decided: ``wilcoxon``, or ``t`` (paired, on
    logarithms, its corrected value in ``p_t_holm``) where so few blocks could never pass Holm's correction by ranks.
    ``noise_floor`` is the host's. ``smallest`` is the smallest difference this run would have found in 8 of 10
    repetitions, as a ratio above 1 (1.03: 3 % faster or slower). What could not be computed is None; ``why`` says in
    words what kept a difference from being called one, and ``held`` says it in short where the interval excludes 1.
    """

    host: str
    case_id: str
    verdict: str
    n: int
    ratio: float | None
    interval: Interval | None
    p: float | None
    p_holm: float | None
    p_t_holm: float | None
    test: str
    family: int
    noise_floor: float | None
    smallest: float | None
    why: str = ""
    held: str = ""


def compare(matrix: Matrix, ratios: Intervals, floors: Mapping[str, NoiseFloor]) -> dict[tuple[str, str], Comparison]:
    """Compare every case that has pairs with its baseline; ``ratios`` are the medians and intervals of log ratios.

    A difference is called one when three things agree: the 95 % interval of the ratio excludes 1; the ratio is beyond
    the host's noise floor; and the test, corrected by Holm's method (1979, Scand. J. Statist. 6, 65) over all
    comparisons of the run, rejects at 5 %. The test is Wilcoxon's signed-rank test of the blocks' log ratios. With n
    blocks its p is never below 2 / 2**n, so that among m comparisons nothing could pass when m x 2 / 2**n > 0.05,
    however large the difference: there the paired t test of the same log ratios decides, Holm's correction likewise.
    """
    logs = matrix.log_ratios
    chosen = np.flatnonzero(matrix.pairs > 0)
    tested = np.flatnonzero(matrix.pairs >= MINIMUM_N)
    family = len(tested)
    by_ranks, by_t = np.full(len(logs), math.nan), np.full(len(logs), math.nan)
    by_ranks[tested], by_t[tested] = wilcoxon(logs[tested]), paired_t(logs[tested])
    ranks_holm, t_holm = holm(by_ranks), holm(by_t)
    uses_ranks = family * 2.0 ** (1 - matrix.pairs.astype(np.float64)) <= ALPHA
    floor = np.array([_log_floor(floors.get(host)) for host, _ in matrix.keys])
    smallest = _smallest(logs, ratios, floor, family)
    found = {}
    for row in chosen:
        host, case_id = matrix.keys[row]
        n = int(matrix.pairs[row])
        point, low, high = (float(part[row]) for part in ratios)
        p_holm = float(ranks_holm[row] if uses_ranks[row] else t_holm[row])
        if n < MINIMUM_N:
            verdict, why, held = TOO_FEW, f"{n} of at least {MINIMUM_N} blocks", ""
        else:
            verdict, why, held = _word((point, low, high), float(floor[row]), p_holm, family)
        found[host, case_id] = Comparison(
            host=host,
            case_id=case_id,
            verdict=verdict,
            n=n,
            ratio=math.exp(point),
            interval=Interval(math.exp(low), math.exp(high)) if n >= MINIMUM_N else None,
            p=_present(by_ranks[row]),
            p_holm=_present(ranks_holm[row]),
            p_t_holm=None if uses_ranks[row] else _present(t_holm[row]),
            test=WILCOXON if uses_ranks[row] else PAIRED_T,
            family=family,
            noise_floor=_present(math.exp(floor[row])),
            smallest=_present(smallest[row]),
            why=why,
            held=held,
        )
    return found


def _word(ratio: tuple[float, float, float], floor: float, p_holm: float, family: int) -> tuple[str, str, str]:
    """Give the verdict and, where there is no difference, what stood against one; all on the log scale.

    The third is short, for beside an interval that excludes 1; where the interval itself says it, it is "".
    """
    point, low, high = ratio
    if low <= 0 <= high:
        return NO_DIFFERENCE, "the interval holds 1x", ""
    if abs(point) <= floor:
        size = percent_text(math.exp(floor))
        return NO_DIFFERENCE, f"within the host's noise floor of {size}", f"within the noise floor of {size}"
    if not p_holm <= ALPHA:
        comparisons = plural(family, "comparison")
        why = f"p = {p_holm:.2g} after Holm's correction for {comparisons}"
        return NO_DIFFERENCE, why, f"after correction for {comparisons}"
    return (FASTER if point > 0 else SLOWER), "", ""


def _smallest(logs: Floats, ratios: Intervals, floor: Floats, family: int) -> Floats:
    """Give the ratio above 1 that a run like this one calls a difference in 8 of 10 repetitions.

    The largest of the three hurdles on the log scale (half the interval's width; the noise floor; what the corrected
    t test asks of the mean), plus what a median with this interval varies by in that many runs.
    """
    counts = (~np.isnan(logs)).sum(axis=1)
    smallest = np.full(len(logs), math.nan)
    rows = np.flatnonzero(counts >= MINIMUM_N)
    if not len(rows):
        return smallest
    n = counts[rows]
    half = (ratios[2][rows] - ratios[1][rows]) / 2
    spread = np.nanstd(logs[rows], axis=1, ddof=1)
    corrected = -special.stdtrit(n - 1, ALPHA / (2 * family)) * spread / np.sqrt(n)
    error = half / -special.stdtrit(n - 1, ALPHA / 2)
    hurdle = np.fmax(np.fmax(half, corrected), np.nan_to_num(floor[rows]))
    smallest[rows] = np.exp(hurdle + special.stdtrit(n - 1, _POWER_QUANTILE) * error)
    return smallest


def _log_floor(floor: NoiseFloor | None) -> float:
    return math.nan if floor is None or floor.ratio is None else math.log(floor.ratio)


def _present(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
