"""The A/A control: how much two measurements of one case differ by chance on each host."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from pageswap.statistics.intervals import MINIMUM_N, noise_floors
from pageswap.statistics.medians import Floats, medians

if TYPE_CHECKING:
    from pageswap.analysis.trials.matrix import Matrix


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
    None with the reason in ``note`` (a run without replicas, too few pairs).
    """

    host: str
    ratio: float | None
    cases: dict[str, float]
    pairs: tuple[ControlPair, ...]
    note: str = ""


def case_floors(matrix: Matrix) -> Floats:
    """Return the noise floor of each row's baseline, as a logarithm: what a ratio to it must be beyond.

    Each baseline has its own (`noise_floors`): what scatters in one condition says nothing of another.
    """
    return matrix.of_baselines(noise_floors(matrix.control_logs))


def control_medians(matrix: Matrix) -> Floats:
    """Return the median of the A/A pairs of each row's baseline, a logarithm: what a host makes of two equal things."""
    return matrix.of_baselines(medians(matrix.control_logs))


def host_floors(matrix: Matrix) -> dict[str, NoiseFloor]:
    """Describe the A/A control of each host."""
    logs = matrix.control_logs
    own = noise_floors(logs)
    floors = {}
    for host in matrix.hosts:
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
        few = f"{blocks} of at least {MINIMUM_N} blocks with the baseline measured twice"
        floors[host] = NoiseFloor(
            host=host,
            ratio=max(cases.values(), default=None),
            cases=cases,
            pairs=pairs,
            note="" if cases else few if blocks else "no block has its baseline measured twice",
        )
    return floors
