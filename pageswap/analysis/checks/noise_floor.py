"""The A/A control: how much two measurements of one case differ by chance on each host."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from pageswap.statistics.intervals import CONFIDENCE, MINIMUM_N, Interval, median_intervals

if TYPE_CHECKING:
    import numpy.typing as npt

    from pageswap.analysis.trials.matrix import Matrix

    Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class ControlPair:
    """One block's A/A pair: the baseline's case measured twice.

    ``ratio`` is ns of the second (replica 1) / ns of the first (replica 0); 1 where both took equally long.
    """

    case_id: str
    block: int
    ratio: float


@dataclasses.dataclass(frozen=True)
class NoiseFloor:
    """What the A/A control says of one host: how much two measurements of the same thing differ by chance.

    ``ratio`` is the floor, 1 or more (1.012: 1.2 % either way), or None with the reason in ``note`` (a run without
    replicas, too few pairs). ``blocks`` is the number of blocks it holds for; ``median`` and ``interval`` are the
    centre of all A/A ratios and its 95 % interval, which should hold 1.
    """

    host: str
    ratio: float | None
    blocks: int
    pairs: tuple[ControlPair, ...]
    median: float | None
    interval: Interval | None
    note: str = ""


def noise_floors(matrix: Matrix) -> dict[str, NoiseFloor]:
    """Give the noise floor of each host.

    Let d be the logarithm of the ratio of an A/A pair's two times. The floor is what the median of as many d as the
    host has blocks stays below, either way, in 95 of 100 runs: a ratio nearer to 1 than that is no more than the same
    thing measured twice shows. As which trial of a pair comes first is random, d and -d are equally likely; the median
    of n values lies below their quantile p with the probability of at least (n + 1) / 2 of n draws below it, so the
    floor is the quantile 2 p - 1 of all |d| of the host, p being the 0.975 quantile of the beta distribution with both
    parameters (n + 1) / 2 (David and Nagaraja, Order Statistics, 3rd ed., section 2.1). It is never below what the
    median of all d was found to be. Without six pairs there is none.
    """
    logs = np.log(matrix.control) - np.log(matrix.ns)
    width = len(matrix.keys) // max(1, len(matrix.hosts))
    by_host = logs.reshape(len(matrix.hosts), width * logs.shape[1]) if logs.size else np.empty((len(matrix.hosts), 0))
    point, low, high = median_intervals(by_host)
    floors = {}
    for place, host in enumerate(matrix.hosts):
        ours = logs[place * width : (place + 1) * width]
        rows, columns = np.nonzero(~np.isnan(ours))
        values = ours[rows, columns]
        cases = [matrix.keys[place * width + row][1] for row in rows]
        pairs = tuple(
            ControlPair(case_id, int(block), float(ratio))
            for case_id, block, ratio in zip(cases, matrix.blocks[columns], np.exp(values), strict=True)
        )
        blocks = len(np.unique(columns))
        is_enough = blocks >= MINIMUM_N
        floor = max(_floor(values, blocks), abs(float(point[place]))) if is_enough else math.nan
        floors[host] = NoiseFloor(
            host=host,
            ratio=math.exp(floor) if is_enough else None,
            blocks=blocks,
            pairs=pairs,
            median=math.exp(point[place]) if len(values) else None,
            interval=Interval(math.exp(low[place]), math.exp(high[place])) if is_enough else None,
            note="" if is_enough else _why_none(blocks),
        )
    return floors


def _why_none(blocks: int) -> str:
    if not blocks:
        return "no block has its baseline measured twice"
    return f"{blocks} of at least {MINIMUM_N} blocks with the baseline measured twice"


def _floor(logs: Floats, blocks: int) -> float:
    half = (blocks + 1) / 2
    level = 2 * special.betaincinv(half, half, (1 + CONFIDENCE) / 2) - 1
    return float(np.quantile(np.abs(logs), level))
