"""The order of cases inside a block, and the schedule seed of a block, from the experiment's seed alone."""

from __future__ import annotations

import hashlib

_SEED_BYTES = 8


def block_order(seed: int, block_id: str, cases: int) -> list[int]:
    """Give the indices of all cases in the random order of one block (``b03``, or ``w0`` for a warm-up).

    The cases are sorted by the SHA-256 of (seed, block, case index): a uniformly random permutation that is the same
    in every version of Python, which `random.shuffle` does not promise.
    """
    start = hashlib.sha256(f"pageswap order {seed} {block_id} ".encode())

    def rank(index: int) -> bytes:
        digest = start.copy()
        digest.update(str(index).encode())
        return digest.digest()

    return sorted(range(cases), key=rank)


def schedule_seed(seed: int, block_id: str) -> int:
    """Give the seed of the page schedule that all trials of a block share: 0 to 2**63 - 1, as SQLite's integers."""
    digest = hashlib.sha256(f"pageswap schedule {seed} {block_id}".encode()).digest()
    return int.from_bytes(digest[:_SEED_BYTES], "big") >> 1
