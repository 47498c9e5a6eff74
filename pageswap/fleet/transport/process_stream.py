"""A child process of the controller as a stream: its input, its output, its end."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import tempfile
from typing import TYPE_CHECKING

from pageswap.errors import HostError
from pageswap.fleet.transport.transport import COMPLAINT_BYTES, SEND_S

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_READ_BYTES = 1 << 16
_EXIT_PATIENCE_S = 10.0


class ProcessStream:
    """A child process in its own session, so that the terminal's Ctrl-C reaches the controller only."""

    def __init__(
        self, name: str, argv: Sequence[str], stdin: bytes, *, keeps_input: bool, environment: Mapping[str, str]
    ) -> None:
        """Start `argv` for the host `name` with that environment; raises HostError when there is no such program."""
        self._name = name
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the stream
        try:
            self._process = subprocess.Popen(  # noqa: S603 - a program of ours; what varies goes to its standard input
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                cwd="/",
                env=environment,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            self._complaints.close()
            raise HostError(f"{name}: {argv[0]}: {error.strerror}") from error
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        self._input, self._output = self._process.stdin, self._process.stdout
        os.set_blocking(self._input.fileno(), False)
        self._is_at_end = False
        self._complaint: str | None = None
        self.send(stdin)
        if not keeps_input:
            self.end_input()

    def send(self, data: bytes) -> None:
        """Give the process more input; one that has ended says why on its standard error."""
        left = memoryview(data)
        poll = select.poll()
        with contextlib.suppress(BrokenPipeError, ValueError):  # ValueError: closed
            poll.register(self._input, select.POLLOUT)
            while left:
                if not poll.poll(SEND_S * 1000):
                    self.cancel()
                    raise HostError(
                        f"{self._name}: a program there took no input for {SEND_S:g} s; look at the host's load"
                    )
                with contextlib.suppress(BlockingIOError):
                    left = left[os.write(self._input.fileno(), left) :]

    def end_input(self) -> None:
        """Let the process see the end of its input."""
        self._input.close()

    def read(self, timeout_s: float | None = None) -> bytes | None:
        """Wait for output."""
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        if not poll.poll(None if timeout_s is None else timeout_s * 1000):
            return None
        data = os.read(self._output.fileno(), _READ_BYTES)
        self._is_at_end = not data
        return data

    def cancel(self) -> None:
        """Kill the process; its end of the pipe closes with it."""
        self._process.kill()

    def close(self) -> str:
        """End the process if it still runs."""
        if self._complaint is None:
            self._complaint = self._end()
        return self._complaint

    def _exit_code(self) -> int | None:
        """Wait a while for a process whose output has ended; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(_EXIT_PATIENCE_S)
        return None

    def _end(self) -> str:
        self.end_input()
        if self._is_at_end:
            self._exit_code()
        self._process.kill()
        self._process.wait()
        self._output.close()
        with self._complaints as complaints:
            size = complaints.seek(0, os.SEEK_END)
            complaints.seek(max(0, size - COMPLAINT_BYTES))
            return complaints.read().decode("utf-8", "backslashreplace").strip()
