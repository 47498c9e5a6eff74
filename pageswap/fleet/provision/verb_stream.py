"""What a verb prints on a host, bounded; a verb that lasts is shown that somebody still reads it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from pageswap.errors import HostError

if TYPE_CHECKING:
    from pageswap.fleet.transport.transport import Stream

# Nothing that a host prints in answer to one verb is longer; a journal of a million trials is not.
MAX_BYTES: Final = 2 << 30
# A program that waits for signs of life gets one so often while somebody reads.
SIGN_S: Final = 2.0


class VerbStream:
    """A program's stream, read with a bound."""

    def __init__(
        self, name: str, stream: Stream, *, shows_life: bool, sign_s: float = SIGN_S, most_bytes: int = MAX_BYTES
    ) -> None:
        """Take the host's name and the program's stream.

        With `shows_life` the program gets an empty line every `sign_s` seconds while somebody reads what it prints.
        """
        self._name = name
        self._stream = stream
        self._sign_s = sign_s if shows_life else None
        self._signed = time.monotonic()
        self._most_bytes = most_bytes
        self._received = 0

    def send(self, data: bytes) -> None:
        """Give the program more input."""
        self._stream.send(data)

    def end_input(self) -> None:
        """Let the program see the end of its input."""
        self._stream.end_input()

    def read(self, timeout_s: float | None = None) -> bytes | None:
        """Wait for output; raises HostError when there is too much."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            waits = [self._sign_s] if self._sign_s is not None else []
            waits += [max(0.0, deadline - time.monotonic())] if deadline is not None else []
            data = self._stream.read(min(waits, default=None))
            self._show_life()
            if data is None and (deadline is None or time.monotonic() < deadline):
                continue
            self._received += len(data or b"")
            if self._received > self._most_bytes:
                self.cancel()
                raise HostError(
                    f"{self._name}: sent more than {self._most_bytes >> 30} GiB in one answer, which is no journal"
                )
            return data

    def cancel(self) -> None:
        """End the program now."""
        self._stream.cancel()

    def close(self) -> str:
        """End the program if it still runs."""
        return self._stream.close()

    def _show_life(self) -> None:
        if self._sign_s is not None and time.monotonic() - self._signed >= self._sign_s:
            self._signed = time.monotonic()
            self._stream.send(b"\n")
