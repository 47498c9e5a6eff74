"""Writes the two example traces of own_trace.yaml beside itself: a compacting collector's, and a buffer pool's.

Run it as ``python experiments/make_traces.py``. It needs nothing but Python, and writes the same bytes each time. A
trace has one move a line, ``dst,src,pages`` in slots of a page each, and an empty line where a batch ends: where the
program that moves would let others run again.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAP_PAGES = 8192  # 32 MiB of 4 KiB pages
_BLOCK_PAGES = 512  # what a collector empties at once
_OBJECT_PAGES = 6  # a live object's, on average
_LIVE = 0.3

_FAST_FRAMES, _SLOW_FRAMES, _FREE_FRAMES = 1024, 2976, 96
_ROUNDS, _READS_A_ROUND, _MOST_PROMOTED = 64, 400, 8


def collector() -> Iterator[str]:
    """Slide all live objects of a heap down, one block after another, so that none is left between them.

    Live and dead objects follow each other, both of random lengths (geometric); neighbours that both live move as one.
    """
    chance = random.Random(1)  # noqa: S311 - an example's, the same each time
    source = to = 0
    is_live = False
    while source < _HEAP_PAGES:
        mean = _OBJECT_PAGES if is_live else _OBJECT_PAGES * (1 - _LIVE) / _LIVE
        pages = min(1 + int(chance.expovariate(1 / mean)), _HEAP_PAGES - source)
        if is_live:
            yield f"{to},{source},{pages}\n"
            to += pages
        if source // _BLOCK_PAGES != (source + pages) // _BLOCK_PAGES:
            yield "\n"
        source += pages
        is_live = not is_live


def buffer_pool() -> Iterator[str]:
    """Bring pages that are read often into the fast frames, the first ones, and those in their way to slow ones.

    Reads are skewed: page i is read as often as 1 / (i + 1). After each round of reads up to eight of the pages that
    were read most change places with the fast ones that were read least, through a frame that is free.
    """
    chance = random.Random(2)  # noqa: S311 - an example's, the same each time
    pages = list(range(_FAST_FRAMES + _SLOW_FRAMES))
    weights = [1 / (page + 1) for page in pages]
    frames = pages.copy()
    chance.shuffle(frames)
    free = list(range(len(pages), len(pages) + _FREE_FRAMES))
    reads = [0] * len(pages)
    for _ in range(_ROUNDS):
        for page in chance.choices(pages, weights, k=_READS_A_ROUND):
            reads[page] += 1
        slow = sorted((page for page in pages if frames[page] >= _FAST_FRAMES), key=lambda page: -reads[page])
        fast = sorted((page for page in pages if frames[page] < _FAST_FRAMES), key=lambda page: reads[page])
        for hot, cold in zip(slow[:_MOST_PROMOTED], fast, strict=False):
            if reads[hot] <= reads[cold]:
                break
            empty, frame, left = free.pop(0), frames[cold], frames[hot]
            yield f"{empty},{frame},1\n"
            yield f"{frame},{left},1\n"
            frames[cold], frames[hot] = empty, frame
            free.append(left)
        yield "\n"


TRACES = {"collector.csv": collector, "buffer_pool.csv": buffer_pool}

if __name__ == "__main__":
    for name, moves in TRACES.items():
        Path(__file__).with_name(name).write_text("".join(moves()), encoding="ascii")
