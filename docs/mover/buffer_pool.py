"""A buffer pool that reorders: frames that are read together are brought next to each other, hottest first.

python buffer_pool.py [MIB] [PROFILE]

It reorders the same pool by the mover, and by numpy, which copies the frames out in their new order and back. It checks
every frame both times, and prints the least time of each in milliseconds.
"""

from __future__ import annotations

import mmap
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from pageswap.mover import Flag, Region

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

FRAME = 4096
ROUNDS = 7
PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS


def hottest_first(count: int, chance: np.random.Generator) -> NDArray[np.uint32]:
    """Return the frames in the order in which they are to lie, by how often each was read: a few take most reads."""
    reads = chance.zipf(1.2, count)
    return np.argsort(-reads, kind="stable").astype(np.uint32)


def milliseconds(pool: NDArray[np.uint64], order: NDArray[np.uint32], reorder: Callable[[Any], None]) -> float:
    """Return the least time of all rounds; raises ValueError where a frame is not where it should be."""
    took = []
    for _ in range(ROUNDS):
        pool[:] = np.arange(len(pool), dtype=np.uint64)[:, np.newaxis]
        begin = time.perf_counter()
        reorder(order)
        took.append(time.perf_counter() - begin)
        if not (pool == order[:, np.newaxis]).all():
            raise ValueError("a frame was lost")
    return min(took) * 1e3


def main(mib: int, profile: str | None) -> None:
    """Reorder the pool by either, and print what each took."""
    memory = mmap.mmap(-1, mib << 20, PRIVATE)
    pool = np.frombuffer(memory, dtype=np.uint64).reshape(-1, FRAME // 8)
    order = hottest_first(len(pool), np.random.default_rng(42))

    def by_numpy(order: NDArray[np.uint32]) -> None:
        pool[:] = pool[order]

    with Region(memory, FRAME, flags=Flag.SINGLE_THREADED, profile=profile) as region:
        mover_ms = milliseconds(pool, order, region.permute)
        told = region.explain("permute", n=len(region))
    numpy_ms = milliseconds(pool, order, by_numpy)
    print(f"mover {mover_ms:.3f} ms\nnumpy {numpy_ms:.3f} ms\nway={told.way}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 64, sys.argv[2] if sys.argv[2:] else None)
