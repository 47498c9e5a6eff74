"""The one-measurement-at-a-time lease of a host: an abstract Unix socket that also names its holder.

An abstract socket needs no file and no permission, so it holds across users, and the kernel removes it with its
holder. It lives in a network namespace: containers with one of their own do not see each other's lease.
"""

from __future__ import annotations

import errno
import json
import socket
import struct
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_NAME = "\0pageswap/lease"
_RETRY_S = 0.05
_ANSWER_S = 1.0
_CAP_BYTES = 4096


class Lease:
    """The held lease; answers whoever connects with one JSON line."""

    def __init__(self, listener: socket.socket, holder: dict[str, Any]) -> None:
        """Take the listening socket and what to tell those who ask."""
        self._listener = listener
        self._answer = json.dumps(holder, separators=(",", ":")).encode() + b"\n"

    def fileno(self) -> int:
        """Return the descriptor to poll for questions."""
        return self._listener.fileno()

    def serve(self) -> None:
        """Answer everyone who has connected, never waiting for any of them."""
        while True:
            try:
                asker, _ = self._listener.accept()
            except OSError:
                return
            with asker:
                try:
                    asker.setblocking(False)  # noqa: FBT003 - socket's own signature
                    asker.send(self._answer)
                except OSError:
                    continue  # They have gone, which is their right.

    def close(self) -> None:
        """Let the lease go."""
        self._listener.close()


def try_take(holder: dict[str, Any], name: str | None = None) -> Lease | None:
    """Take the lease if it is free; `holder` is {pid, user, run_id, since}, `name` the address of another lease."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        listener.bind(name or _NAME)
        listener.listen(16)
        listener.setblocking(False)  # noqa: FBT003 - socket's own signature
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise
    return Lease(listener, holder)


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
    """Ask who holds the lease: {pid, user, run_id, since}, unknown parts None; None when nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as asker:
        asker.settimeout(_ANSWER_S)
        try:
            asker.connect(name or _NAME)
        except ConnectionRefusedError:
            return None
        except OSError:
            # A full queue of askers, or a holder too busy to answer: held, by someone who cannot be named.
            return {"pid": None, "user": None, "run_id": None, "since": None}
        # The kernel's word on who listens is worth more than the holder's own, and is there even if it is stopped.
        pid, uid, _ = struct.unpack("3i", asker.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        holder: dict[str, Any] = {"pid": pid or None, "user": user_name(uid), "run_id": None, "since": None}
        said = _read_answer(asker)
    for key in ("run_id", "since"):
        value = said.get(key)
        if isinstance(value, str) and len(value) < 100 and value.isprintable():  # noqa: PLR2004 - a name, not a novel
            holder[key] = value
    return holder


def _read_answer(asker: socket.socket) -> dict[str, Any]:
    data = b""
    try:
        while not data.endswith(b"\n") and len(data) < _CAP_BYTES:
            chunk = asker.recv(_CAP_BYTES)
            if not chunk:
                break
            data += chunk
        said = json.loads(data)
    except (OSError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def describe(holder: dict[str, Any]) -> str:
    """Say who holds the lease in one phrase."""
    words = f"process {holder.get('pid') or '?'} of user {holder.get('user') or '?'}"
    if holder.get("run_id"):
        words += f", run {holder['run_id']}"
    if holder.get("since"):
        words += f", since {holder['since']}"
    return words


def user_name(uid: int) -> str:
    """Return a user's name, or the number where it has none."""
    import pwd  # `status` does not need it

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
