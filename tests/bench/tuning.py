"""Kills 20 runs with --tune at random moments, which change this machine's own huge pages: all is put back.

Prints how the settings were found after the kills. Fails where one is not as before, byte for byte. Needs root, and a
machine where nothing is measured or tested meanwhile. PAGESWAP_TEST_KILLS and PAGESWAP_TEST_SEED say how
many, and when.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.agent.fake_sysfs import ENABLED, FakeSysfs
from tests.agent.harness import Host
from tests.agent.tuning_kills import TuningKills


def main() -> int:
    """Kill, and print what was found."""
    if os.geteuid() or not os.access(ENABLED, os.W_OK):
        print("tuning: cannot be done here: needs root and transparent huge pages")
        return 0
    knob = Path(ENABLED)
    before = knob.read_text().partition("[")[2].partition("]")[0]
    with tempfile.TemporaryDirectory(prefix="pageswap-tuning-") as folder:
        host = Host(Path(folder))
        try:
            knob.write_text("always")  # so that there is something to change
            kills = TuningKills(host, FakeSysfs(host.settings["sys_root"], real=True))
            kills.until(int(os.environ.get("PAGESWAP_TEST_KILLS", "20")))
        finally:
            knob.write_text(before)
    print(f"all is as before after each of {kills.found.total()} kills, and was found: {dict(kills.found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
