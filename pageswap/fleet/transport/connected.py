"""A host behind an sshd: programs share a connection, and get another one where the sshd serves few on each."""

from __future__ import annotations

import abc
import contextlib
import threading
from typing import TYPE_CHECKING, Any

from pageswap.fleet.transport.link_errors import NoSessionError
from pageswap.fleet.transport.ssh_config import way_to
from pageswap.fleet.transport.transport import MarkedStream, Transport, marked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pageswap.fleet.transport.ssh_config import Route
    from pageswap.fleet.transport.transport import Reach, Stream


class Connection(abc.ABC):
    """One connection to a host, which others may go through; nothing is connected before `open`."""

    def __init__(self, way: Sequence[Route], reach: Reach) -> None:
        """Take the routes to the host and to those on the way to it, in this order, and what all are reached with."""
        self.route, *self._before = way
        self.reach = reach
        self.programs = 0
        self._held = contextlib.ExitStack()

    @property
    @abc.abstractmethod
    def is_open(self) -> bool:
        """Tell whether there is a connection, as far as is known."""

    @abc.abstractmethod
    def open(self) -> None:
        """Begin to connect; what fails is closed."""

    def connect(self) -> None:
        """Connect, in one attempt; raises HostUnreachableError, HostKeyError or HostAuthError, which show no secret."""
        try:
            self.open()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the connection, also one that is just being made; harmless when repeated."""
        self._held.close()

    def _gate(self) -> Any:  # noqa: ANN401 - a connection of the same kind, or None
        """Return an open connection to the last host on the way, to be shared until this one is closed."""
        if not self._before:
            return None
        way = tuple((each.alias, each.user, each.host, each.port) for each in self._before)
        return self._held.enter_context(self.reach.gates.through((type(self), way), self._opened_gate))

    def _opened_gate(self) -> Connection:
        gate = type(self)(self._before, self.reach)
        gate.connect()
        return gate


class ConnectedTransport(Transport):
    """One host through connections of one kind.

    A stream of its kind starts a command, which is constant or quoted, through the user's login shell there; that or
    its first `read` raises NoSessionError where the connection has no room for one.
    """

    connection: type[Any]
    stream: Callable[[Any, str], Stream]

    def __init__(self, name: str, reach: Reach) -> None:
        """Take the alias, and what all hosts are reached with."""
        super().__init__(name, reach)
        self._connections: list[Connection] = []
        self._guard = threading.Lock()

    def start(self, argv: Sequence[str], stdin: bytes, *, keeps_input: bool = False) -> Stream:
        """Start a program through the user's login shell there."""
        command = marked(argv)
        full: list[Connection] = []
        while True:
            connection = self._connected(full)
            try:
                return MarkedStream(self.name, self.stream(connection, command), stdin, keeps_input=keeps_input)
            except NoSessionError:
                if connection.programs == 1:
                    # It has no room for one alone.
                    connection.close()
                    raise
                full.append(connection)

    def close(self) -> None:
        """End the connections, also one that is just being made."""
        for connection in tuple(self._connections):
            connection.close()
        with self._guard:
            while self._connections:
                self._connections.pop().close()

    def _connected(self, full: Sequence[Connection]) -> Connection:
        """Return an open connection that is none of those that are full, made in one attempt where there is none."""
        with self._guard:
            for gone in [each for each in self._connections if not each.is_open]:
                self._connections.remove(gone)
                gone.close()
            connection = next((each for each in reversed(self._connections) if each not in full), None)
            if connection is None:
                with self._connecting():
                    connection = self.connection(way_to(self.name, self.reach), self.reach)
                    self._connections.append(connection)
                    connection.connect()
            connection.programs += 1
            return connection
