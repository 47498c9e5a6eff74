"""Writes a new run's database, which appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from pageswap.agent.workspace.work_folder import sync_folder
from pageswap.errors import StoreError
from pageswap.store.checksums import store_checksums
from pageswap.store.database import CREATING, clear_errors, connect, transaction
from pageswap.store.schema import create_tables

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def created(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield an empty database to be filled, which is then at `path`; raises StoreError.

    It is written beside `path` and renamed, so that a file at `path` is always whole.
    """
    if path.exists():
        raise StoreError(f"{path}: exists already; a run is written once, use 'inv resume' to go on with it")
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    with clear_errors(path, CREATING):
        try:
            with contextlib.closing(connect(new, mode="rwc")) as connection, transaction(connection):
                create_tables(connection)
                yield connection
                store_checksums(connection)
            new.rename(path)
            sync_folder(str(path.parent))
        finally:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
                new.with_name(f"{new.name}-journal").unlink(missing_ok=True)
