"""What the agent takes from its host, in one place: tests give it another lease, another core, other files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pageswap.agent.host.host_files import HostFiles
from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.agent.host.tunables import Tunables
    from pageswap.agent.trial.core_calls import Core


class HostContext:
    """The real host unless told otherwise; everything costly is made when it is first asked for."""

    def __init__(
        self,
        *,
        files: HostFiles | None = None,
        lease_name: str | None = None,
        lease_patience_s: float = 2.0,
        load_core: Callable[[], Core] | None = None,
        make_tunables: Callable[[], Tunables] | None = None,
    ) -> None:
        """Take replacements for the files, the lease's name and patience, the C core and the tunables' paths."""
        self.files = files or HostFiles()
        self._lease_name = lease_name
        self.lease_patience_s = lease_patience_s
        self._load_core = load_core
        self._make_tunables = make_tunables

    @property
    def lease_name(self) -> str:
        """Return the abstract address of the host's lease."""
        from pageswap.agent.workspace import host_lease  # not needed by `status`

        return self._lease_name or host_lease.NAME

    def core(self) -> Core:
        """Load the C core; raises HostError where it cannot run, with why and the cure."""
        from pageswap.agent.trial.core_calls import native_core  # loads the shared object

        try:
            return (self._load_core or native_core)()
        except (ImportError, OSError) as error:
            raise HostError(f"the core does not load on this host: {error}; {_cure()}") from error

    def tunables(self) -> Tunables:
        """Return access to the kernel settings that `--tune` raises."""
        from pageswap.agent.host.tunables import Tunables  # not needed by `status`

        return self._make_tunables() if self._make_tunables else Tunables(self.files)


def _cure() -> str:
    folder = os.path.dirname(os.path.abspath(__file__))
    if os.statvfs(folder).f_flag & os.ST_NOEXEC:
        return (
            f"{folder} is on a file system mounted noexec: give the host a workdir in hosts.yaml, or PAGESWAP_HOME, "
            "where programs may run"
        )
    return "'inv build --hosts' makes one that does, where the host has a compiler"
