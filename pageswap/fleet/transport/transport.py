"""What every way to reach a machine can do: start a program there, talk to it, and let go."""

from __future__ import annotations

import abc
import contextlib
import time
from typing import TYPE_CHECKING, Final, Protocol

from pageswap.errors import HostUnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# So much of the end of what a program complained about is kept.
COMPLAINT_BYTES: Final = 2000
# A program that takes no input for so long never will.
SEND_S: Final = 60.0


class HopelessError(HostUnreachableError):
    """No connection came about, and another attempt a moment later would end the same way."""


class Stream(Protocol):
    """One program that runs on a host, and what it prints, as it comes."""

    def send(self, data: bytes) -> None:
        """Give the program more input; one that has ended says why when it is read. Raises HostError."""

    def end_input(self) -> None:
        """Let the program see the end of its input."""

    def read(self, timeout_s: float | None = None) -> bytes | None:
        """Wait for output: some bytes, b"" at its end, None when nothing came within `timeout_s` (None: for ever).

        Raises HostLinkLostError when the connection breaks.
        """

    def cancel(self) -> None:
        """End the program now; whoever waits in `read`, in any thread, gets what is left and then the end."""

    def close(self) -> str:
        """End the program if it still runs, and return the end of what it complained about; harmless when repeated."""


class Transport(abc.ABC):
    """One way to reach one machine. It knows nothing of what is started there, nor why."""

    # Whether what it starts runs on this machine, as this user: files can be written there without asking.
    is_here: bool = False

    def __init__(self, name: str) -> None:
        """Take the host's name, which begins its errors."""
        self.name = name
        self.connecting_s = 0.0

    @abc.abstractmethod
    def start(self, argv: Sequence[str], stdin: bytes, *, keeps_input: bool = False) -> Stream:
        """Start a program, connecting first, in one attempt, unless a connection is there.

        `stdin` is the beginning of its standard input, which ends there unless it `keeps_input`. Raises HostError;
        HostUnreachableError and HostLinkLostError mean that another attempt may help.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of the connection, also of one that is just being made; programs there go on, and calls may follow."""

    @contextlib.contextmanager
    def _connecting(self) -> Iterator[None]:
        """Count the time spent inside as spent connecting."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.connecting_s += time.monotonic() - began
