"""Prints what batches of swaps must reach on this host, as ratios of speeds that are paired by block in one run.

Usage: batches.py. Takes about three minutes.
"""

from __future__ import annotations

import math
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import targets

from pageswap.statistics.intervals import median_intervals

BLOCKS = 11
SHAPE = "page_size: 4KiB\nregion_size: 256MiB\n"
WHOLE = f"{SHAPE}iterations: 200_000\nrounds: 1\n"
PERMUTING = ("permute_avx2", "permute_avx512")
PAIRWISE = ("pairwise_avx2", "pairwise_avx512")
BATCHES = (1, 8, 64, 512, 4096)
WITH_YARDSTICKS = f"workload: permute\nmethod: [memcpy, {', '.join(PAIRWISE + PERMUTING)}]\n{SHAPE}iterations: 65_536\n"
PARTS = {
    "pairs": f"workload: swap\nmethod: memcpy\n{WHOLE}",
    "whole": f"workload: permute\nmethod: [memcpy, {', '.join(PERMUTING)}]\n{WHOLE}",
    "huge": f"workload: permute\nmethod: [memcpy, {', '.join(PERMUTING)}]\n{WHOLE}backing: thp\n",
    "two": f"workload: permute\nmethod: [memcpy, {', '.join(PERMUTING)}]\n{WHOLE}threads: 2\n",
    "limit": f"workload: limit\nmethod: [memcpy, stream_copy]\n{WHOLE}",
    "huge limit": f"workload: limit\nmethod: [memcpy, stream_copy]\n{WHOLE}backing: thp\n",
    **{f"batch {batch}": f"{WITH_YARDSTICKS}batch: {batch}\nrounds: 16\n" for batch in BATCHES},
}
# Pages that 200,000 random swaps of 65,536 leave elsewhere; an iteration of `limit` copies two.
MOVED_PAGES = 65_384
WHOLE_PAGES = MOVED_PAGES / 200_000
TARGETS = (
    (
        "permute, 200,000 swaps / stream_copy, bytes",
        "whole",
        PERMUTING,
        "limit",
        ("stream_copy",),
        WHOLE_PAGES / 2,
        0.95,
    ),
    ("the same on huge pages", "huge", PERMUTING, "huge limit", ("stream_copy",), WHOLE_PAGES / 2, 0.85),
    ("permute / memcpy pairwise, 200,000 swaps", "whole", PERMUTING, "pairs", ("memcpy",), 1.0, 12),
    ("permute, two threads / one", "two", PERMUTING, "whole", PERMUTING, 1.0, 1.4),
    *(
        (f"batch of {batch} / pairwise exchange", f"batch {batch}", PERMUTING, f"batch {batch}", PAIRWISE, 1.0, 0.97)
        for batch in BATCHES
    ),
)


def main() -> int:
    """Print one line a target; return 1 when the lower end of an interval misses one."""
    missed = 0
    with tempfile.TemporaryDirectory(prefix="pageswap-batches-") as folder:
        takes = targets.measure(Path(folder), PARTS, BLOCKS)
    print(
        f"{'ratio of speeds, median of ' + str(BLOCKS) + ' blocks':46} {'at least':>8} {'measured':>9}   95 % interval"
    )
    for name, part, methods, against_part, against, scale, at_least in TARGETS:
        method, ours = targets.best(takes, part, methods)
        yardstick, theirs = targets.best(takes, against_part, against)
        ratios = [scale * other / own for own, other in zip(ours, theirs, strict=True)]
        ratio, low, high = (float(end[0]) for end in median_intervals(np.array([ratios])))
        is_missed = math.isnan(low) or low < at_least
        missed += is_missed
        print(
            f"{name:46} {at_least:8.2f} {ratio:9.2f}{'!' if is_missed else ' '}  [{low:.2f}, {high:.2f}]   "
            f"{method} {statistics.median(ours):,.1f} ns, {yardstick} {statistics.median(theirs):,.1f} ns"
        )
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
