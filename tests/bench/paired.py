"""Prints ratios of speeds that are paired by block in one run, with their intervals, and what they must reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from targets import best

from pageswap.statistics.intervals import median_intervals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from targets import Target


def tell(takes: dict[tuple[str, str], list[float]], targets: Sequence[Target]) -> int:
    """Print one line a ratio; return 1 when the lower end of one's 95 % interval is below what it must reach.

    `takes` has ns per operation of each block, by part and method. Where no method of a side ended ok in every block
    the line says so, and a ratio that must be reached is missed.
    """
    blocks = len(next(iter(takes.values())))
    print(f"{f'ratio of speeds, median of {blocks} blocks':64} {'at least':>8} {'measured':>9}   95 % interval")
    missed = 0
    for target in targets:
        at_least = f"{target.at_least:.2f}" if target.at_least else ""
        try:
            method, ours = best(takes, target.part, target.methods)
            against, theirs = best(takes, target.against_part, target.against)
        except ValueError:
            missed += bool(at_least)
            print(f"{target.name:64} {at_least:>8}   not measured")
            continue
        ratios = (target.scale * np.array(theirs) / np.array(ours))[np.newaxis]
        ratio, low, high = (float(ends[0]) for ends in median_intervals(ratios))
        is_missed = bool(at_least) and not low >= target.at_least
        missed += is_missed
        print(
            f"{target.name:64} {at_least:>8} {ratio:9.2f}{'!' if is_missed else ' '}  {low:.2f} to {high:.2f}   "
            f"{method} {np.median(ours):,.1f} ns, {against} {np.median(theirs):,.1f} ns"
        )
    return int(missed > 0)
