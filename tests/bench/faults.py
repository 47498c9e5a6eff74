"""Measures 64 hosts whose links are cut and sshd and agents are killed at random moments, until every row is there.

Prints what was done to them and what it took. Needs root and OpenSSH's server. PAGESWAP_TEST_SEED says which moments.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.integration.fleet import Fleet
from tests.integration.lab import dice
from tests.integration.network import network, what_is_missing
from tests.integration.random_faults import measure

HOSTS = 64
# So many that a quiet machine measures all hosts meanwhile, and a busy one comes to an end.
MOST = 500
PAUSE_S = 0.3
PEAK_MIB = 300


def main() -> int:
    """Print the figures; 1 when the controller took more memory than it may."""
    missing = what_is_missing()
    if missing:
        print(f"faults: cannot be done here: {missing}")
        return 0
    chance = dice()
    with tempfile.TemporaryDirectory(prefix="pageswap-faults-") as text, network(Path(text) / "network") as made:
        taken = measure(Fleet(Path(text), made), chance, HOSTS, most=MOST, pause_s=PAUSE_S)
    faults = ", ".join(f"{count} of {kind}" for kind, count in taken.faults.most_common())
    print(f"{taken.trials} trials on each of {HOSTS} hosts, half over either transport: {taken.seconds:.0f} s")
    print(f"{taken.faults.total()} faults: {faults}; {taken.resumes} resumes; each row is there once, no process left")
    print(f"the controller's peak size {taken.peak_mib:.0f} MiB, at most {PEAK_MIB} MiB", flush=True)
    return int(taken.peak_mib > PEAK_MIB)


if __name__ == "__main__":
    sys.exit(main())
