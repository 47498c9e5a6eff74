"""The folders in which the system's ssh has its control sockets: where they may be, and when one is nobody's."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import socket
import stat
import tempfile
import time
from pathlib import Path
from typing import Final

from pageswap.errors import HostError
from pageswap.fleet.transport.ssh_config import FORCED

# A socket's path has 107 bytes at most, and ssh appends to it.
_LONGEST_PLACE: Final = 70
_PREFIX: Final = "ps-"
# So long after its last change nobody makes a connection in a folder any more.
_ABANDONED_S: Final = 3600.0


def make_folder(alias: str) -> Path:
    """Make a private folder for a host's config and socket; raises HostError.

    What commands that were killed have left beside it is removed first.
    """
    place = _place()
    _sweep(place)
    try:
        return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    except OSError as error:
        text = f"no folder can be made for ssh's socket: {error.strerror}; free space there, or set TMPDIR"
        raise HostError(f"{alias}: {place}: {text}") from error


def is_listened_to(path: str) -> bool:
    """Tell whether a process listens at a socket."""
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
        probe.connect(path)
        return True
    return False


def _place() -> str:
    """Return a folder that can be written, whose path is short and holds nothing that ssh would replace."""
    for place in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir()):
        is_plain = place.startswith("/") and "%" not in place and len(os.fsencode(place)) <= _LONGEST_PLACE
        if is_plain and os.access(place, os.W_OK | os.X_OK):
            return place
    return "/tmp"  # noqa: S108 - the folder in it is private


@functools.cache
def _sweep(place: str) -> None:
    """Remove folders that are ours by all that they hold, were not changed for long, and have no listener."""
    for folder in Path(place).glob(f"{_PREFIX}????????"):
        with contextlib.suppress(OSError):
            found = folder.lstat()
            is_private = found.st_uid == os.geteuid() and found.st_mode == stat.S_IFDIR | stat.S_IRWXU
            if not is_private or time.time() - found.st_mtime < _ABANDONED_S:
                continue
            is_ours = {"config"} <= {path.name for path in folder.iterdir()} <= {"config", "c"}
            is_ours = is_ours and (folder / "config").read_bytes().startswith(FORCED.partition("{")[0].encode())
            if is_ours and not is_listened_to(f"{folder}/c"):
                shutil.rmtree(folder)
