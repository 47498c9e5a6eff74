"""The agent's program with a fake core, a lease and settings of the test's own: ``agent_driver.py SETTINGS VERB``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE), str(_HERE.parents[1])]

from fake_core import fake_core  # noqa: E402
from fake_sysfs import FakeSysfs  # noqa: E402

from pageswap.agent.cli import main  # noqa: E402
from pageswap.agent.daemon.host_context import HostContext  # noqa: E402
from pageswap.agent.host.tunables import Tunables  # noqa: E402


def _host_context(settings: dict[str, str]) -> HostContext:
    files = FakeSysfs(settings["sys_root"], json.loads(settings["refused"]))
    return HostContext(
        files=files,
        lease_name="\0" + settings["lease"],
        lease_patience_s=float(settings["patience_s"]),
        load_core=fake_core,
        tunables=Tunables(files, str(Path(settings["record"]).parent), may_change=settings["may_change"] == "yes"),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[2:], _host_context(json.loads(sys.argv[1]))))
