"""Requests to stop, and the ends of children, turned into something a poll loop can wait for."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

_HOW = {signal.SIGUSR1: "drained", signal.SIGINT: "drained", signal.SIGTERM: "killed"}


class StopSignals:
    """While entered: SIGUSR1 and SIGINT ask to finish the trial in hand, SIGTERM to kill it, SIGCHLD only wakes.

    `requested` is "" or the `why` the journal will end with; a kill outranks a drain.
    """

    def __init__(self) -> None:
        """Catch nothing yet."""
        self.requested = ""
        self._read = self._write = -1
        self._former: dict[int, Any] = {}
        self._former_wakeup = -1

    def __enter__(self) -> StopSignals:
        """Install the handlers."""
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._former_wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in _HOW:
            self._former[number] = signal.signal(number, self._ask)
        # SIGCHLD's default writes nothing to the wake-up descriptor; it needs a handler, even an empty one.
        self._former[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        self._former[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        return self

    def __exit__(self, *_: object) -> None:
        """Put the former handlers back."""
        for number, handler in self._former.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._former_wakeup)
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable with every signal."""
        return self._read

    def clear(self) -> None:
        """Make the descriptor unreadable until the next signal."""
        try:
            while len(os.read(self._read, 4096)) == 4096:  # noqa: PLR2004 - a full read may have left some
                pass
        except BlockingIOError:
            pass

    def _ask(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler's signature
        if self.requested != "killed":
            self.requested = _HOW[signal.Signals(number)]
