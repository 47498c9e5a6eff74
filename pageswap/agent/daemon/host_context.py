"""What the agent takes from its host, in one place: tests give it another lease, another core, other files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.host.tunables import Tunables
from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.agent.trial.core_calls import CoreCalls


# A killed agent's child lives on for the moment its memory takes to be unmapped; so long the lease may look held.
_PATIENCE_S = 2.0


class HostContext:
    """The real host unless told otherwise; everything costly is made when it is first asked for."""

    def __init__(
        self,
        *,
        files: HostFiles | None = None,
        lease_name: str | None = None,
        lease_patience_s: float = _PATIENCE_S,
        load_core: Callable[[], CoreCalls] | None = None,
        tunables: Tunables | None = None,
    ) -> None:
        """Take replacements for the files, the lease's abstract address and patience, the core and the tunables."""
        self.files = files or HostFiles()
        self.lease_name = lease_name
        self.lease_patience_s = lease_patience_s
        self._load_core = load_core
        self.tunables = tunables or Tunables(self.files)

    def core(self) -> CoreCalls:
        """Load the C core; raises HostError where it cannot run, with why and the cure."""
        from pageswap.agent.trial.core_calls import native_core  # loads the shared object

        try:
            return (self._load_core or native_core)()
        except (ImportError, OSError) as error:
            cure = "'inv build --hosts' makes one that does, where the host has a compiler"
            folder = os.path.dirname(os.path.abspath(__file__))
            if os.statvfs(folder).f_flag & os.ST_NOEXEC:
                cure = (
                    f"{folder} is on a file system mounted noexec: give the host a workdir in hosts.yaml, or "
                    "PAGESWAP_HOME, where programs may run"
                )
            raise HostError(f"the core does not load on this host: {error}; {cure}") from error
