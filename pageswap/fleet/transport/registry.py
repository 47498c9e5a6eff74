"""The transports by the names that an inventory's `via:` knows; each is imported when a host needs it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pageswap.fleet.transport.transport import Transport


@dataclasses.dataclass(frozen=True)
class Reach:
    """What all hosts are reached with: an ssh_config other than the user's, and whether new host keys are trusted."""

    ssh_config: Path | None = None
    accept_new: bool = False


def _local(name: str, _reach: Reach) -> Transport:
    from pageswap.fleet.transport.local import LocalTransport

    return LocalTransport(name)


def _fabric(name: str, reach: Reach) -> Transport:
    from pageswap.fleet.transport.fabric import FabricTransport

    return FabricTransport(name, reach.ssh_config, accept_new=reach.accept_new)


AUTO: Final = "auto"

TRANSPORTS: Final[Mapping[str, Callable[[str, Reach], Transport]]] = {
    AUTO: _fabric,
    "local": _local,
    "fabric": _fabric,
}
