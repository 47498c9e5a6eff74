"""Brings the file of an older pageswap to the present schema, when it is opened."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Final

from pageswap.store.schema import EVIDENCE_TYPES, SCHEMA_VERSION, TABLES_OF_2, check_version, connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def open_migrated(path: Path) -> sqlite3.Connection:
    """Open a run's database in the present schema, changing an older file in one transaction.

    Where the file cannot be written, a copy in memory is changed instead: such a run can be read, and writing to it
    fails as it would have. Raises StoreError or sqlite3.Error.
    """
    connection = connect(path)
    try:
        if check_version(connection, path) < SCHEMA_VERSION:
            try:
                _migrate(connection, path)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
                    raise
                connection = _copy_in_memory(connection)
                _migrate(connection, path)
                connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _copy_in_memory(connection: sqlite3.Connection) -> sqlite3.Connection:
    with contextlib.closing(connection):
        copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        connection.backup(copy)
    return copy


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked again inside the transaction: another process may have been faster.
        for version in range(check_version(connection, path), SCHEMA_VERSION):
            _STEPS[version](connection)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _from_1(connection: sqlite3.Connection) -> None:
    for statement in TABLES_OF_2.split(";\n\n"):
        connection.execute(statement)
    connection.execute("ALTER TABLE host ADD COLUMN problem TEXT")
    connection.execute("ALTER TABLE trial ADD COLUMN replica INTEGER NOT NULL DEFAULT 0")
    for name, kind in EVIDENCE_TYPES.items():
        connection.execute(f"ALTER TABLE outcome ADD COLUMN {name} {kind}")


_STEPS: Final[dict[int, Callable[[sqlite3.Connection], None]]] = {1: _from_1}
