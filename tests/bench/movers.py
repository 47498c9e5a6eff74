"""Prints what movers of pages must reach when they ask as programs do, as ratios paired by block in one run.

Usage: movers.py. A line is reached when the lower end of the ratio's 95 % interval is as high as it must be. Takes some
minutes; let nothing else run meanwhile.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from paired import tell
from targets import Target, measure

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
    with tempfile.TemporaryDirectory(prefix="pageswap-movers-") as folder:
        takes = measure(Path(folder), PARTS, BLOCKS)
    return tell(takes, (*TARGETS, *BESIDE))


if __name__ == "__main__":
    sys.exit(main())
