"""Kills 200 processes of runs over either transport at random moments, one by one, and resumes each run until whole.

Prints what was hit. Fails where a run's rows are not an undisturbed one's, a row of a journal is lost, or a process is
left. Needs root and OpenSSH's server. PAGESWAP_TEST_KILLS and PAGESWAP_TEST_SEED say how many, and which.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from tests.integration.fleet import Fleet
from tests.integration.lab import dice
from tests.integration.network import network, what_is_missing
from tests.integration.random_kills import HERE, ON_HOSTS, TRANSPORTS, Kills

KILLS = 200


def main() -> int:
    """Kill, and print the table."""
    missing = what_is_missing()
    if missing:
        print(f"kills: cannot be done here: {missing}")
        return 0
    wanted = int(os.environ.get("PAGESWAP_TEST_KILLS", KILLS))
    chance = dice()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pageswap-kills-") as text, network(Path(text) / "network") as made:
        kills = Kills(Fleet(Path(text), made), chance, on_run=lambda: print(end=".", flush=True))
        kills.until(wanted)
    hits = kills.hits
    print(f"\n{'alive when killed':20}" + "".join(f"{via or 'either':>10}" for via in ("", *TRANSPORTS)))
    for victim in (*HERE, *ON_HOSTS):
        print(f"{victim:20}" + "".join(f"{hits[via, victim] or '':>10}" for via in ("", *TRANSPORTS)))
    print(
        f"{hits.total()} killed in {kills.runs} runs with {kills.resumes} resumes, in {time.monotonic() - began:.0f} s:"
        " every run has an undisturbed one's rows, each once, and all that a journal had; no process is left",
        flush=True,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
