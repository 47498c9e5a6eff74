"""Tells the controller ten thousand lies in the protocol's words, and checks every output that is made of them.

Usage: hostile_host.py [ROUND SEED]. Every round is a process of its own, as a command is, and tells many hundred lies:
the same ones for the same seed, so that a fault can be seen again.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.hostile.rounds import ask_round, run_round

LIES = 10_000
HOSTS = 24
ROUNDS = {"ask": ask_round, "run": run_round}
# With as many honest hosts it is 300 MiB, most of it pandas and the report; the liar's own words are in it, too.
MOST_MEBIBYTES = 1024


def one(kind: str, seed: str) -> None:
    """Do one round, and print what it found and its peak memory as JSON."""
    with tempfile.TemporaryDirectory(prefix="pageswap-hostile-") as folder:
        found = ROUNDS[kind](seed, Path(folder), hosts=HOSTS)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(json.dumps({"told": found.told, "faults": found.faults, "peak": peak}))


def main() -> int:
    """Print a line a round, then the sums; return 1 where anything was wrong."""
    began, told, faults, peak, seed = time.monotonic(), 0, 0, 0, 0
    while told < LIES:
        for kind in ROUNDS:
            command = [sys.executable, __file__, kind, str(seed)]
            found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
            told, faults, peak = told + found["told"], faults + len(found["faults"]), max(peak, found["peak"])
            print(
                f"{kind} {seed:2}: {found['told']:3} answers mutated, {told:6,} in all, {found['peak']:4} MiB",
                flush=True,
            )
            for fault in found["faults"]:
                print(f"  {fault}", flush=True)
        seed += 1
    print(f"{told:,} mutated answers in {time.monotonic() - began:.0f} s: {faults} faults")
    print(f"the controller's peak memory: {peak:,} MiB   at most {MOST_MEBIBYTES:,}")
    return int(faults > 0 or peak > MOST_MEBIBYTES)


if __name__ == "__main__":
    sys.exit(one(*sys.argv[1:]) if len(sys.argv) > 1 else main())
