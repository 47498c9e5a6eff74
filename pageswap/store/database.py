"""An open database that threads may share: one lock, one transaction at a time, every error a StoreError."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from typing import TYPE_CHECKING, Any, Self

from pageswap.store.schema import store_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType


class Database:
    """Safe to share between threads, as each call holds its lock for one transaction."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Take an open connection, to be closed with this."""
        self._path = path
        self._connection = connection
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close the database; harmless when closed."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        """Give the database itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    @property
    def path(self) -> Path:
        """The database's file."""
        return self._path

    def _read(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        with self._lock, clear_errors(self._path, "cannot be read"):
            return self._connection.execute(query, arguments).fetchall()

    @contextlib.contextmanager
    def _transaction(self, doing: str) -> Iterator[sqlite3.Connection]:
        """Hold the lock and one transaction; any error leaves the database as it was."""
        with self._lock, clear_errors(self._path, doing):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk rolls back by itself.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


@contextlib.contextmanager
def clear_errors(path: Path, doing: str) -> Iterator[None]:
    """Turn SQLite's and the system's errors into a StoreError that says where, what and the cure."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise store_error(path, doing, error) from error
