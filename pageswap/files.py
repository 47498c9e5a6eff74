"""A file that appears whole or not at all, and never in the place of what is no file of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pageswap.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MODE = 0o644
# What stands for standard output where a file is asked for.
STANDARD_OUTPUT = ("-", "/dev/stdout", "/dev/fd/1")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[Any]]:
    """Yield a binary file that takes the place of ``path`` when the block ends, and vanishes when it raises.

    A reader sees the old file or the whole new one, also after a crash. A link stays, and the file that it leads to is
    replaced; mode and owner stay as they are. What is no file (a device, a pipe, `STANDARD_OUTPUT`) is written into,
    and so is a file whose owner could not be kept. Raises StoreError when it cannot be written.
    """
    try:
        is_standard_output = str(path) in STANDARD_OUTPUT
        known = path.stat() if path.exists() and not is_standard_output else None
        place = Path(os.path.realpath(path)) if path.is_symlink() else path
        # Of another's file the owner could not be kept.
        is_others = known is not None and os.geteuid() not in (0, known.st_uid)
        is_written_into = is_standard_output or is_others or (known is not None and not stat.S_ISREG(known.st_mode))
        if known is None and not is_standard_output:
            place.parent.mkdir(parents=True, exist_ok=True)
        folder = None if is_written_into else place.parent
        handle, name = tempfile.mkstemp(dir=folder, prefix=f".{place.name}.", suffix=".part")
        os.close(handle)
        try:
            # Opened by name, for who writes by a library that takes names only.
            with Path(name).open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if is_written_into:
                _copy(Path(name), path)
                Path(name).unlink()
            else:
                Path(name).chmod(stat.S_IMODE(known.st_mode) if known else _MODE)
                if known and os.geteuid() == 0:
                    os.chown(name, known.st_uid, known.st_gid)
                Path(name).replace(place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written: {error.strerror or error}; free space or check permissions, then make it anew "
            "with 'inv report' or 'inv export': everything that was measured is in the run's database"
        ) from error


def _copy(source: Path, path: Path) -> None:
    with source.open("rb") as file:
        if str(path) in STANDARD_OUTPUT:
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        else:
            with path.open("r+b" if path.is_file() else "wb", buffering=0) as into:
                shutil.copyfileobj(file, into)
                if path.is_file():
                    into.truncate()
