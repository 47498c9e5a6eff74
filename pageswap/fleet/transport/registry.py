"""The transports by the names that an inventory's `via:` knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pageswap.fleet.transport.local import LocalTransport
from pageswap.fleet.transport.openssh import OpensshTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pageswap.fleet.transport.transport import Reach, Transport


def _fabric(name: str, reach: Reach) -> Transport:
    from pageswap.fleet.transport.fabric import FabricTransport

    return FabricTransport(name, reach)


AUTO: Final = "auto"

TRANSPORTS: Final[Mapping[str, Callable[[str, Reach], Transport]]] = {
    AUTO: _fabric,
    "local": LocalTransport,
    "fabric": _fabric,
    "openssh": OpensshTransport,
}
