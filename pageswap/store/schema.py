"""The run database's tables and columns, their history, how a file's version is known, and how rows are read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pageswap.agent.journal.job import OK, RETRIED
from pageswap.errors import StoreError
from pageswap.store.database import CURE_OF_DAMAGE
from pageswap.store.facts import FACTS_TABLE

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

# PRAGMA user_version of the file. History, one line a version, with its why:
#   1  first: run, host, environment and trial outcomes, with each segment's journal offset beside its rows.
#   2  many hosts: where each host's time went (ledger), why one gave no more (host.problem), after which block it may
#      stop (stopping); trial.replica, to tell a baseline's second trial in a block; evidence of a quiet host a row.
#   3  a case's levels are one JSON object, and a status is checked where it comes in: a factor, a status or a column of
#      an outcome more changes no table, and every run stays readable.
#   4  a checksum of each table (checksum), so that damage which leaves SQLite content is found; host.machine, to tell
#      two names of one machine.
#   5  what is known of the run on each host (facts), for exports and for whoever goes over many runs.
#   6  the traces that its trials play (trace), so that a run can be resumed, and played again, without their files.
#   7  what a profile of each case found (profile), beside the trials, as none of its own is counted.
SCHEMA_VERSION: Final = 7

# PRAGMA application_id: "pswp", so that another program's SQLite file is refused by name.
APPLICATION_ID: Final = 0x70737770

# What a run's folder has.
DATABASE: Final = "run.sqlite"
REPORT: Final = "report.html"

# Where a host's time goes beside its trials' own.
PHASES = ("connecting", "uploading", "building", "waiting", "running", "collecting")
CONNECTING, UPLOADING, BUILDING, WAITING, RUNNING, COLLECTING = PHASES

# What a trial of the plan says of its place, with SQL types; its case has the levels.
TRIAL_COLUMNS: Final = {
    "trial_id": "TEXT UNIQUE",
    "rounds": "INTEGER",
    "seed": "INTEGER",
    "timeout_s": "REAL",
    "block": "INTEGER",
    "position": "INTEGER",
    "warmup": "INTEGER",
    "replica": "INTEGER",
}

# What the journal says of an outcome, with SQL types; NULL where it was not measured or could not be read. A line here
# is all that one more needs: a file that lacks the column gets it when it is opened.
OUTCOME_COLUMNS: Final = {
    "status": "TEXT NOT NULL",
    "reason": "TEXT NOT NULL",
    "cpu": "INTEGER",
    "elapsed_ns": "INTEGER",
    "setup_ns": "INTEGER",
    "verify_ns": "INTEGER",
    "minor_faults": "INTEGER",
    "major_faults": "INTEGER",
    "voluntary_switches": "INTEGER",
    "involuntary_switches": "INTEGER",
    "vmas_peak": "INTEGER",
    "rounds_ns": "TEXT",  # JSON array
    "started_at": "TEXT",  # UTC ISO 8601
    # How quiet the host was, and what ran there.
    "build": "TEXT",
    "core_hash": "TEXT",
    "load1_before": "REAL",
    "load1_after": "REAL",
    "cpu_khz_before": "INTEGER",
    "cpu_khz_after": "INTEGER",
    "throttle_count": "INTEGER",
}

_TRIAL = "".join(f"    {name} {kind} NOT NULL,\n" for name, kind in TRIAL_COLUMNS.items())
_OUTCOME = "".join(f"    {name} {kind},\n" for name, kind in OUTCOME_COLUMNS.items())

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

# The table that version 4 brought.
CHECKSUM: Final = """
CREATE TABLE checksum (             -- without rows where nothing is to be checked
    of_table TEXT PRIMARY KEY,
    total INTEGER NOT NULL          -- CRC-32 of the columns' names and of each row, added up
) STRICT, WITHOUT ROWID;
"""

# Tables that version 3 laid out anew.
CASES: Final = """CREATE TABLE cases (
    case_id TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    workload TEXT NOT NULL,
    levels TEXT NOT NULL            -- JSON object: factor -> level, sizes in bytes; what is not there is at its default
) STRICT, WITHOUT ROWID;
"""
OUTCOME: Final = f"""CREATE TABLE outcome (
    host TEXT NOT NULL REFERENCES host,
    trial_id TEXT NOT NULL REFERENCES trial (trial_id),
    attempt INTEGER NOT NULL CHECK (attempt >= 1),
    segment INTEGER NOT NULL,
{_OUTCOME}    extra TEXT,                     -- JSON object of what the journal says beside these columns
    PRIMARY KEY (host, trial_id, attempt),
    FOREIGN KEY (host, segment) REFERENCES segment
) STRICT, WITHOUT ROWID;
"""

# The table that version 6 brought.
TRACE: Final = """CREATE TABLE trace (
    sha256 TEXT PRIMARY KEY,        -- of the file
    packed TEXT NOT NULL            -- the file's bytes, compressed by zlib, in base64
) STRICT, WITHOUT ROWID;
"""

# What the journal says of a case's profile.
PROFILE_COLUMNS: Final = {
    "status": "TEXT",
    "reason": "TEXT",
    "started_at": "TEXT",  # UTC ISO 8601
    "event": "TEXT",  # as perf calls it
    "frequency_hz": "INTEGER",
    "trials": "INTEGER",  # under perf, and how long their rounds took together
    "elapsed_ns": "INTEGER",
    "samples": "INTEGER",  # in the rounds
    "kernel_samples": "INTEGER",
    "outside": "INTEGER",
    "names_hidden": "INTEGER",  # 0 or 1
    "symbols": "TEXT",  # JSON array of {name, object, is_kernel, samples}
}
_PROFILE = "".join(f"    {name} {kind} NOT NULL,\n" for name, kind in PROFILE_COLUMNS.items())

# The table that version 7 brought.
PROFILE: Final = f"""CREATE TABLE profile (
    host TEXT NOT NULL REFERENCES host,
    case_id TEXT NOT NULL REFERENCES cases,
    segment INTEGER NOT NULL,
{_PROFILE}    PRIMARY KEY (host, case_id),
    FOREIGN KEY (host, segment) REFERENCES segment
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
    machine TEXT,                   -- what two names of one machine share; NULL while that is not known
    problem TEXT                    -- why the host gave nothing more, and the cure; NULL when there is nothing to say
) STRICT, WITHOUT ROWID;

{CASES}
CREATE TABLE trial (
    ordinal INTEGER PRIMARY KEY,    -- place in the plan's order
{_TRIAL}    case_id TEXT NOT NULL REFERENCES cases
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

{OUTCOME}
CREATE TABLE tunable (              -- every change of a host's settings, and its undoing
    host TEXT NOT NULL,
    segment INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    change TEXT NOT NULL,           -- JSON object
    PRIMARY KEY (host, segment, seq),
    FOREIGN KEY (host, segment) REFERENCES segment
) STRICT, WITHOUT ROWID;
"""


# Name -> SQL. Sizes in bytes, times in nanoseconds, started_at in UTC ISO 8601; a case's levels come from `cases`.
_COLUMNS: Final[dict[str, str]] = {
    "run_id": "r.run_id",
    "experiment": "r.experiment ->> 'name'",
    "host": "o.host",
    "case_id": "t.case_id",
    **{name: f"t.{name}" for name in TRIAL_COLUMNS if name not in ("rounds", "timeout_s")},
    "attempt": "o.attempt",
    "segment": "o.segment",
    **{name: f"o.{name}" for name in OUTCOME_COLUMNS},
    "page_moves": "o.extra ->> '$.counters.page_moves'",
    "counters": "nullif(o.extra -> 'counters', 'null')",  # JSON object: name -> count, null where it is not counted
}
ROW_COLUMNS: Final = tuple(_COLUMNS)

_LAST = "o.attempt = (SELECT max(attempt) FROM outcome WHERE host = o.host AND trial_id = o.trial_id)"

# Of a host's trials in a range of the plan: those of a million at once take gigabytes. CROSS says in which order.
ROWS: Final = f"""
SELECT {", ".join(f"{sql} AS {name}" for name, sql in _COLUMNS.items())}
FROM run r CROSS JOIN trial t CROSS JOIN outcome o ON o.host = ?1 AND o.trial_id = t.trial_id
WHERE t.ordinal BETWEEN ?2 AND ?3 AND {_LAST} ORDER BY t.ordinal
"""  # noqa: S608 - the names are this module's own
MOST_ROWS: Final = 50_000

STATUS_COUNTS: Final = f"SELECT o.host, o.status, count(*) FROM outcome o WHERE {_LAST} GROUP BY 1, 2"  # noqa: S608 - likewise

# Of the measured blocks a host may run only those that were allowed, once that was said.
_MAY_RUN: Final = "(t.warmup OR t.block < coalesce((SELECT blocks FROM stopping WHERE host = ?1), t.block + 1))"
PLANNED_COUNT: Final = f"SELECT count(*) FROM trial t WHERE {_MAY_RUN}"  # noqa: S608 - likewise

# A trial is missing without an outcome, or when its last one says only that it was cut short.
_MISSING: Final = f"""
FROM trial t
LEFT JOIN outcome o ON o.host = ?1 AND o.trial_id = t.trial_id AND {_LAST}
WHERE (o.status IS NULL OR o.status IN ({", ".join(f"'{status}'" for status in RETRIED)}))
AND {_MAY_RUN}
"""
MISSING: Final = f"""
SELECT t.case_id, coalesce(o.attempt, 0) + 1 AS attempt, {", ".join(f"t.{name}" for name in TRIAL_COLUMNS)}
{_MISSING} ORDER BY t.ordinal
"""
MISSING_COUNT: Final = f"SELECT count(*) {_MISSING}"

# A trial of each case that was measured and has no profile: the first, as all of a case are alike.
UNPROFILED: Final = f"""
SELECT t.case_id, 1 AS attempt, {", ".join(f"t.{name}" for name in TRIAL_COLUMNS)} FROM trial t
WHERE t.ordinal IN (
    SELECT min(m.ordinal) FROM trial m JOIN outcome o ON o.host = ?1 AND o.trial_id = m.trial_id AND o.status = '{OK}'
    WHERE NOT m.warmup AND NOT m.replica GROUP BY m.case_id
) AND t.case_id NOT IN (SELECT case_id FROM profile WHERE host = ?1)
ORDER BY t.ordinal
"""  # noqa: S608 - the names are this module's own


def create_tables(connection: sqlite3.Connection) -> None:
    """Lay out an empty database inside the caller's transaction."""
    for statement in f"{_DDL}\n{TABLES_OF_2}{CHECKSUM}\n{TRACE}\n{PROFILE}\n{FACTS_TABLE}".split(";\n\n"):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def check_version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the file's version; raises StoreError for another program's and an unknown one, sqlite3.Error."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application_id != APPLICATION_ID:
        raise StoreError(f"{path}: not a run database of pageswap; name a folder that 'inv run' made")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{path}: written by a newer pageswap (schema {version}, this one reads {SCHEMA_VERSION}); update pageswap"
        )
    if version < 1:
        raise StoreError(f"{path}: is damaged: its schema says version {version}; {CURE_OF_DAMAGE}")
    return int(version)
