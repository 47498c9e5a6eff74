"""Any two series of a run compared block by block, under the same conditions as a case with its baseline."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from pageswap.analysis.checks.comparisons import ALPHA
from pageswap.statistics.intervals import MINIMUM_N, Interval, median_intervals
from pageswap.statistics.paired_tests import paired_t, wilcoxon

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Paired:
    """How many times as long one took as the other: the median over ``n`` blocks, its 95 % interval from six on.

    ``differs``: interval, noise floor and corrected test agree that the two are not the same.
    """

    ratio: float
    interval: Interval | None
    n: int
    differs: bool


def paired(logs: Floats, floors: Sequence[float | None], family: int) -> list[Paired]:
    """Judge each row of log ratios, one value a block, NaN being none; ``floors`` are the hosts' noise floors.

    The rules are those of `pageswap.analysis.checks.comparisons.compare`, but for the correction: Bonferroni's for
    ``family`` comparisons, as what is compared here was chosen by looking at the figures, which Holm's does not allow
    for.
    """
    point, low, high = median_intervals(logs)
    n = (~np.isnan(logs)).sum(axis=1)
    is_enough = n >= MINIMUM_N
    p = np.full(len(logs), math.nan)
    if is_enough.any():
        tested = logs[is_enough]
        uses_ranks = family * 2.0 ** (1 - n[is_enough].astype(np.float64)) <= ALPHA
        p[is_enough] = np.where(uses_ranks, wilcoxon(tested), paired_t(tested)) * family
    floor = np.array([math.log(each) if each else 0.0 for each in floors])
    differs = is_enough & ((low > 0) | (high < 0)) & (np.abs(point) > floor) & (p <= ALPHA)
    return [
        Paired(
            ratio=math.exp(point[row]) if n[row] else math.nan,
            interval=Interval(math.exp(low[row]), math.exp(high[row])) if is_enough[row] else None,
            n=int(n[row]),
            differs=bool(differs[row]),
        )
        for row in range(len(logs))
    ]
