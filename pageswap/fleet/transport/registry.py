"""The transports by the names that an inventory's `via:` knows."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from pageswap.fleet.transport.link_errors import FabricLacksError
from pageswap.fleet.transport.local import LocalTransport
from pageswap.fleet.transport.openssh import OpensshTransport
from pageswap.fleet.transport.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pageswap.fleet.transport.transport import Reach, Stream


def _fabric(name: str, reach: Reach) -> Transport:
    from pageswap.fleet.transport.fabric import FabricTransport

    return FabricTransport(name, reach)


class AutoTransport(Transport):
    """Fabric, or the system's ssh where that is there and the way to the host takes what Fabric's library lacks."""

    def __init__(self, name: str, reach: Reach) -> None:
        """Take the alias, and what all hosts are reached with."""
        super().__init__(name, reach)
        self._over = _fabric(name, reach)
        self._over.seconds = self.seconds

    def start(self, argv: Sequence[str], stdin: bytes, *, keeps_input: bool = False) -> Stream:
        """Start a program over the one that serves, which the first attempt finds out."""
        try:
            return self._over.start(argv, stdin, keeps_input=keeps_input)
        except FabricLacksError:
            if shutil.which("ssh") is None:
                raise
            self._over.close()
            self._over = OpensshTransport(self.name, self.reach)
            self._over.seconds = self.seconds
            return self._over.start(argv, stdin, keeps_input=keeps_input)

    def close(self) -> None:
        """Let go of the connection."""
        self._over.close()


AUTO: Final = "auto"

TRANSPORTS: Final[Mapping[str, Callable[[str, Reach], Transport]]] = {
    AUTO: AutoTransport,
    "local": LocalTransport,
    "fabric": _fabric,
    "openssh": OpensshTransport,
}
