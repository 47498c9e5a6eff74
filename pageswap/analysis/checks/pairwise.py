"""Any two series of a run compared block by block, under the same conditions as a case with its baseline."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from pageswap.analysis.verdicts import FASTER, SLOWER, judge
from pageswap.statistics.intervals import MINIMUM_N, Interval, ratio_intervals
from pageswap.statistics.trimmed_means import paired_p

if TYPE_CHECKING:
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


def paired(logs: Floats, floors: Floats, family: int) -> list[Paired]:
    """Judge each row of log ratios, one value a block, NaN being none; ``floors`` are the rows' noise floors.

    Both are logarithms. The rules are those of `pageswap.analysis.verdicts.judge`. The correction is Bonferroni's for
    ``family`` comparisons, as what is compared here was chosen by looking at the figures, which Holm's does not allow
    for.
    """
    ratios = ratio_intervals(logs)
    verdicts, _ = judge(ratios, floors, paired_p(logs) * family)
    n = (~np.isnan(logs)).sum(axis=1)
    point, low, high = (np.exp(part) for part in ratios)
    return [
        Paired(
            ratio=float(point[row]),
            interval=Interval(float(low[row]), float(high[row])) if n[row] >= MINIMUM_N else None,
            n=int(n[row]),
            differs=verdict in (FASTER, SLOWER),
        )
        for row, verdict in enumerate(verdicts)
    ]
