"""A network of the test run's own in which the host's lease is held, so that a test that would take it fails."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

LEASE: Final = "\0pageswap/lease"
_CLONE_NEWNET: Final = 0x40000000
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 1


class HeldLease:
    """A network namespace with a loopback only, and in it the lease, which nobody answers for."""

    def __init__(self) -> None:
        """Make it; raises OSError where that is not allowed, as to all but root."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._former = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        if self._libc.unshare(_CLONE_NEWNET):
            os.close(self._former)
            raise OSError(ctypes.get_errno(), "unshare")
        self._own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", _IFF_UP))
        self._lease = socket.socket(socket.AF_UNIX)
        self._lease.bind(LEASE)
        self._enter(self._former)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Have this thread there, and the processes and threads that it starts."""
        self._enter(self._own)
        yield
        self._enter(self._former)

    @contextlib.contextmanager
    def outside(self) -> Iterator[None]:
        """Have this thread, wherever it is, in the network that the test run was started in."""
        with Path("/proc/thread-self/ns/net").open("rb") as before:
            self._enter(self._former)
            yield
            self._enter(before.fileno())

    def close(self) -> None:
        """Let go of it; what still runs there keeps it."""
        self._lease.close()
        os.close(self._own)
        os.close(self._former)

    def _enter(self, network: int) -> None:
        if self._libc.setns(network, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
