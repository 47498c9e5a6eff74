"""What the agent takes from its host, in one place: tests give it another lease, another core, other files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.host.tunables import Tunables
from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.agent.trial.core_calls import CoreCalls


class HostContext(NamedTuple):
    """The real host unless told otherwise: its files, the lease's abstract address and patience in s, its settings."""

    files: HostFiles = HostFiles()
    lease_name: str | None = None
    # A killed agent's child lives on for the moment its memory takes to be unmapped; so long the lease may look held.
    lease_patience_s: float = 2.0
    # In place of the compiled core.
    load_core: Callable[[], CoreCalls] | None = None
    tunables: Tunables = Tunables()

    def check(self) -> None:
        """Raise HostError where /proc is absent: what runs here, and what it needs, could not be seen."""
        if self.files.text("/proc/self/stat") is None:
            raise HostError("/proc is not mounted on this host; as root: mount -t proc proc /proc")

    def core(self) -> CoreCalls:
        """Load the C core; raises HostError where it cannot run, with why and the cure."""
        from pageswap.agent.trial.core_calls import native_core  # loads the shared object

        try:
            return (self.load_core or native_core)()
        except (ImportError, OSError) as error:
            cure = "'inv build --hosts' makes one that does, where the host has a compiler"
            folder = os.path.dirname(os.path.abspath(__file__))
            if os.statvfs(folder).f_flag & os.ST_NOEXEC:
                cure = (
                    f"{folder} is on a file system mounted noexec: give the host a workdir in hosts.yaml, or "
                    "PAGESWAP_HOME, where programs may run"
                )
            raise HostError(f"the core does not load on this host: {error}; {cure}") from error
