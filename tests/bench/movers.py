"""Prints what movers of pages must reach when they ask as programs do, as ratios paired by block in one run.

Usage: movers.py. A line is reached when the lower end of the ratio's 95 % interval is as high as it must be. Takes some
minutes; let nothing else run meanwhile.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from targets import Target, measure

from pageswap.statistics.intervals import median_intervals

BLOCKS = 11
COPIES = ("memcpy", "memcpy_process_madvise")
MOVE = "workload: move\nbacking: private_anon\n"
RELEASED = f"{MOVE}method: [{', '.join(COPIES)}, uffd_copy, uffd_move]\npage_size: 4KiB\nregion_size: 256MiB\n"
ONE_WAY = f"{MOVE}method: [mremap_fixed, mremap_dontunmap]\nregion_size: 512MiB\n"
SIZES = ("64KiB", "256KiB", "1MiB", "4MiB")
# As those of targets.py. A round of `release: source` is one pass at most: 1,024 runs of 64 pages.
PARTS = {
    "source, runs of 1": f"{RELEASED}release: source\nrun_pages: 1\niterations: 20_000\n",
    "source, runs of 64": f"{RELEASED}release: source\nrun_pages: 64\niterations: 5_000\n",
    "both, runs of 1": f"{RELEASED}release: both\nrun_pages: 1\niterations: 20_000\n",
    "both, runs of 64": f"{RELEASED}release: both\nrun_pages: 64\niterations: 5_000\n",
    **{size: f"{ONE_WAY}page_size: {size}\niterations: 4_000\n" for size in SIZES},
}


def _released(name: str, part: str, against: str, at_least: float) -> Target:
    return Target(name, part, ("uffd_move",), part, (against,), at_least)


TARGETS = (
    _released("given back, runs of 1: uffd_move / memcpy", "source, runs of 1", "memcpy", 1.6),
    _released("given back, runs of 64: uffd_move / memcpy", "source, runs of 64", "memcpy", 3.5),
    _released("into empty places, runs of 64: uffd_move / memcpy", "both, runs of 64", "memcpy", 11),
    *(
        Target(
            f"{size} one way: mremap_dontunmap / mremap_fixed",
            size,
            ("mremap_dontunmap",),
            size,
            ("mremap_fixed",),
            1.15,
        )
        for size in SIZES
    ),
)
# What the targets leave open; 0: no figure is asked for.
BESIDE = (
    _released("into empty places, runs of 1: uffd_move / memcpy", "both, runs of 1", "memcpy", 0),
    *(
        _released(f"{part}: uffd_move / {against}", part, against, 0)
        for part in ("source, runs of 1", "source, runs of 64", "both, runs of 64")
        for against in ("memcpy_process_madvise", "uffd_copy")
    ),
)


def main() -> int:
    """Print one line a ratio; return 1 when a target is missed."""
    missed = 0
    with tempfile.TemporaryDirectory(prefix="pageswap-movers-") as folder:
        takes = measure(Path(folder), PARTS, BLOCKS)
    print(f"{f'ratio of speeds, median of {BLOCKS} blocks':58} {'at least':>8} {'measured':>9}   95 % interval")
    for target in (*TARGETS, *BESIDE):
        (method,), (against,) = target.methods, target.against
        ours, theirs = np.array(takes[target.part, method]), np.array(takes[target.against_part, against])
        if np.isnan(ours).any() or np.isnan(theirs).any():
            print(f"{target.name:58} {target.at_least:8.2f}   not measured")
            missed += target.at_least > 0
            continue
        ratios = (theirs / ours)[np.newaxis]
        ratio, low, high = (float(ends[0]) for ends in median_intervals(ratios))
        is_missed = low < target.at_least
        missed += is_missed
        print(
            f"{target.name:58} {f'{target.at_least:.2f}' if target.at_least else '':>8} {ratio:9.2f}"
            f"{'!' if is_missed else ' '}  {low:.2f} to {high:.2f}   {method} {np.median(ours):,.0f} ns, "
            f"{against} {np.median(theirs):,.0f} ns"
        )
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
