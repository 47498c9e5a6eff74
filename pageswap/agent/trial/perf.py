"""The program perf: whether this host lets it sample the kernel, a recording from its begin to its end, its lines.

Nothing of it stays: its files lie in the folder of the recording, and neither its cache of programs (~/.debug), nor
its settings (~/.perfconfig), nor a server of debugging information is used.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
from typing import IO, TYPE_CHECKING

from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pageswap.agent.host.host_files import HostFiles

# Not in step with any timer: a prime.
FREQUENCY_HZ = 9973
_CYCLES = "cycles:P"
# A timer of the kernel, for hosts without a counter of cycles, as most virtual machines are.
TIMER = "cpu-clock"
_LARGEST = "32M"
_ANSWER_S = 20.0
_TAIL_BYTES = 4000
_LONGEST_TOLD = 400
_LONGEST_LINE = 4096
_PARANOID = "kernel.perf_event_paranoid"
# Beyond this a user may not sample the kernel, unless it has CAP_PERFMON or, as before Linux 5.8, CAP_SYS_ADMIN.
_MOST_PARANOID = 1
_CAPABILITIES = 1 << 38 | 1 << 21
_INSTALL = "install the one of the kernel that runs (Debian: linux-perf, Ubuntu: linux-tools-generic, Fedora: perf)"
MAY_SAMPLE = (
    f"run as root, or have root say: sysctl -w {_PARANOID}={_MOST_PARANOID}; a container needs CAP_PERFMON and a "
    "seccomp filter that allows perf_event_open"
)


class PerfError(HostError):
    """A host, or its perf, cannot sample; the text says why, and the cure."""


def problem(files: HostFiles) -> str:
    """Say why perf cannot sample the kernel for this user, with the cure; "" where nothing speaks against it."""
    program = shutil.which("perf")
    if program is None:
        return f"there is no program perf in PATH; {_INSTALL}"
    try:
        tried = subprocess.run(  # noqa: S603 - the program that is asked for
            [program, "--version"],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ANSWER_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"{program} does not run: {error}; {_INSTALL}"
    # Some distributions have a script there that looks for a perf of the running kernel's version.
    if tried.returncode != 0 or not tried.stdout.startswith(b"perf version"):
        return f"{program} does not run: {_told(tried.stderr + tried.stdout) or 'it says nothing'}; {_INSTALL}"
    level = files.setting(_PARANOID)
    if level is None:
        return "this kernel counts no performance events; use one with CONFIG_PERF_EVENTS"
    if level > _MOST_PARANOID and not _capabilities(files) & _CAPABILITIES:
        return f"{_PARANOID} is {level}, which keeps the kernel's functions from this user; {MAY_SAMPLE}"
    return ""


def _capabilities(files: HostFiles) -> int:
    lines = (files.text("/proc/self/status") or "").splitlines()
    return next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), 0)


def events(files: HostFiles) -> tuple[str, ...]:
    """Name the events to sample by, the best first: a counter that a hypervisor shows may still count nothing."""
    has_cycles = {"cpu", "cpu_core"} & set(files.names("/sys/bus/event_source/devices"))
    return (_CYCLES, TIMER) if has_cycles else (TIMER,)


class Recording:
    """All that this process starts from `begin` to `end`, sampled into a file; entered, it takes its files away."""

    def __init__(self, path: str, event: str) -> None:
        """Take where the samples go, in a private folder, and the event to sample by."""
        self._path = path
        self._words = f"{path}.words"
        self._event = event
        self._environment = _environment(os.path.dirname(path))
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Recording:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End perf where it still runs, and remove what it wrote."""
        self._held.close()
        remove_recording(self._path)

    def begin(self) -> None:
        """Start perf and wait until it samples; raises PerfError."""
        told, tell = os.pipe()
        heard, hear = os.pipe()
        for descriptor in (tell, heard):
            self._held.callback(os.close, descriptor)
        command = ["perf", "record", f"--event={self._event}", f"--freq={FREQUENCY_HZ}", f"--output={self._path}"]
        command += ["--clockid=CLOCK_MONOTONIC_RAW", "--sample-cpu", "--no-buildid", "--no-buildid-cache"]
        command += [f"--max-size={_LARGEST}", f"--pid={os.getpid()}", "--delay=-1", f"--control=fd:{told},{hear}"]
        with self._open_words() as words:
            try:
                self._perf = subprocess.Popen(  # noqa: S603 - our own words
                    command,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=words,
                    stderr=words,
                    pass_fds=(told, hear),
                )
            except OSError as error:
                raise PerfError(f"perf does not run: {error}; {_INSTALL}") from error
            finally:
                # So that its end closes the pipes.
                os.close(told)
                os.close(hear)
        self._held.callback(_end, self._perf)
        with contextlib.suppress(BrokenPipeError):
            os.write(tell, b"enable\n")
        ready = select.select([heard], [], [], _ANSWER_S)[0]
        if not ready or not os.read(heard, 64).startswith(b"ack"):
            raise PerfError(f"perf cannot sample here: {self._said() or 'it does not answer'}")

    def _open_words(self) -> IO[bytes]:
        return open(self._words, "ab")

    def is_full(self) -> bool:
        """Tell whether perf has ended by itself, as it does at its file's largest size."""
        return self._perf.poll() is not None

    def end(self) -> None:
        """Have perf write down all that it has sampled; raises PerfError."""
        self._perf.send_signal(signal.SIGINT)
        try:
            self._perf.wait(_ANSWER_S)
        except subprocess.TimeoutExpired as error:
            raise PerfError(f"perf did not end within {_ANSWER_S:g} s: {self._said()}") from error

    def lines(self) -> Iterator[bytes]:
        """Give a line a sample, as `perf_samples` reads them; raises PerfError."""
        command = ["perf", "script", f"--input={self._path}", "--ns", "--fields=pid,cpu,time,event,ip,sym,dso"]
        with self._open_words() as words:
            script = subprocess.Popen(  # noqa: S603 - likewise
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=words
            )
        with script, script.stdout or contextlib.nullcontext() as output:
            yield from iter(lambda: output.readline(_LONGEST_LINE) if output else b"", b"")
        if script.returncode != 0:
            raise PerfError(f"perf script ended with {script.returncode}: {self._said()}")

    def _said(self) -> str:
        """Return what perf said, with what helps where that is known."""
        with open(self._words, "rb") as words:
            said = _told(words.read()[-_TAIL_BYTES:])
        lowered = said.lower()
        if "unknown option" in lowered:
            return f"{said}; use perf 5.10 or newer"
        is_refused = any(word in lowered for word in ("permi", "paranoid", "eacces", "eperm", "access"))
        return f"{said}; {MAY_SAMPLE}" if is_refused else said


def remove_recording(path: str) -> None:
    """Remove the files of a recording that are there."""
    for name in (path, f"{path}.old", f"{path}.words"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _environment(home: str = "/") -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": home, "LC_ALL": "C", "PERF_CONFIG": os.devnull}


def _told(output: bytes) -> str:
    """Return what a program printed as one line, its end where that is long."""
    return " ".join(output.decode("utf-8", "replace").split())[-_LONGEST_TOLD:]
