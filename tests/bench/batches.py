"""Prints what batches of swaps must reach on this host, as ratios of speeds that are paired by block in one run.

Usage: batches.py. A line is reached when the lower end of the ratio's 95 % interval is as high as it must be. Takes
some minutes; let nothing else run meanwhile.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from paired import tell
from targets import Target, measure

BLOCKS = 11
SHAPE = "page_size: 4KiB\nregion_size: 256MiB\n"
WHOLE = f"{SHAPE}iterations: 200_000\nrounds: 1\n"
SMALL = f"{SHAPE}iterations: 65_536\nrounds: 16\n"
PERMUTING = ("permute_avx2", "permute_avx512")
PAIRWISE = ("pairwise_avx2", "pairwise_avx512")
# Each pair exchanged as if the coming ones were not known, and with all of a round's known.
SINGLE = ("exchange_avx2", "exchange_avx512", "exchange_nt_avx2", "exchange_nt_avx512")
STREAMED = ("exchange_prefetch_avx2", "exchange_prefetch_avx512")
BATCHES = (1, 8, 64, 512, 4096)
PERMUTE = f"workload: permute\nmethod: [memcpy, {', '.join(PERMUTING)}]\n"
BATCHED = f"workload: permute\nmethod: [memcpy, {', '.join(PAIRWISE + PERMUTING)}]\n"
LIMIT = "workload: limit\nmethod: [memcpy, stream_copy]\n"
REGION_PAGES = 65_536
# As those of targets.py.
PARTS = {
    "memcpy": f"workload: swap\nmethod: memcpy\n{WHOLE}",
    "pairs": f"workload: swap\nmethod: [memcpy, {', '.join(SINGLE + STREAMED)}]\n{SMALL}",
    "whole": f"{PERMUTE}{WHOLE}",
    "huge": f"{PERMUTE}{WHOLE}backing: thp\n",
    "two": f"{PERMUTE}{WHOLE}threads: 2\n",
    "limit": f"{LIMIT}{WHOLE}",
    "huge limit": f"{LIMIT}{WHOLE}backing: thp\n",
    # The whole region to another place, by one memcpy() of the C library.
    "one memcpy": f"workload: move\nmethod: memcpy\n{SHAPE}run_pages: {REGION_PAGES}\niterations: 4\nrounds: 2\n",
    **{f"batch {batch}": f"{BATCHED}{SMALL}batch: {batch}\n" for batch in BATCHES},
}
# Pages that 200,000 random swaps of 65,536 leave elsewhere, for each swap; an iteration of `limit` copies two.
WHOLE_PAGES = 65_384 / 200_000


def _permuting(name: str, part: str, against: tuple[str, tuple[str, ...]], at_least: float, scale: float = 1) -> Target:
    return Target(name, part, PERMUTING, *against, at_least, scale)


TARGETS = (
    _permuting(
        "200,000 swaps / stream_copy, by bytes", "whole", ("limit", ("stream_copy",)), 0.95, scale=WHOLE_PAGES / 2
    ),
    _permuting(
        "the same / one memcpy of the region, by bytes",
        "whole",
        ("one memcpy", ("memcpy",)),
        1.1,
        scale=WHOLE_PAGES / REGION_PAGES,
    ),
    _permuting(
        "the same on huge pages / stream_copy, by bytes",
        "huge",
        ("huge limit", ("stream_copy",)),
        0.85,
        scale=WHOLE_PAGES / 2,
    ),
    _permuting("200,000 swaps / memcpy pairwise", "whole", ("memcpy", ("memcpy",)), 12),
    _permuting("the same, two threads / one", "two", ("whole", PERMUTING), 1.4),
    *(
        _permuting(f"batches of {batch:,} / {how}", f"batch {batch}", against, 0.97)
        for batch in BATCHES
        for how, against in {
            "the batch's pairs with look-ahead": (f"batch {batch}", PAIRWISE),
            "single pairs": ("pairs", SINGLE),
        }.items()
    ),
)
# What no target asks for: no batch knows the pairs of the next one.
BESIDE = tuple(
    _permuting(f"batches of {batch:,} / a round's pairs with look-ahead", f"batch {batch}", ("pairs", STREAMED), 0)
    for batch in BATCHES
)


def main() -> int:
    """Print one line a ratio; return 1 when a target is missed."""
    with tempfile.TemporaryDirectory(prefix="pageswap-batches-") as folder:
        takes = measure(Path(folder), PARTS, BLOCKS)
    return tell(takes, (*TARGETS, *BESIDE))


if __name__ == "__main__":
    sys.exit(main())
