"""Plays random calls against the model under a shim that makes the kernel refuse; prints `right`, or what is wrong.

Usage: mover_faulty.py PROFILE SLOT_BYTES KIND; $PAGESWAP_FUZZ times as many sequences as in a test.
"""

from __future__ import annotations

import sys
from pathlib import Path

import fuzz
import mover_model

from pageswap.mover import Flag

_SEQUENCES = 6
_OF_HUGE_SLOTS = 4

if __name__ == "__main__":
    profile, slot_bytes, kind = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    ways = {"profile": profile, "flags": Flag.SINGLE_THREADED}
    sequences = fuzz.examples(_SEQUENCES if slot_bytes < mover_model.HUGE else _OF_HUGE_SLOTS)
    wrong = [mover_model.play(seed, kind, slot_bytes, **ways) for seed in range(sequences)]
    print(next(filter(None, wrong), "right"))  # noqa: T201 - its answer
