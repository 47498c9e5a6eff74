"""Stores what a follower streams, in whole lines and a few transactions a second."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.journal.journal import MAX_LINE_BYTES
from pageswap.agent.journal.line_fields import ENDS
from pageswap.errors import HostError, JournalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.fleet import Stream
    from pageswap.store import Store

# Rows that come fast are stored together, at most this often; one that comes alone is stored at once.
COMMIT_S: Final = 0.25

# More than this is stored at once, so that a journal of any length needs no memory.
_FULL_BYTES: Final = 1 << 20


@dataclasses.dataclass
class JournalIntake:
    """The way from one host's followers into the store; `on_trials` is told of the rows that are stored.

    When nothing came for `quiet_s` seconds `on_quiet` is told so, once for each follower. `heard_at` is when something
    came last, by the monotonic clock.
    """

    store: Store
    host: str
    on_trials: Callable[[tuple[dict[str, Any], ...]], None]
    quiet_s: float | None = None
    on_quiet: Callable[[float], None] = lambda _seconds: None
    heard_at: float = dataclasses.field(default_factory=time.monotonic, init=False)

    def take(self, stream: Stream, segment: int, offset: int) -> bool:
        """Store a segment's journal as it streams from byte `offset` on; return whether its end has come.

        Raises JournalError at what is no journal, after storing what came before it; HostError and StoreError.
        """
        pending = b""
        stored_at = 0.0
        quiet_s = self.quiet_s
        self.heard_at = time.monotonic()
        while True:
            is_waiting = b"\n" not in pending
            data = stream.read(quiet_s if is_waiting else max(0.0, stored_at + COMMIT_S - time.monotonic()))
            if data:
                self.heard_at = time.monotonic()
            elif data is None and is_waiting and quiet_s is not None:
                self.on_quiet(quiet_s)
                quiet_s = None
            pending += data or b""
            is_due = not data or len(pending) >= _FULL_BYTES or time.monotonic() >= stored_at + COMMIT_S
            if is_due and b"\n" in pending:
                whole, _, pending = pending.rpartition(b"\n")
                ended = self._ingest(segment, offset, whole + b"\n")
                offset += len(whole) + 1
                stored_at = time.monotonic()
                if ended in ENDS:
                    return True
            if len(pending) > MAX_LINE_BYTES and b"\n" not in pending:
                raise JournalError(f"{self.host}, segment {segment}: a line longer than {MAX_LINE_BYTES} bytes")
            if data == b"":
                return False

    def _ingest(self, segment: int, offset: int, data: bytes) -> str | None:
        lines = [line + b"\n" for line in data[:-1].split(b"\n")]
        if lines[0].startswith(b'{"error":'):
            raise HostError(f"{self.host}: {_error_of(lines[0])}")
        try:
            stored = self.store.ingest(self.host, segment, offset, lines)
        except JournalError as error:
            if error.stored:
                self.on_trials(error.stored)
            raise
        if stored.trials:
            self.on_trials(tuple(stored.trials))
        return stored.ended


def _error_of(line: bytes) -> str:
    try:
        return f"{json.loads(line)['error']!s:.2000}"
    except (ValueError, RecursionError, KeyError):
        return f"expected a journal, found: {line[:80].decode('utf-8', 'backslashreplace')}"
