"""The agent's program with a fake core, a lease and settings of the test's own: ``agent_driver.py SETTINGS VERB``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE), str(_HERE.parents[1])]

from fake_core import fake_core  # noqa: E402

from pageswap.agent.cli import main  # noqa: E402
from pageswap.agent.daemon.host_context import HostContext  # noqa: E402
from pageswap.agent.host.host_files import HostFiles  # noqa: E402
from pageswap.agent.host.tunables import Tunables  # noqa: E402


class _TestFiles(HostFiles):
    """The real host, but with the mapping limit of the test's own sysctl folder."""

    def __init__(self, sysctl_root: str) -> None:
        super().__init__()
        self._sysctl_root = sysctl_root

    def path(self, path: str) -> str:
        if path.startswith("/proc/sys/vm/max_map_count"):
            return self._sysctl_root + path[len("/proc/sys") :]
        return path


def _host_context(settings: dict[str, str]) -> HostContext:
    files = _TestFiles(settings["sysctl_root"])
    return HostContext(
        files=files,
        lease_name="\0" + settings["lease"],
        lease_patience_s=float(settings["patience_s"]),
        load_core=fake_core,
        tunables=Tunables(files, str(Path(settings["record"]).parent), may_change=settings["may_change"] == "yes"),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[2:], _host_context(json.loads(sys.argv[1]))))
