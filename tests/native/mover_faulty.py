"""Plays random calls against the model under a shim that makes the kernel refuse; prints `right`, or what is wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import mover_model

from pageswap.mover import Flag

_SEQUENCES = 6

if __name__ == "__main__":
    profile, slot_bytes = Path(sys.argv[1]), int(sys.argv[2])
    ways = {"profile": profile, "flags": Flag.SINGLE_THREADED}
    wrong = [mover_model.play(seed, "private_anon", slot_bytes, **ways) for seed in range(_SEQUENCES)]
    print(next(filter(None, wrong), "right"))  # noqa: T201 - its answer
