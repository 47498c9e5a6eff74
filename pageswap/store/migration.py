"""Brings the file of an older pageswap to the present schema, when it is opened."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, Final

from pageswap.store.checksums import check, column_names, keep_checksums, store_checksums
from pageswap.store.database import connect, folder_held, transaction
from pageswap.store.facts import FACTS_TABLE, lacking, store_facts
from pageswap.store.schema import (
    CASES,
    CHECKSUM,
    OUTCOME,
    OUTCOME_COLUMNS,
    PROFILE,
    SCHEMA_VERSION,
    TABLES_OF_2,
    TRACE,
    check_version,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


_FIRST_WITH_CHECKSUMS: Final = 4


def open_migrated(path: Path, *, is_held: bool = False, to_read: bool = False) -> sqlite3.Connection:
    """Open a run's database in the present schema: checked, and an older one changed in one transaction.

    Where the file cannot be written or is only `to_read`, or another process holds the run unless this one `is_held`, a
    copy in memory is changed instead: such a run can be read, and writing to it fails as it would have. Raises
    StoreError, also where the file is damaged, or sqlite3.Error.
    """
    if to_read:
        # What a killed process left half done can be read only by who may take it back.
        with contextlib.suppress(sqlite3.OperationalError):
            return _opened(path, connect(path, mode="ro"), is_held=True)
    return _opened(path, connect(path), is_held=is_held)


def _opened(path: Path, connection: sqlite3.Connection, *, is_held: bool) -> sqlite3.Connection:
    try:
        version = check_version(connection, path)
        check(connection, path, has_checksums=version >= _FIRST_WITH_CHECKSUMS)
        if version < SCHEMA_VERSION or _lacking(connection):
            try:
                # An older pageswap at work on it would go on writing as it knows, without checksums and new columns.
                with contextlib.nullcontext() if is_held else folder_held(path.parent):
                    _migrate(connection, path)
            except (OSError, sqlite3.OperationalError) as error:
                code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_READONLY)
                if code & 0xFF not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
                    raise
                with contextlib.closing(connection) as file:
                    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
                    file.backup(connection)
                _migrate(connection, path)
                connection.execute("PRAGMA query_only = ON")
                return connection
        keep_checksums(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    # A table that others refer to is replaced; inside a transaction the setting would have no effect.
    connection.execute("PRAGMA foreign_keys = OFF")
    with transaction(connection):
        # Asked again inside the transaction: another process may have been faster.
        for version in range(check_version(connection, path), SCHEMA_VERSION):
            _STEPS[version](connection)
        for table, name, kind in _lacking(connection):
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
        store_facts(connection)
        store_checksums(connection)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("PRAGMA foreign_keys = ON")


def _lacking(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Return the columns that came after the file was made: table, name and type."""
    there = column_names(connection, "outcome")
    columns = [("outcome", name, kind) for name, kind in OUTCOME_COLUMNS.items() if name not in there]
    return columns + [("facts", *column) for column in lacking(column_names(connection, "facts")).items()]


def _from_1(connection: sqlite3.Connection) -> None:
    for statement in TABLES_OF_2.split(";\n\n"):
        connection.execute(statement)
    connection.execute("ALTER TABLE host ADD COLUMN problem TEXT")
    connection.execute("ALTER TABLE trial ADD COLUMN replica INTEGER NOT NULL DEFAULT 0")


def _from_2(connection: sqlite3.Connection) -> None:
    names = [name for name in column_names(connection, "cases") if name not in ("case_id", "position", "workload")]
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
    kept = ", ".join(column_names(connection, "outcome_of_2"))
    connection.execute(f"INSERT INTO outcome ({kept}) SELECT {kept} FROM outcome_of_2")  # noqa: S608 - likewise
    connection.execute("DROP TABLE outcome_of_2")


def _from_3(connection: sqlite3.Connection) -> None:
    connection.execute(CHECKSUM)
    if "machine" not in column_names(connection, "host"):
        connection.execute("ALTER TABLE host ADD COLUMN machine TEXT")


def _from_4(connection: sqlite3.Connection) -> None:
    connection.execute(FACTS_TABLE)


def _from_5(connection: sqlite3.Connection) -> None:
    connection.execute(TRACE)


def _from_6(connection: sqlite3.Connection) -> None:
    connection.execute(PROFILE)


_STEPS: Final[dict[int, Callable[[sqlite3.Connection], None]]] = dict(
    enumerate((_from_1, _from_2, _from_3, _from_4, _from_5, _from_6), 1)
)
