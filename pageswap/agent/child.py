"""Runs work in a freshly forked child of its own process group, under a deadline and a memory cap."""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import select
import signal
import time
import traceback
from typing import TYPE_CHECKING, Any

from pageswap.agent.family import end_descendants, kill_descendants
from pageswap.agent.journal import MAX_LINE_BYTES
from pageswap.errors import CoreError, MethodUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.agent.lease import Lease
    from pageswap.agent.signals import StopSignals

# How long a killed child may take to die; unmapping hundreds of GiB takes seconds, more than this is a kernel's bug.
_DEATH_S = 60.0
_POLL_CAP_MS = 3_600_000
# Made before anything can fail: reporting that memory is short must not need memory.
_NO_MEMORY = b'{"memory":true}\n'


@dataclasses.dataclass(frozen=True)
class Ending:
    """How a child ended: its message (None unless whole), what ended it, and its wait status."""

    message: dict[str, Any] | None
    cause: str  # exit | deadline | stop | flood | undead
    signal: int
    exit_status: int
    # Processes it had started could not be killed: whatever is measured next is measured beside them.
    has_survivors: bool = False


class Nursery:
    """Forks children one at a time; while one runs it keeps answering the lease and hearing signals."""

    def __init__(
        self,
        signals: StopSignals,
        *,
        die_with_parent: Callable[[], None],
        lease: Lease | None = None,
        allowed_cpus: set[int] | None = None,
        is_parent_of_all: bool = False,
    ) -> None:
        """Take what to watch; `allowed_cpus` are given back to each child when the agent has left some of them.

        `is_parent_of_all` tells that this process has no other children and adopts orphans (`family.adopt_orphans`):
        then nothing that a child has started outlives it, whatever session it went to.
        """
        self._signals = signals
        self._die_with_parent = die_with_parent
        self._lease = lease
        self._allowed_cpus = allowed_cpus
        self._is_parent_of_all = is_parent_of_all

    def run(self, work: Callable[[], Any], *, timeout_s: float, address_space_bytes: int | None = None) -> Ending:
        """Run `work` in a child and give how it ended.

        The message is {"result": work()} or what was raised: {"core": [call, errno name, text]}, {"unavailable": why},
        {"memory": true} or {"error": text}. When this returns, nothing of the child's process group is left.
        """
        read, write = os.pipe2(os.O_CLOEXEC)
        parent = os.getpid()
        deadline = time.monotonic() + timeout_s
        try:
            pid = os.fork()
            if pid == 0:
                self._live(work, write, parent, address_space_bytes)
        finally:
            os.close(write)
        try:
            # Both sides do this, whoever comes first: a kill must find the group, and the child must not outrun it.
            os.setpgid(pid, pid)
        except OSError:
            pass
        os.set_blocking(read, False)
        try:
            return self._watch(pid, read, deadline)
        finally:
            os.close(read)

    def _live(self, work: Callable[[], Any], write: int, parent: int, address_space_bytes: int | None) -> None:
        """Be the child; never returns."""
        status = 1
        try:
            self._die_with_parent()
            if os.getppid() != parent:
                os._exit(1)  # The parent died before the line above: nothing would ever kill this process.
            os.setpgid(0, 0)
            self._signals.forget()
            # The lease, the lock and the journal must not outlive the agent in a child.
            close_all_but(write)
            _be_killed_first()
            if self._allowed_cpus:
                os.sched_setaffinity(0, self._allowed_cpus)
            if address_space_bytes is not None:
                resource.setrlimit(resource.RLIMIT_AS, (address_space_bytes, resource.getrlimit(resource.RLIMIT_AS)[1]))
            _write_all(write, _message(work))
            status = 0
        except BaseException:  # noqa: BLE001 - the parent sees a child without a message; the log has the rest
            _log_exception()
        finally:
            os._exit(status)

    def _watch(self, pid: int, read: int, deadline: float) -> Ending:
        poller = select.poll()
        poller.register(read, select.POLLIN)
        poller.register(self._signals, select.POLLIN)
        if self._lease:
            poller.register(self._lease, select.POLLIN)
        received = bytearray()
        cause = ""
        while not cause:
            left_s = deadline - time.monotonic()
            ready = dict(poller.poll(max(0, min(int(left_s * 1000) + 1, _POLL_CAP_MS))))
            if read in ready and not _receive(read, received):
                poller.unregister(read)
            self._signals.clear()
            if self._lease and self._lease.fileno() in ready:
                self._lease.serve()
            cause = self._cause(pid, received, left_s)
        if cause != "exit":
            kill_descendants(pid)
        # The dead leader is not waited for yet, so its id cannot have become another group's.
        _kill_group(pid)
        if not self._await_death(pid):
            return Ending(None, "undead", 0, 0)
        _, status = os.waitpid(pid, 0)
        _receive(read, received)
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        exit_status = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0
        has_survivors = self._is_parent_of_all and not end_descendants(_DEATH_S)
        return Ending(_parse(received), cause, number, exit_status, has_survivors)

    def _cause(self, pid: int, received: bytearray, left_s: float) -> str:
        """Say why the child has ended or has to, "" while it may go on."""
        if _has_exited(pid):
            return "exit"
        if len(received) > MAX_LINE_BYTES:
            return "flood"
        if self._signals.requested == "killed":
            return "stop"
        return "" if left_s > 0 else "deadline"

    def _await_death(self, pid: int) -> bool:
        deadline = time.monotonic() + _DEATH_S
        while not _has_exited(pid):
            if time.monotonic() > deadline:
                return False
            select.select([self._signals], [], [], 1.0)
            self._signals.clear()
        return True


def _message(work: Callable[[], Any]) -> bytes:
    try:
        try:
            message: dict[str, Any] = {"result": work()}
        except CoreError as error:
            message = {"core": [error.call, error.errno_name, str(error)]}
        except MethodUnavailableError as error:
            message = {"unavailable": str(error)}
        except MemoryError:
            return _NO_MEMORY
        except Exception as error:  # noqa: BLE001 - whatever it is, it becomes the trial's reason
            _log_exception()
            message = {"error": f"{type(error).__name__}: {error}"}
        return json.dumps(message, separators=(",", ":")).encode() + b"\n"
    except MemoryError:
        return _NO_MEMORY


def _log_exception() -> None:
    try:
        # Not through sys.stderr: where the log cannot be written, that is no reason to lose the trial's result.
        os.write(2, traceback.format_exc().encode("utf-8", "replace"))
    except OSError:
        pass


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _receive(read: int, received: bytearray) -> bool:
    """Take what is in the pipe; False at its end."""
    while len(received) <= MAX_LINE_BYTES:
        try:
            chunk = os.read(read, 1 << 16)
        except BlockingIOError:
            return True
        if not chunk:
            return False
        received += chunk
    return True


def _parse(received: bytearray) -> dict[str, Any] | None:
    if not received.endswith(b"\n") or len(received) > MAX_LINE_BYTES:
        return None
    try:
        message = json.loads(received)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _has_exited(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(pid, signal.SIGKILL)  # Not in its group yet; a dead one does not mind.


def close_all_but(kept: int) -> None:
    """Close every descriptor but the standard three and `kept`."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) != kept:  # noqa: PLR2004 - standard error
            _close(int(name))


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        pass  # The listing's own, closed already.


def _be_killed_first() -> None:
    """Ask the OOM killer to take this process rather than the agent or anything of the host's."""
    try:
        descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    except OSError:
        return
    try:
        os.write(descriptor, b"1000")
    except OSError:
        pass
    finally:
        os.close(descriptor)
