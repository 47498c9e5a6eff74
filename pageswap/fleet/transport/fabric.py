"""Programs on a host of the user's ssh_config, through one connection by Fabric that is made when it is needed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pageswap.fleet.transport.fabric_connection import Connection
from pageswap.fleet.transport.fabric_stream import FabricStream
from pageswap.fleet.transport.shell_text import shell_text
from pageswap.fleet.transport.ssh_config import SshConfig
from pageswap.fleet.transport.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pageswap.fleet.transport.transport import Stream


class FabricTransport(Transport):
    """One host through one connection."""

    def __init__(self, name: str, ssh_config: Path | None = None, *, accept_new: bool = False) -> None:
        """Take the alias, and an ssh_config other than the user's.

        With `accept_new` the key of a host that was unknown is trusted and written down.
        """
        super().__init__(name)
        self._ssh_config = ssh_config
        self._accept_new = accept_new
        self._connection: Connection | None = None
        self._guard = threading.Lock()

    def start(self, argv: Sequence[str], stdin: bytes, *, keeps_input: bool = False) -> Stream:
        """Start a program through the user's login shell there."""
        text = shell_text(argv)
        return FabricStream(self._connected(), text, stdin, keeps_input=keeps_input)

    def close(self) -> None:
        """End the connection, also one that is just being made."""
        with self._guard:
            if self._connection is not None:
                self._connection.close()

    def _connected(self) -> Connection:
        """Return the connection, made in one attempt unless it is open: how often to try is for the caller to say."""
        with self._guard:
            if self._connection is not None and self._connection.is_open:
                return self._connection
            if self._connection is not None:
                self._connection.close()
            with self._connecting():
                config = SshConfig(self._ssh_config)
                self._connection = Connection(config.route(self.name), config, accept_new=self._accept_new)
            return self._connection
