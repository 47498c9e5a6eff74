"""A file that appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pageswap.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MODE = 0o644


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[Any]]:
    """Yield a binary file that takes the place of ``path`` when the block ends, and vanishes when it raises.

    A reader sees the old file or the whole new one, also after a crash. Raises StoreError when it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        os.close(handle)
        # Opened by name, for who writes by a library that takes names only.
        with Path(name).open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(_MODE)
        Path(name).replace(path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise _unwritable(path, error) from error
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _unwritable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{path}: cannot be written: {error.strerror or error}; free space or check permissions, then make it anew "
        "with 'inv report' or 'inv export': everything that was measured is in the run's database"
    )
