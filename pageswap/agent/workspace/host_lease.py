"""The one-measurement-at-a-time lease of a host: an abstract Unix socket that also names its holder.

An abstract socket needs no file and no permission, so it holds across users, and the kernel removes it with its
holder. It lives in a network namespace: containers with one of their own do not see each other's lease.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
import socket
import struct
import time
from typing import TYPE_CHECKING, Any

from pageswap.agent.workspace.work_folder import user_name

if TYPE_CHECKING:
    from collections.abc import Callable

_NAME = "\0pageswap/lease"
_RETRY_S = 0.05
_ANSWER_S = 1.0
_CAP_BYTES = 4096
# An agent has bound the name for microseconds before it listens.
_LOOKS = 4
_COMMAND_LETTERS = 60


class Lease:
    """The held lease; answers whoever connects with one JSON line."""

    def __init__(self, listener: socket.socket, holder: dict[str, Any], wanted: str | None = None) -> None:
        """Take the listening socket, what to tell those who ask, and the name that another process has instead."""
        self._listener = listener
        self._answer = json.dumps(holder, separators=(",", ":")).encode() + b"\n"
        self._wanted = wanted

    def fileno(self) -> int:
        """Return the descriptor to poll for questions."""
        return self._listener.fileno()

    def serve(self) -> None:
        """Answer everyone who has connected, never waiting for any of them."""
        listener = _listen(self._wanted) if self._wanted else None
        if listener is not None:
            # Under the same number, which somebody polls.
            os.dup2(listener.fileno(), self._listener.fileno(), inheritable=False)
            listener.close()
            self._wanted = None
        while True:
            try:
                asker, _ = self._listener.accept()
            except OSError:
                return
            with asker, contextlib.suppress(OSError):  # They may have gone, which is their right.
                asker.setblocking(False)  # noqa: FBT003 - socket's own signature
                asker.send(self._answer)

    def close(self) -> None:
        """Let the lease go."""
        self._listener.close()


def try_take(holder: dict[str, Any], name: str | None = None) -> Lease | None:
    """Take the lease if it is free; `holder` is {pid, user, run_id, since}, `name` the address of another lease."""
    listener = _listen(name or _NAME)
    return None if listener is None else Lease(listener, holder)


def take_beside(holder: dict[str, Any], name: str | None = None) -> Lease:
    """Return a lease beside the one that another process keeps; it becomes that one when it is let go."""
    while True:
        listener = _listen(f"{_NAME}/{os.urandom(16).hex()}")
        if listener is not None:
            return Lease(listener, holder, name or _NAME)


def take(
    holder: dict[str, Any],
    name: str | None = None,
    *,
    patience_s: float,
    pause: Callable[[float], None] = time.sleep,
) -> Lease | dict[str, Any]:
    """Take the lease, trying for `patience_s` seconds; when it stays held return who holds it, as `who_holds` does."""
    deadline = time.monotonic() + patience_s
    while True:
        lease = try_take(holder, name)
        if lease is not None:
            return lease
        if time.monotonic() >= deadline:
            found = who_holds(name)
            if found is not None:
                return found
        pause(_RETRY_S)


def who_holds(name: str | None = None) -> dict[str, Any] | None:
    """Ask who holds the lease: {pid, user, run_id, since, note}, unknown parts None; None when nobody does.

    `note` says how a holder that is no agent, or a stopped one, behaves, and what it is: anyone may bind the name.
    """
    address = name or _NAME
    pid = uid = None
    said: dict[str, Any] = {}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as asker:
        asker.settimeout(_ANSWER_S)
        try:
            if not _connect(asker, address):
                return None
            # The kernel's word on who listens is worth more than the holder's own, and is there even if it is stopped.
            pid, uid, _ = struct.unpack("3i", asker.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            said, strange = _read_answer(asker)
        except ConnectionRefusedError:
            strange = "it does not listen"
        except OSError as error:
            # A full queue of askers.
            strange = f"it cannot be asked: {error.strerror or error}"
    note = None
    if strange or (pid and _has_ended(pid)):
        pid, uid, note = _seen(address, pid, uid, strange or "it answers as an agent")
    holder = {"pid": pid or None, "user": None if uid is None else user_name(uid), "run_id": None, "since": None}
    for key in ("run_id", "since"):
        value = said.get(key)
        if isinstance(value, str) and len(value) < 100 and value.isprintable():  # noqa: PLR2004 - a name, not a novel
            holder[key] = value
    return {**holder, "note": note}


def describe(holder: dict[str, Any]) -> str:
    """Say who holds the lease in one phrase."""
    words = f"process {holder.get('pid') or '?'} of user {holder.get('user') or '?'}"
    for name, key in (("run", "run_id"), ("since", "since")):
        if holder.get(key):
            words += f", {name} {holder[key]}"
    return f"{words} ({holder['note']})" if holder.get("note") else words


def cure(holder: dict[str, Any]) -> str:
    """Return what to do about who holds the lease."""
    beside = ", or measure beside it as root with --ignore-lease" if holder.get("note") else ""
    return f"wait for it with --wait, or stop that run{beside}"


def _listen(address: str) -> socket.socket | None:
    """Bind and listen; None where another process has the address."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        listener.bind(address)
        listener.listen(16)
        listener.setblocking(False)  # noqa: FBT003 - socket's own signature
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise
    return listener


def _connect(asker: socket.socket, address: str) -> bool:
    """Connect to the holder; False when there is none. Raises ConnectionRefusedError where one does not listen."""
    for look in range(_LOOKS):
        try:
            asker.connect(address)
        except ConnectionRefusedError:  # noqa: PERF203 - the usual look is the last
            free = _listen(address)
            if free is not None:
                free.close()
                return False
            if look == _LOOKS - 1:
                raise
            time.sleep(_RETRY_S)
        else:
            break
    return True


def _read_answer(asker: socket.socket) -> tuple[dict[str, Any], str]:
    """Return what the holder says of itself, and how that is not what an agent says; "" when it is."""
    data = b""
    deadline = time.monotonic() + _ANSWER_S
    try:
        while not data.endswith(b"\n") and len(data) < _CAP_BYTES:
            asker.settimeout(max(deadline - time.monotonic(), 0.001))
            chunk = asker.recv(_CAP_BYTES)
            if not chunk:
                break
            data += chunk
        said = json.loads(data)
    except (OSError, ValueError, RecursionError):
        said = None
    if isinstance(said, dict) and {"pid", "user", "run_id", "since"} <= said.keys():
        return said, ""
    return {}, "it answers what no agent does" if data else "it does not answer"


def _has_ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.errno == errno.ESRCH  # Not another user's, which /proc may hide.
    return False


def _seen(address: str, pid: int | None, uid: int | None, strange: str) -> tuple[int | None, int | None, str]:
    """Say what /proc shows of the holder, `pid` being who began to listen: a process, its user, and a note."""
    pids = _processes_with(address)
    if pid and pid not in pids and (pids or _has_ended(pid)):
        strange += f"; process {pid}, which began it, has ended or given it up"
        pid = None
    pid = pid or (pids[0] if pids else None)
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read(_CAP_BYTES).decode("utf-8", "replace").split("\0")
            uid = os.fstat(file.fileno()).st_uid
    except OSError:
        return pid, uid, f"{strange}; /proc shows this user no process that has it: as root 'inv doctor' looks further"
    command = "".join(letter if letter.isprintable() else "?" for letter in " ".join(words).strip())
    return pid, uid, f"{command[:_COMMAND_LETTERS]}: {strange}"


def _processes_with(address: str) -> list[int]:
    """List the processes that have a socket of this name open, as far as this user may look."""
    try:
        with open("/proc/net/unix", encoding="utf-8", errors="replace") as file:
            lines = [line.split() for line in file]
    except OSError:
        return []  # A /proc of processes alone (subset=pid).
    # Num, RefCount, Protocol, Flags, Type, St, Inode, Path: an @ is each NUL of an abstract one's.
    sockets = {f"socket:[{words[6]}]" for words in lines if words[7:] == [address.replace("\0", "@")]}
    found = set()
    for link in glob.iglob("/proc/[0-9]*/fd/*"):
        with contextlib.suppress(OSError):  # closed meanwhile
            if os.readlink(link) in sockets:
                found.add(int(link.split("/")[2]))
    return sorted(found)
