"""Tells the controller ten thousand lies in the protocol's words, and checks every output that is made of them.

Usage: hostile_host.py [FIRST SEED]. A fault is printed with its seed, which tells the same lies again. The last line
has the controller's peak memory.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

from tests.hostile.rounds import ask_round, run_round

LIES = 10_000
HOSTS = 24
# What an honest run of as many hosts takes is about 350 MiB, most of it pandas and the report.
MOST_MEBIBYTES = 1024


def main(first: int = 0) -> int:
    """Print a line a round, then the sums; return 1 where anything was wrong."""
    began, told, faults, seed = time.monotonic(), 0, 0, first
    while told < LIES:
        for kind in (ask_round, run_round):
            with tempfile.TemporaryDirectory(prefix="pageswap-hostile-") as folder:
                found = kind(str(seed), Path(folder), hosts=HOSTS)
            told += found.told
            faults += len(found.faults)
            print(f"seed {seed}: {kind.__name__}: {found.told} answers mutated, {told:,} in all", flush=True)
            for fault in found.faults:
                print(f"  {fault}", flush=True)
        seed += 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{told:,} mutated answers, seeds {first} to {seed - 1}, {time.monotonic() - began:.0f} s: {faults} faults")
    print(f"the controller's peak memory: {peak:,.0f} MiB   at most {MOST_MEBIBYTES:,}")
    return int(faults > 0 or peak > MOST_MEBIBYTES)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
