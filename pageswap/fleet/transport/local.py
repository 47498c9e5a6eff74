"""The machine itself as a target: the same program, job file and journal as on a remote one, without a network."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.workspace.work_folder import cache_root, private_folder
from pageswap.errors import HostError, HostPythonError
from pageswap.fleet.provision.boot_program import BOOT, OPTIONS, program
from pageswap.fleet.provision.host_python import facts_from, with_cure
from pageswap.fleet.transport.target import CALL_TIMEOUT_S, Stream, Target, segment_folder
from pageswap.spec.hostnames import LOCAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pageswap.fleet.provision.bundle import Bundle
    from pageswap.fleet.provision.host_python import HostFacts

_READ_BYTES = 1 << 16
_COMPLAINT_BYTES = 2000
_EXIT_PATIENCE_S = 10.0

# All that an agent inherits: the size of the environment moves the stack of the measured process, so it should not
# depend on the shell that `inv` was typed in. The rest is what Python and a sanitizer's runtime need to load.
_INHERITED: Final = (
    *("HOME", "PATH", "USER", "LOGNAME", "TMPDIR", "XDG_CACHE_HOME", "PAGESWAP_HOME"),
    *("LD_LIBRARY_PATH", "LD_PRELOAD", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"),
)


class LocalTarget(Target):
    """The machine that the controller runs on."""

    def __init__(self, name: str = LOCAL, python: str | None = None, workdir: str | None = None) -> None:
        """Take the host's name in the results, the Python its agent runs on, and the folder for bundles and journals.

        None: this Python, and the usual place for a cache.
        """
        self.name = name
        self.python = python or sys.executable
        self._workdir = workdir
        self._bundle_dir: Path | None = None

    def ensure_bundle(self, bundle: Bundle) -> None:
        """Write the bundle below the cache unless it is there, whole; raises HostError."""
        if self.python != sys.executable:
            facts = self._facts()
            self.python, bundle = facts.python, bundle.for_python(facts.tag)
        with self._cured():
            self._bundle_dir = bundle.write_below(Path(self._cache()) / "bundles")

    def work_dir(self, run_id: str, segment: int) -> str:
        """Name the folder below the cache; raises HostError when there is no place for a cache."""
        with self._cured():
            return segment_folder(self._cache(), run_id, self.name, segment)

    def open(self, verb: str, document: dict[str, Any]) -> Stream:
        """Start the agent's program with `verb`; raises HostError when it cannot be."""
        if self._bundle_dir is None:
            raise HostError(f"{self.name}: no bundle was put there yet")
        return self._start([str(self._bundle_dir), verb], json.dumps(document).encode())

    def _cache(self) -> str:
        return private_folder(self._workdir) if self._workdir else cache_root()

    @contextlib.contextmanager
    def _cured(self) -> Iterator[None]:
        """Have what is wrong with the inventory's folder mended there."""
        try:
            yield
        except HostError as error:
            if self._workdir is None:
                raise
            raise HostError(with_cure(str(error), self._workdir)) from error

    def _facts(self) -> HostFacts:
        """Ask the Python of the inventory what it is; raises HostError, HostPythonError."""
        document = json.dumps({"workdir": self._workdir}).encode() + b"\n"
        stream = self._start(["-c", BOOT], program("probe") + document)
        try:
            answer = self._last_line("probe", stream, CALL_TIMEOUT_S, lambda _line, _stream: None)
        finally:
            complaint = stream.close()
        if answer is None:
            last = (complaint.splitlines() or ["no word"])[-1].strip()
            raise HostPythonError(
                f"{self.name}: {self.python} cannot run the agent: {last:.500}; it must be 3.9 or newer:"
                " give the host another 'python:' in the inventory, or none"
            )
        return facts_from(self.name, answer, self._workdir)

    def _start(self, arguments: Sequence[str], stdin: bytes) -> _LocalStream:
        return _LocalStream(self.name, [self.python, *OPTIONS.split(), *arguments], stdin)


class _LocalStream:
    """A child process in its own session, so that the terminal's Ctrl-C reaches the controller only."""

    def __init__(self, name: str, command: Sequence[str], stdin: bytes) -> None:
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the stream
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own Python and a verb; what varies goes to its standard input
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                cwd="/",
                env={key: os.environ[key] for key in _INHERITED if key in os.environ},
                start_new_session=True,
            )
        except OSError as error:
            self._complaints.close()
            raise HostError(f"{name}: {command[0]}: {error.strerror}") from error
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        # A program that dies before it has read all says why on its standard error.
        with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:
            pipe.write(stdin)
        self._output = self._process.stdout.fileno()
        self._poll = select.poll()
        self._poll.register(self._output, select.POLLIN)
        self._is_at_end = False
        self._complaint: str | None = None

    def read(self, timeout_s: float | None = None) -> bytes | None:
        """Wait for output."""
        if not self._poll.poll(None if timeout_s is None else timeout_s * 1000):
            return None
        data = os.read(self._output, _READ_BYTES)
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

    def _end(self) -> str:
        if self._is_at_end:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_EXIT_PATIENCE_S)
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        with self._complaints as complaints:
            size = complaints.seek(0, os.SEEK_END)
            complaints.seek(max(0, size - _COMPLAINT_BYTES))
            return complaints.read().decode("utf-8", "backslashreplace").strip()
