"""A host behind an sshd: programs share a connection, or get more where it serves few on one; hosts share a gate."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import os
import socket
import struct
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from pageswap.fleet.transport import transport as limits
from pageswap.fleet.transport.link_errors import SILENT_AGENT, NoSessionError
from pageswap.fleet.transport.ssh_config import way_to
from pageswap.fleet.transport.transport import MarkedStream, Transport, marked
from pageswap.store.schema import CONNECTING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from pageswap.fleet.transport.ssh_config import Route
    from pageswap.fleet.transport.transport import Reach, Stream

# PROTOCOL.agent of OpenSSH: the length of the request, and the request for the identities.
_WHICH_KEYS: Final = b"\0\0\0\1\x0b"
# What an ssh_config says is not shown.
_OTHER_AGENT: Final = ("its IdentityAgent", "take that out of your ssh_config")


class Connection(abc.ABC):
    """One connection to a host, which others may go through; nothing is connected before `open`."""

    def __init__(self, way: Sequence[Route], reach: Reach) -> None:
        """Take the routes to the host and to those on the way to it, in this order, and what all are reached with."""
        self.route, *self._before = way
        self.reach = reach
        self.programs = 0
        self._held = contextlib.ExitStack()
        self._making: Connection | None = None
        self._is_given_up = False

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

    def give_up(self) -> None:
        """End the making of the connection, from any thread; who makes it sees it fail, and closes it."""
        # For what has no end yet as it is just being begun.
        self._is_given_up = True
        if (gate := self._making) is not None:
            gate.give_up()

    def close(self) -> None:
        """End the connection, once nobody makes it any more; harmless when repeated."""
        self._held.close()

    def check_agent(self) -> None:
        """Raise HostAuthError where the ssh-agent does not answer: whoever asks it for a key would wait for ever."""
        route = self.route
        limit = struct.pack("ll", int(min(route.connect_timeout_s, limits.CONNECT_TIMEOUT_S)), 0)
        with socket.socket(socket.AF_UNIX) as agent:
            # Not by `settimeout`, with which one that has many to answer first would count as silent.
            agent.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
            agent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            try:
                agent.connect(route.agent)
                agent.sendall(_WHICH_KEYS)
                agent.recv(1)
            except BlockingIOError:
                is_own = route.agent == os.environ.get("SSH_AUTH_SOCK")
                where, cure = (route.agent, "unset SSH_AUTH_SOCK") if is_own else _OTHER_AGENT
                raise SILENT_AGENT.error(shown=route.shown, agent=where, cure=cure) from None
            except OSError:
                return  # there is none

    def _gate(self) -> Any:  # noqa: ANN401 - a connection of the same kind, or None
        """Return an open connection to the last host on the way, to be shared until this one is closed."""
        if not self._before:
            return None
        way = (type(self), self.reach, *self._before)
        return self._held.enter_context(_GATES.through(way, self._opened_gate))

    def _opened_gate(self) -> Connection:
        gate = self._making = type(self)(self._before, self.reach)
        if self._is_given_up:
            gate.give_up()
        try:
            gate.connect()
        finally:
            self._making = None
        return gate


@dataclasses.dataclass(eq=False)
class _Shared:
    """A connection that somebody makes or has made, and how many go through it or wait for it."""

    gate: Future[Connection] = dataclasses.field(default_factory=Future)
    users: int = 0

    def is_gone(self) -> bool:
        return self.gate.done() and (self.gate.exception() is not None or not self.gate.result().is_open)


class Gates:
    """Connections that others go through, by what tells them apart; each ends when the last of those lets go."""

    def __init__(self) -> None:
        """Begin with none."""
        self._guard = threading.Lock()
        self._shared: dict[Hashable, _Shared] = {}

    @contextlib.contextmanager
    def through(self, way: Hashable, make: Callable[[], Connection]) -> Iterator[Connection]:
        """Hold an open gate, as `make` returns it, while others who come the same way use it too.

        Who comes first makes it while the others wait; what that raises is raised in each of them.
        """
        with self._guard:
            shared = self._shared.get(way)
            is_first = shared is None or shared.is_gone()
            if shared is None or is_first:
                shared = self._shared[way] = _Shared()
            shared.users += 1
        try:
            if is_first:
                try:
                    shared.gate.set_result(make())
                except BaseException as error:  # noqa: BLE001 - raised below, here as for those who wait
                    shared.gate.set_exception(error)
            yield shared.gate.result()
        finally:
            with self._guard:
                shared.users -= 1
                is_last = not shared.users
                if is_last and self._shared.get(way) is shared:
                    del self._shared[way]
            if is_last and shared.gate.exception() is None:
                shared.gate.result().close()


_GATES: Final = Gates()


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
            connection.give_up()
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
                with self.timed(CONNECTING):
                    connection = self.connection(way_to(self.name, self.reach), self.reach)
                    self._connections.append(connection)
                    connection.connect()
            connection.programs += 1
            return connection
