"""A node of a Slurm cluster: programs run on the login host, which hands agents to the scheduler."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, Final

from pageswap.fleet.transport.registry import TRANSPORTS
from pageswap.fleet.transport.transport import Transport
from pageswap.spec.hostnames import LOCAL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pageswap.fleet.transport.transport import Reach, Stream


class Login:
    """The way to a login host, open while a node uses it."""

    def __init__(self, over: Transport) -> None:
        """Take what reaches it; nothing is connected yet."""
        self.over = over
        self._guard = threading.Lock()
        self._users: set[object] = set()

    def use(self, user: object) -> None:
        """Keep the connection for a user, however often it says so, until it has had enough."""
        with self._guard:
            self._users.add(user)

    def leave(self, user: object) -> None:
        """Close the connection if this was the last one who uses it; harmless when repeated."""
        with self._guard:
            if user in self._users:
                self._users.remove(user)
                if not self._users:
                    self.over.close()


class Logins:
    """The login hosts that are used, each once."""

    def __init__(self) -> None:
        """Begin with none."""
        self._guard = threading.Lock()
        self._known: dict[tuple[str, str, Reach], Login] = {}

    def to(self, login: str, via: str, reach: Reach) -> Login:
        """Return the one way to a login host."""
        via = LOCAL if login == LOCAL else via
        with self._guard:
            key = (login, via, reach)
            if key not in self._known:
                self._known[key] = Login(TRANSPORTS[via](login, reach))
            return self._known[key]


_LOGINS: Final = Logins()


class SlurmTransport(Transport):
    """One node, by the login host of its cluster."""

    def __init__(self, name: str, reach: Reach, *, login: str, via: str, elsewhere: Mapping[str, Any]) -> None:
        """Take the node's name as a host, the login host and what reaches that, and how jobs are asked for."""
        super().__init__(name, reach)
        self.elsewhere = elsewhere
        self._login = _LOGINS.to(login, via, reach)

    def start(self, argv: Sequence[str], stdin: bytes, *, keeps_input: bool = False) -> Stream:
        """Start a program on the login host."""
        self._login.use(self)
        return self._login.over.start(argv, stdin, keeps_input=keeps_input)

    def close(self) -> None:
        """Let go of the login host."""
        with contextlib.suppress(KeyError):
            self._login.leave(self)
