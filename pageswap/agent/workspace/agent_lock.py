"""The lock that tells whether a segment's agent is alive: an flock, so it ends with its holder however that ends."""

from __future__ import annotations

import fcntl
import os
import time

from pageswap.errors import HostError

# `status` probes by taking the lock for an instant, so one refusal does not mean that another agent has it.
_PATIENCE_S = 0.5


class AgentLock:
    """agent.lock of a work folder, holding the agent's process id as text."""

    def __init__(self, path: str) -> None:
        """Name the lock; nothing is opened yet."""
        self._path = path
        self._descriptor = -1

    def take(self) -> bool:
        """Lock and write this process's id; False when another process has it. Raises HostError when impossible."""
        deadline = time.monotonic() + _PATIENCE_S
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            while not _try(descriptor, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    return False
                time.sleep(0.01)
            self._descriptor = descriptor
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            raise HostError(f"{self._path}: {error.strerror}") from error
        return True

    @property
    def is_held(self) -> bool:
        """Whether this object has the lock."""
        return self._descriptor >= 0

    def holder(self) -> int | None:
        """Return the process id of the agent that is alive, None when none is."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HostError(f"{self._path}: {error.strerror}") from error
        try:
            # The holder writes its id just after locking: an empty file is an agent in its first microseconds.
            for _ in range(50):
                if _try(descriptor, fcntl.LOCK_SH):
                    return None
                text = os.pread(descriptor, 32, 0)
                if text.endswith(b"\n") and text.strip().isdigit():
                    return int(text)
                time.sleep(0.01)
            raise HostError(f"{self._path}: locked, but names no process")
        finally:
            os.close(descriptor)

    def release(self) -> None:
        """Let go; harmless when nothing is held."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _try(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
