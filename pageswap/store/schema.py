"""The run database's schema, its history, and the one way to open it."""

from __future__ import annotations

import dataclasses
import sqlite3
from typing import TYPE_CHECKING, Final

from pageswap.agent.journal.job import STATUSES, TrialSpec
from pageswap.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

# PRAGMA user_version of the file. History, one line a version, with its why:
#   1  first: run, host, environment and trial outcomes, with each segment's journal offset beside its rows.
#   2  many hosts: where each host's time went (ledger), why one gave no more (host.problem), after which block it may
#      stop (stopping); trial.replica, to tell a baseline's second trial in a block; evidence of a quiet host a row.
SCHEMA_VERSION: Final = 2

# PRAGMA application_id: "pswp", so that another program's SQLite file is refused by name.
APPLICATION_ID: Final = 0x70737770

# How long another process's transaction is waited for before "locked" is an error.
BUSY_TIMEOUT_S: Final = 10.0

_SQL_TYPES = {"str": "TEXT", "int": "INTEGER", "float": "REAL", "bool": "INTEGER"}
_PLACE_FIELDS = ("trial_id", "rounds", "seed", "timeout_s", "block", "position", "warmup", "replica")
_TRIAL_TYPES = {field.name: str(field.type) for field in dataclasses.fields(TrialSpec)}

# What a trial of the job file says about itself: one order for writing and for reading it back.
PLACE_FIELDS: Final = tuple(name for name in _TRIAL_TYPES if name in _PLACE_FIELDS)
LEVEL_FIELDS: Final = tuple(name for name in _TRIAL_TYPES if name not in (*_PLACE_FIELDS, "attempt"))

# What the journal says about how quiet the host was and what ran there; NULL where that could not be read.
EVIDENCE_TYPES: Final = {
    "build": "TEXT",
    "core_hash": "TEXT",
    "load1_before": "REAL",
    "load1_after": "REAL",
    "cpu_khz_before": "INTEGER",
    "cpu_khz_after": "INTEGER",
    "throttle_count": "INTEGER",
}

# What the journal says about a trial's outcome and the database keeps as columns, with their SQL types.
OUTCOME_TYPES: Final = {
    "status": "TEXT",
    "reason": "TEXT",
    "cpu": "INTEGER",
    "elapsed_ns": "INTEGER",
    "setup_ns": "INTEGER",
    "verify_ns": "INTEGER",
    "minor_faults": "INTEGER",
    "major_faults": "INTEGER",
    "voluntary_switches": "INTEGER",
    "involuntary_switches": "INTEGER",
    "vmas_peak": "INTEGER",
    "rounds_ns": "TEXT",
    "started_at": "TEXT",
    **EVIDENCE_TYPES,
}

# Where a host's time goes beside its trials' own.
PHASES: Final = ("connecting", "uploading", "building", "waiting", "running", "collecting")


def _columns(names: tuple[str, ...]) -> str:
    return "".join(f"    {name} {_SQL_TYPES[_TRIAL_TYPES[name]]} NOT NULL,\n" for name in names if name != "trial_id")


_STATUS_LIST = ", ".join(f"'{status}'" for status in STATUSES)
_OUTCOME_COLUMNS = "".join(
    f"    {name} {kind}{' NOT NULL' if name in ('status', 'reason') else ''},\n" for name, kind in OUTCOME_TYPES.items()
)

# Tables that version 2 brought: for new files and for those that are migrated.
TABLES_OF_2: Final = """
CREATE TABLE ledger (               -- where a host's time went beside its trials' own
    host TEXT NOT NULL REFERENCES host,
    phase TEXT NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY (host, phase)
) STRICT, WITHOUT ROWID;

CREATE TABLE stopping (             -- how many measured blocks a host may run; without a row all of the plan's
    host TEXT PRIMARY KEY REFERENCES host,
    blocks INTEGER NOT NULL CHECK (blocks >= 0),
    reason TEXT                     -- why it is enough; NULL while more may be allowed
) STRICT, WITHOUT ROWID;
"""

_DDL = f"""
CREATE TABLE run (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    run_id TEXT NOT NULL,
    created_at TEXT NOT NULL,       -- UTC ISO 8601
    experiment TEXT NOT NULL,       -- JSON object: the experiment without its text
    spec_text TEXT NOT NULL,        -- the experiment file, verbatim
    provenance TEXT NOT NULL,       -- JSON object
    options TEXT NOT NULL           -- JSON object
) STRICT;

CREATE TABLE host (
    host TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    environment TEXT,               -- JSON object of the latest segment that began; NULL before the first
    methods TEXT,                   -- JSON array, likewise
    problem TEXT                    -- why the host gave nothing more, and the cure; NULL when there is nothing to say
) STRICT, WITHOUT ROWID;

CREATE TABLE cases (
    case_id TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
{_columns(LEVEL_FIELDS).rstrip().rstrip(",")}
) STRICT, WITHOUT ROWID;

CREATE TABLE trial (
    ordinal INTEGER PRIMARY KEY,    -- place in the plan's order
    trial_id TEXT NOT NULL UNIQUE,
{_columns(PLACE_FIELDS)}    case_id TEXT NOT NULL REFERENCES cases
) STRICT;

CREATE TABLE segment (              -- one start of an agent; written before the agent is started
    host TEXT NOT NULL REFERENCES host,
    segment INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    journal_offset INTEGER NOT NULL DEFAULT 0,  -- bytes of journal.jsonl whose rows are in outcome
    next_seq INTEGER NOT NULL DEFAULT 0,        -- sequence number that the next new line must have
    started_at TEXT,                            -- of the journal's first line
    ended TEXT,                                 -- NULL while more may come; else why nothing more will
    PRIMARY KEY (host, segment)
) STRICT, WITHOUT ROWID;

CREATE TABLE outcome (
    host TEXT NOT NULL REFERENCES host,
    trial_id TEXT NOT NULL REFERENCES trial (trial_id),
    attempt INTEGER NOT NULL CHECK (attempt >= 1),
    segment INTEGER NOT NULL,
{_OUTCOME_COLUMNS}    extra TEXT,                     -- JSON object of fields this version has no column for
    PRIMARY KEY (host, trial_id, attempt),
    FOREIGN KEY (host, segment) REFERENCES segment,
    CHECK (status IN ({_STATUS_LIST}))
) STRICT, WITHOUT ROWID;

CREATE TABLE tunable (              -- every change of a host's settings, and its undoing
    host TEXT NOT NULL,
    segment INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    change TEXT NOT NULL,           -- JSON object
    PRIMARY KEY (host, segment, seq),
    FOREIGN KEY (host, segment) REFERENCES segment
) STRICT, WITHOUT ROWID;
"""

# What is being done while there is no run yet that could be resumed.
CREATING: Final = "cannot be created"

_GO_ON = "then 'inv resume' (all earlier rows are intact)"
_BEGIN = "then start the run again (there is nothing to resume)"
_CURES = {
    sqlite3.SQLITE_FULL: "the disk or a quota is full; free space, {go_on}",
    sqlite3.SQLITE_IOERR: "the file system refused; see 'dmesg' and free space, {go_on}",
    sqlite3.SQLITE_BUSY: "another process is writing to it; wait for that to end",
    sqlite3.SQLITE_LOCKED: "another process is writing to it; wait for that to end",
    sqlite3.SQLITE_READONLY: "it cannot be written; check its permissions and whether the file system is read-only",
    sqlite3.SQLITE_PERM: "it cannot be accessed; check its permissions",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check the path and its permissions",
    sqlite3.SQLITE_NOTADB: "it is not a run database; name a folder that 'inv run' made",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; 'sqlite3 run.sqlite .recover' may save its rows",
}


def store_error(path: Path, doing: str, error: sqlite3.Error | OSError) -> StoreError:
    """Give SQLite's or the system's error as one that says what, where and the cure."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    cure = _CURES.get(primary, "check the path, its permissions and free space")
    return StoreError(f"{path}: {doing}: {error}; {cure.format(go_on=_BEGIN if doing == CREATING else _GO_ON)}")


def connect(path: Path) -> sqlite3.Connection:
    """Open or create the SQLite file at `path` with this project's settings; raises sqlite3.Error.

    The rollback journal is kept rather than WAL: a run's database is then one file that can be copied, published and
    read from a read-only or network folder, and one writer with a few commits a second gains nothing from WAL. Both
    survive kill -9; FULL makes a commit survive a power cut too, as the host's journal may be gone by then.
    """
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def create_tables(connection: sqlite3.Connection) -> None:
    """Lay out an empty database inside the caller's transaction."""
    for statement in (_DDL + TABLES_OF_2).split(";\n\n"):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def check_version(connection: sqlite3.Connection, path: Path) -> int:
    """Give the file's version, refusing another program's and a newer pageswap's; raises StoreError, sqlite3.Error."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application_id != APPLICATION_ID:
        raise StoreError(f"{path}: not a run database of pageswap; name a folder that 'inv run' made")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{path}: written by a newer pageswap (schema {version}, this one reads {SCHEMA_VERSION}); update pageswap"
        )
    return int(version)
