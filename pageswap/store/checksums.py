"""Holds a run's tables against checksums that every change keeps up: damage is found before a figure is read."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from pageswap.errors import StoreError
from pageswap.store.database import CURE_OF_DAMAGE

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path

_CURE: Final = (
    "put a backup in its place; without one, 'sqlite3 run.sqlite \"DELETE FROM checksum\"' lets it be read unchecked"
)


def column_names(connection: sqlite3.Connection, table: str) -> list[str]:
    """Return the names of a table's columns in their order, as the file has them."""
    return [name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))]


def keep_checksums(connection: sqlite3.Connection) -> None:
    """Let each change of a row through this connection change its table's checksum, in the same transaction.

    The triggers are the connection's, not the file's, which other programs can then write as ever; what they changed
    does not match any more.
    """
    _define(connection)
    for table in _tables(connection):
        columns = column_names(connection, table)
        new, old = _call(columns, "NEW."), _call(columns, "OLD.")
        for event, change in (("INSERT", new), ("UPDATE", f"{new} - {old}")):
            connection.execute(
                f'CREATE TEMP TRIGGER "checksum_{event}_{table}" AFTER {event} ON main."{table}" BEGIN '  # noqa: S608 - the file's own names
                f"UPDATE checksum SET total = total + {change} WHERE of_table = '{table}'; END"
            )


def store_checksums(connection: sqlite3.Connection) -> None:
    """Store the checksum of each table as it is now, inside the caller's transaction."""
    _define(connection)
    connection.execute("DELETE FROM checksum")
    connection.executemany("INSERT INTO checksum VALUES (?, ?)", _totals(connection).items())


def check(connection: sqlite3.Connection, path: Path, *, has_checksums: bool) -> None:
    """Raise StoreError, or sqlite3.Error, where a file does not hold what was written into it.

    Of a file without checksums, of an older version or because somebody deleted them so as to read what a damaged one
    still holds, only the structure is checked.
    """
    ((found,),) = connection.execute("PRAGMA integrity_check(1)").fetchall()
    if found != "ok":
        raise StoreError(f"{path}: is damaged: {' '.join(found.split())}; {CURE_OF_DAMAGE}")
    if not has_checksums:
        return
    _define(connection)
    with connection:
        # One transaction, as another process may be writing.
        connection.execute("BEGIN")
        stored = dict(connection.execute("SELECT * FROM checksum"))
        read = _totals(connection) if stored else {}
    for table in sorted(read.keys() | stored.keys()):
        if read.get(table) != stored.get(table):
            what = f"what the table '{table}' holds is not what was written into it"
            raise StoreError(f"{path}: is damaged: {what}; {_CURE}")


def _define(connection: sqlite3.Connection) -> None:
    connection.create_function("row_checksum", -1, _row_checksum, deterministic=True)


def _row_checksum(*values: object) -> int:
    # Not repr(), which shows what a version of Python knows as printable as it is.
    return zlib.crc32(ascii(values).encode())


def _totals(connection: sqlite3.Connection) -> dict[str, int]:
    """Return each table's checksum: of its columns' names and of each row, added up.

    A row that is lost, doubled or changed changes the sum, and SQL can keep it up as rows come.
    """
    totals = {}
    for table in _tables(connection):
        names = column_names(connection, table)
        query = f'SELECT coalesce(sum({_call(names)}), 0) FROM "{table}"'  # noqa: S608 - the file's own names
        ((of_rows,),) = connection.execute(query)
        totals[table] = _row_checksum(*names) + of_rows
    return totals


def _call(names: Iterable[str], row: str = "") -> str:
    columns = ", ".join(f'{row}"{name}"' for name in names)
    return f"row_checksum({columns})"


def _tables(connection: sqlite3.Connection) -> list[str]:
    # SQLite's own are statistics that ANALYZE leaves.
    query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'checksum' AND name NOT GLOB 'sqlite_*'"
    return [name for (name,) in connection.execute(query)]
