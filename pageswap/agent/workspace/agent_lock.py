"""The lock that tells whether a segment's agent is alive: an flock, so it ends with its holder however that ends.

And through it the way to stop that agent, and nothing that got its number since.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from typing import Any

from pageswap.agent.workspace.work_folder import private_folder
from pageswap.errors import HostError

# What the agent and its keeper hear: to end after the trial in hand, as what ends a session, a host or a batch job says
# it, or at once.
DRAIN, KILL = signal.SIGTERM, signal.SIGUSR2

# `status` probes by taking the lock for an instant, so one refusal does not mean that another agent has it.
_PATIENCE_S = 0.5
# A stopped (SIGSTOP) or stuck agent never acts on a signal; a healthy one needs what its child needs to be unmapped.
_END_S = 10.0
# What the file holds instead of a process id once no agent may begin any more.
_FORBIDDEN = b"forbidden\n"


class AgentLock:
    """agent.lock of a work folder, holding the agent's process id as text, or that none may ever begin."""

    def __init__(self, path: str) -> None:
        """Name the lock; nothing is opened yet."""
        self._path = path
        self._descriptor = -1

    def take(self) -> bool:
        """Lock and write this process's id; False when another process has it.

        Raises HostError when it is impossible, or forbidden by `stop`.
        """
        return self._descriptor >= 0 or self._lock(f"{os.getpid()}\n".encode())

    def _lock(self, text: bytes) -> bool:
        deadline = time.monotonic() + _PATIENCE_S
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            while not _try(descriptor, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    return False
                time.sleep(0.01)
            self._descriptor = descriptor
            if text != _FORBIDDEN and os.pread(descriptor, len(_FORBIDDEN), 0) == _FORBIDDEN:
                self.release()
                raise HostError(f"{self._path}: nothing may begin here any more: this start was given up for lost")
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, text, 0)
        except OSError as error:
            raise HostError(f"{self._path}: {error.strerror}") from error
        return True

    def holder(self) -> int | None:
        """Return the process id of the agent that is alive, None when none is."""
        try:
            with open(self._path, "rb", buffering=0) as file:
                # The holder writes its id just after locking: an empty file is an agent in its first microseconds.
                for _ in range(50):
                    if _try(file.fileno(), fcntl.LOCK_SH):
                        return None
                    text = os.pread(file.fileno(), 32, 0)
                    if text.endswith(b"\n") and text.strip().isdigit():
                        return int(text)
                    time.sleep(0.01)
                raise HostError(f"{self._path}: locked, but names no process")
        except FileNotFoundError:
            return None
        except OSError as error:
            # What opens a file names it in its error, and flock does not.
            raise HostError(f"{self._path}: {'' if error.filename else 'flock: '}{error.strerror}") from error

    def release(self) -> None:
        """Let go; harmless when nothing is held."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def stop(self, how: str, *, patience_s: float = _END_S) -> dict[str, Any]:
        """Ask the agent to drain, or kill it with its trial; returns {"pid": the agent or None, "alive": still there}.

        Where none is, none will ever be after "kill", nor after "forbid", which leaves one that is there alone. Raises
        HostError when `how` is none of these, or the agent is not this user's.
        """
        numbers = {"drain": DRAIN, "kill": KILL, "forbid": None}
        if how not in numbers:
            raise HostError(f"stop: how is {how!r}, expected drain, kill or forbid")
        pid = self.holder()
        if pid is None and how != "drain" and not self._forbid():
            pid = self.holder()  # It began just now.
        if pid is None:
            return {"pid": None, "alive": False}
        number = numbers[how]
        if number is not None:
            self._send(pid, number)
        if how == "kill" and not self._ends(pid, patience_s):
            self._send(pid, signal.SIGKILL)
            self._ends(pid, patience_s)
        return {"pid": pid, "alive": self.holder() == pid}

    def _forbid(self) -> bool:
        """Let no agent take the lock any more; False where one has it."""
        # A start that is on its way has not made it, and must find what is left there for it.
        private_folder(os.path.dirname(self._path))
        try:
            return self._lock(_FORBIDDEN)
        finally:
            self.release()

    def _send(self, pid: int, number: signal.Signals) -> None:
        """Signal the agent and nothing that got its number: the handle is taken first, then the lock asked again."""
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return  # It has just ended; its number may be another's a moment later.
        except (AttributeError, OSError):
            handle = -1  # The kernel is older than 5.3, or Python was built on one.
        try:
            if self.holder() == pid and handle >= 0:
                signal.pidfd_send_signal(handle, number)
            elif self.holder() == pid:
                os.kill(pid, number)
        except ProcessLookupError:
            pass  # It has ended meanwhile.
        except PermissionError as error:
            raise HostError(f"agent {pid} belongs to another user; ask them, or stop it as root") from error
        finally:
            if handle >= 0:
                os.close(handle)

    def _ends(self, pid: int, patience_s: float) -> bool:
        deadline = time.monotonic() + patience_s
        while self.holder() == pid:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def _try(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
