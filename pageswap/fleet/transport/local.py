"""Programs on the machine that the controller runs on: the same as on a remote one, without a network."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import tempfile
from typing import IO, TYPE_CHECKING, Final

from pageswap.errors import HostError
from pageswap.fleet.transport.link_errors import NO_INPUT_TAKEN
from pageswap.fleet.transport.transport import COMPLAINT_BYTES, MOST_COMPLAINTS_BYTES, SEND_S, Transport

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pageswap.fleet.transport.transport import Stream

_READ_BYTES: Final = 1 << 16
_EXIT_PATIENCE_S: Final = 10.0

# All that a program inherits: the size of the environment moves the stack of the measured process, so it should not
# depend on the shell that `inv` was typed in. The last line is what Python and a sanitizer's runtime need
# to load.
_INHERITED: Final = (
    *("HOME", "PATH", "USER", "LOGNAME", "TMPDIR", "XDG_CACHE_HOME", "PAGESWAP_HOME"),
    "PAGESWAP_MOVER_PROFILE",
    *("LD_LIBRARY_PATH", "LD_PRELOAD", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"),
)


class LocalTransport(Transport):
    """The machine that the controller runs on."""

    is_here = True

    def start(self, argv: Sequence[str], stdin: bytes, *, keeps_input: bool = False) -> Stream:
        """Start a child process; raises HostError when there is no such program."""
        environment = {key: os.environ[key] for key in _INHERITED if key in os.environ}
        return ProcessStream(self.name, argv, stdin, keeps_input=keeps_input, environment=environment)

    def close(self) -> None:
        """Let go of nothing: a machine needs no connection to itself."""


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
                    raise NO_INPUT_TAKEN.error(alias=self._name, seconds=f"{SEND_S:g}")
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

    def exit_code(self) -> int | None:
        """Wait a while for a process whose output has ended, and return its exit status; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(_EXIT_PATIENCE_S)
        return None

    def complaint(self) -> str:
        """Return the end of what the process has complained about so far."""
        size = self._complaints.seek(0, os.SEEK_END)
        self._complaints.seek(max(0, size - COMPLAINT_BYTES))
        return self._complaints.read().decode("utf-8", "backslashreplace").strip()

    def close(self) -> str:
        """End the process if it still runs."""
        if self._complaint is None:
            self.end_input()
            if self._is_at_end:
                self.exit_code()
            self._process.kill()
            self._process.wait()
            self._output.close()
            with self._complaints:
                self._complaint = self.complaint()
        return self._complaint


def bound(file: IO[bytes]) -> bool:
    """Empty a file that a process writes its complaints into where they fill the disk; tell whether it was so."""
    if os.fstat(file.fileno()).st_blocks * 512 <= MOST_COMPLAINTS_BYTES:
        return False
    # The process writes at the place that is ours, too. By the file: its number may just have become another one's.
    file.seek(0)
    file.truncate(0)
    return True
