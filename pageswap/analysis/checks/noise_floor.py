"""The A/A control: how much two measurements of one case differ by chance on each host."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from pageswap.statistics.intervals import MINIMUM_N, Interval, noise_floors, ratio_intervals
from pageswap.statistics.medians import medians

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

    ``cases`` has the floor of each baseline, 1 or more (1.012: 1.2 % either way), ``ratio`` the largest of them, or
    None with the reason in ``note`` (a run without replicas, too few pairs). ``blocks`` is the number of blocks they
    hold for; ``median`` and ``interval`` are the centre of all A/A ratios and its 95 % interval, which should hold 1.
    """

    host: str
    ratio: float | None
    cases: dict[str, float]
    blocks: int
    pairs: tuple[ControlPair, ...]
    median: float | None
    interval: Interval | None
    note: str = ""


def control_logs(matrix: Matrix) -> Floats:
    """Return the logarithm of each A/A pair's ratio, second by first, as a matrix of this shape."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(matrix.control) - np.log(matrix.fast_ns))


def case_floors(matrix: Matrix) -> Floats:
    """Return the noise floor of each row's baseline, as a logarithm: what a ratio to it must be beyond.

    Each baseline has its own (`pageswap.statistics.noise`): what scatters in one condition says nothing of another.
    """
    own = noise_floors(control_logs(matrix))
    return np.where(matrix.partners >= 0, own[matrix.partners], math.nan) if len(own) else own


def control_medians(matrix: Matrix) -> Floats:
    """Return the median of the A/A pairs of each row's baseline, a logarithm: what a host makes of two equal things."""
    own = medians(control_logs(matrix))
    return np.where(matrix.partners >= 0, own[matrix.partners], math.nan) if len(own) else own


def host_floors(matrix: Matrix) -> dict[str, NoiseFloor]:
    """Describe the A/A control of each host."""
    logs = control_logs(matrix)
    own = noise_floors(logs)
    width = len(matrix.keys) // max(1, len(matrix.hosts))
    by_host = logs.reshape(len(matrix.hosts), width * logs.shape[1]) if logs.size else np.empty((len(matrix.hosts), 0))
    point, low, high = ratio_intervals(by_host)
    floors = {}
    for place, host in enumerate(matrix.hosts):
        part = matrix.rows_of(host)
        ours, names = logs[part], [case_id for _, case_id in matrix.keys[part]]
        rows, columns = np.nonzero(~np.isnan(ours))
        pairs = tuple(
            ControlPair(names[row], int(block), float(ratio))
            for row, block, ratio in zip(rows, matrix.blocks[columns], np.exp(ours[rows, columns]), strict=True)
        )
        cases = {
            name: math.exp(floor)
            for name, floor in zip(names, own[part].tolist(), strict=True)
            if not math.isnan(floor)
        }
        blocks = int((~np.isnan(ours)).sum(axis=1).max(initial=0))
        floors[host] = NoiseFloor(
            host=host,
            ratio=max(cases.values(), default=None),
            cases=cases,
            blocks=blocks,
            pairs=pairs,
            median=math.exp(point[place]) if pairs else None,
            interval=Interval(math.exp(low[place]), math.exp(high[place])) if cases else None,
            note="" if cases else _why_none(blocks),
        )
    return floors


def _why_none(blocks: int) -> str:
    if not blocks:
        return "no block has its baseline measured twice"
    return f"{blocks} of at least {MINIMUM_N} blocks with the baseline measured twice"
