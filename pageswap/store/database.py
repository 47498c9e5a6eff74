"""An open database that threads may share: one lock, one transaction at a time, every error a StoreError."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from pageswap.agent.workspace.work_folder import opened
from pageswap.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


# How long another process's transaction is waited for before "locked" is an error.
BUSY_TIMEOUT_S: Final = 10.0
# Whoever only looks whether a folder is held has it for an instant.
_AGAIN_S: Final = 0.02
_MOST_TRIES: Final = 10

# What is being done while there is no run yet that could be resumed.
CREATING: Final = "cannot be created"

CURE_OF_DAMAGE: Final = (
    "put a backup in its place; without one, save what can be read, as 'A damaged run' in docs/commands.md shows"
)
_DAMAGED = f"the file is damaged; {CURE_OF_DAMAGE}"
_GO_ON = "then 'inv resume' (all earlier rows are intact)"
_BEGIN = "then start the run again (there is nothing to resume)"
_CURES = {
    sqlite3.SQLITE_FULL: "the disk or a quota is full; free space, {go_on}",
    sqlite3.SQLITE_IOERR: "the file system refused; see 'dmesg' and free space, {go_on}",
    sqlite3.SQLITE_BUSY: "another process is writing to it; wait for that to end",
    sqlite3.SQLITE_LOCKED: "another process is writing to it; wait for that to end",
    sqlite3.SQLITE_READONLY: "it cannot be written; check its permissions and whether the file system is read-only",
    sqlite3.SQLITE_READONLY_DBMOVED: "it was moved or removed meanwhile; put it back, {go_on}",
    sqlite3.SQLITE_PERM: "it cannot be accessed; check its permissions",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check the path and its permissions",
    sqlite3.SQLITE_NOTADB: "it is not a run database; name a folder that 'inv run' made",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    # What is said to it never changes: the tables have other names, or hold what is no text.
    sqlite3.SQLITE_ERROR: _DAMAGED,
}


@contextlib.contextmanager
def folder_held(folder: Path) -> Iterator[None]:
    """Hold a run's folder; raises BlockingIOError while another process of this machine has it, OSError without locks.

    An flock ends with its holder however that ends. It is on the folder: closing any descriptor of the database itself
    would drop SQLite's own locks.
    """
    with opened(folder) as descriptor, opened(folder) as other:
        for tries in itertools.count(1):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if tries == _MOST_TRIES:
                    raise
            time.sleep(_AGAIN_S)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            raise OSError(errno.ENOLCK, "granted to two at once")
        yield


def is_held(folder: Path) -> bool:
    """Tell whether a process of this machine holds a run's folder now, as far as that can be seen."""
    try:
        with opened(folder) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def connect(path: Path, *, mode: Literal["rw", "rwc", "ro"] = "rw") -> sqlite3.Connection:
    """Open the SQLite file at `path` with this project's settings, or create it (rwc); raises sqlite3.Error.

    The rollback journal is kept rather than WAL: a run's database is then one file that can be copied, published and
    read from a read-only or network folder, and one writer with a few commits a second gains nothing from WAL. Both
    survive kill -9; FULL makes a commit survive a power cut too, as the host's journal may be gone by then.
    """
    # A file that vanished a moment ago is not made anew.
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        # A damaged file's error may be no text, and then no error of SQLite's.
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Make the block one writing transaction, which any error takes back; raises sqlite3.Error."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


class Database:
    """Safe to share between threads, as each call holds its lock for one transaction."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Take an open connection, to be closed with this."""
        self.path = path
        self._connection = connection
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close the database; harmless when closed."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        """Return the database itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _read(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        with self._lock, clear_errors(self.path, "cannot be read"):
            return self._connection.execute(query, arguments).fetchall()

    def _count(self, query: str, *arguments: object) -> int:
        ((count,),) = self._read(query, *arguments)
        return int(count)

    def _write(self, doing: str, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        with self._transaction(doing) as connection:
            return connection.execute(query, arguments).fetchall()

    @contextlib.contextmanager
    def _transaction(self, doing: str) -> Iterator[sqlite3.Connection]:
        """Hold the lock and one transaction; any error leaves the database as it was."""
        with self._lock, clear_errors(self.path, doing), transaction(self._connection):
            yield self._connection


@contextlib.contextmanager
def clear_errors(path: Path, doing: str) -> Iterator[None]:
    """Turn SQLite's and the system's errors into a StoreError that says where, what and the cure."""
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
        # What is no text, in a row or in SQLite's own message, is an error without a code.
        code = 0 if isinstance(error, OSError) else getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
        cure = _CURES.get(code) or _CURES.get(code & 0xFF, "check the path, its permissions and free space")
        go_on = _BEGIN if doing == CREATING else _GO_ON
        raise StoreError(f"{path}: {doing}: {error}; {cure.format(go_on=go_on)}") from error
