"""A file that appears whole or not at all, and never in the place of what is no file of its own."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from pageswap.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

# What stands for standard output where a file is asked for.
STANDARD_OUTPUT: Final = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
_DESCRIPTORS: Final = {**dict.fromkeys(STANDARD_OUTPUT, 1), "/dev/stderr": 2}
_DESCRIPTOR: Final = re.compile(r"/(?:dev|proc/self)/fd/([0-9]{1,9})")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[Any]]:
    """Yield a binary file that takes the place of ``path`` when the block ends, and vanishes when it raises.

    A reader sees the old file or the whole new one, also after a crash. A link stays, and the file that it leads to is
    replaced; mode, owner, group and attributes stay as they are. Written into instead is a file of which something
    would be lost otherwise (further names, an access control list, another's ownership, being mounted), one whose
    folder takes no other, and what is no file: a device, a pipe, an open descriptor, after what was written there.
    Raises StoreError when it cannot be written.
    """
    try:
        numbered = _DESCRIPTOR.fullmatch(str(path))
        descriptor = _DESCRIPTORS.get(str(path), int(numbered[1]) if numbered else None)
        known = path.stat() if path.exists() and descriptor is None else None
        place = Path(os.path.realpath(path))
        is_replaced = descriptor is None and known is None
        if known and stat.S_ISREG(known.st_mode) and known.st_nlink == 1:
            # A name below /proc that leads to a file that was deleted is that of no file.
            is_replaced = os.access(place.parent, os.W_OK | os.X_OK)
        part = place.with_name(f".{secrets.token_hex(8)}.part") if is_replaced else _temporary()
        try:
            # Opened by name, for who writes by a library that takes names only.
            with part.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if not is_replaced or not _has_replaced(part, place, known):
                _write_into(part, path, descriptor)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written: {error.strerror or error}; free space, check permissions or name another file,"
            " then make it anew with 'inv report' or 'inv export': all that was measured is in the run's database"
        ) from error


def _temporary() -> Path:
    descriptor, name = tempfile.mkstemp(suffix=".part")
    os.close(descriptor)
    return Path(name)


def _has_replaced(part: Path, place: Path, known: os.stat_result | None) -> bool:
    """Put a whole file in its place, and return whether that could be done without a loss of what is `known`."""
    try:
        if known:
            # In this order: a new owner takes some bits of the mode away.
            os.chown(part, known.st_uid, known.st_gid)
            part.chmod(stat.S_IMODE(known.st_mode))
            if _attributes(part) != _attributes(place):
                return False
        part.replace(place)
    except OSError:
        if known is None:
            raise
        return False
    return True


def _attributes(path: Path) -> dict[str, bytes]:
    with contextlib.suppress(OSError):
        return {name: os.getxattr(path, name) for name in os.listxattr(path)}
    return {}


def _write_into(source: Path, path: Path, descriptor: int | None) -> None:
    with source.open("rb") as file, contextlib.ExitStack() as opened:
        if descriptor == 1:
            into: IO[Any] = sys.stdout.buffer
        elif descriptor is not None:
            into = opened.enter_context(open(descriptor, "wb", closefd=False))
        else:
            into = opened.enter_context(path.open("r+b" if path.is_file() else "wb", buffering=0))
        shutil.copyfileobj(file, into)
        into.flush()
        if descriptor is None and path.is_file():
            into.truncate()
