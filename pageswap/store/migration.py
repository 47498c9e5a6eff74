"""Brings the file of an older pageswap to the present schema, when it is opened."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, Final

from pageswap.store.database import connect
from pageswap.store.schema import (
    CASES,
    HOST_COLUMNS,
    OUTCOME,
    OUTCOME_COLUMNS,
    SCHEMA_VERSION,
    TABLES_OF_2,
    check_version,
)

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
        if check_version(connection, path) < SCHEMA_VERSION or _lacking(connection):
            try:
                _migrate(connection, path)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
                    raise
                with contextlib.closing(connection) as file:
                    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
                    file.backup(connection)
                _migrate(connection, path)
                connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    # A table that others refer to is replaced; inside a transaction the setting would have no effect.
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked again inside the transaction: another process may have been faster.
        for version in range(check_version(connection, path), SCHEMA_VERSION):
            _STEPS[version](connection)
        for table, column in _lacking(connection):
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("PRAGMA foreign_keys = ON")


def _column_names(connection: sqlite3.Connection, table: str) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))]


def _lacking(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return (table, column with its type) of what came after the file was made."""
    tables = {"outcome": OUTCOME_COLUMNS, "host": HOST_COLUMNS}
    there = {table: _column_names(connection, table) for table in tables}
    return [
        (t, f"{name} {kind}") for t, columns in tables.items() for name, kind in columns.items() if name not in there[t]
    ]


def _from_1(connection: sqlite3.Connection) -> None:
    for statement in TABLES_OF_2.split(";\n\n"):
        connection.execute(statement)
    connection.execute("ALTER TABLE host ADD COLUMN problem TEXT")
    connection.execute("ALTER TABLE trial ADD COLUMN replica INTEGER NOT NULL DEFAULT 0")


def _from_2(connection: sqlite3.Connection) -> None:
    names = [name for name in _column_names(connection, "cases") if name not in ("case_id", "position", "workload")]
    cases = [
        (case_id, position, workload, json.dumps(dict(zip(names, levels, strict=True)), separators=(",", ":")))
        for case_id, position, workload, *levels in connection.execute(
            f"SELECT case_id, position, workload, {', '.join(names)} FROM cases"  # noqa: S608 - the table's own names
        )
    ]
    connection.execute("DROP TABLE cases")
    connection.execute(CASES)
    connection.executemany("INSERT INTO cases VALUES (?, ?, ?, ?)", cases)
    # A table's CHECK cannot be dropped.
    connection.execute("ALTER TABLE outcome RENAME TO outcome_of_2")
    connection.execute(OUTCOME)
    kept = ", ".join(_column_names(connection, "outcome_of_2"))
    connection.execute(f"INSERT INTO outcome ({kept}) SELECT {kept} FROM outcome_of_2")  # noqa: S608 - likewise
    connection.execute("DROP TABLE outcome_of_2")


_STEPS: Final[dict[int, Callable[[sqlite3.Connection], None]]] = {1: _from_1, 2: _from_2}
