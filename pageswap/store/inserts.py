"""What is written into a run's database: the run, its plan, and one journal line."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from pageswap.errors import JournalError
from pageswap.store.schema import LEVEL_FIELDS, OUTCOME_TYPES, PLACE_FIELDS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from pageswap.agent.job import TrialSpec
    from pageswap.spec import Experiment
    from pageswap.store.journal import Entry


def _json(document: object) -> str:
    return json.dumps(document, default=str, allow_nan=False, separators=(",", ":"))


def insert_run(
    connection: sqlite3.Connection, name: tuple[str, str], experiment: Experiment, documents: tuple[object, object]
) -> None:
    """Store the run's id and time, its experiment, and the documents beside it."""
    fields = dataclasses.asdict(experiment)
    spec_text = fields.pop("text")
    values = (*name, _json(fields), spec_text, *(_json(document) for document in documents))
    connection.execute("INSERT INTO run VALUES (1, ?, ?, ?, ?, ?, ?)", values)


def insert_trials(connection: sqlite3.Connection, trials: Sequence[TrialSpec]) -> None:
    """Store a plan's trials in their order, and the cases they are of."""
    cases: dict[str, TrialSpec] = {}
    for trial in trials:
        cases.setdefault(_case_id(trial), trial)
    connection.executemany(
        f"INSERT INTO cases VALUES ({_marks(len(LEVEL_FIELDS) + 2)})",  # noqa: S608 - question marks
        [
            (case_id, position, *(getattr(trial, name) for name in LEVEL_FIELDS))
            for position, (case_id, trial) in enumerate(sorted(cases.items()))
        ],
    )
    connection.executemany(
        f"INSERT INTO trial (ordinal, {', '.join(PLACE_FIELDS)}, case_id) "  # noqa: S608 - TrialSpec's own names
        f"VALUES ({_marks(len(PLACE_FIELDS) + 2)})",
        (
            (ordinal, *(getattr(trial, name) for name in PLACE_FIELDS), _case_id(trial))
            for ordinal, trial in enumerate(trials)
        ),
    )


def _marks(count: int) -> str:
    return ", ".join("?" * count)


def _case_id(trial: TrialSpec) -> str:
    """Give ``c0004`` of ``b03.c0004``."""
    return trial.trial_id.rpartition(".")[2]


def insert_entry(connection: sqlite3.Connection, host: str, segment: int, entry: Entry) -> str | None:
    """Store one line that is the journal's next; gives why the journal ended if this line says so."""
    fields = entry.fields
    if entry.kind == "begin":
        connection.execute(
            "UPDATE host SET environment = ?, methods = ? WHERE host = ?",
            (_json(fields["environment"]), _json(fields["methods"]), host),
        )
        connection.execute(
            "UPDATE segment SET started_at = ? WHERE host = ? AND segment = ?",
            (fields.get("started_at"), host, segment),
        )
    elif entry.kind == "tune":
        connection.execute("INSERT INTO tunable VALUES (?, ?, ?, ?)", (host, segment, entry.seq, _json(fields)))
    elif entry.kind == "trial":
        _insert_outcome(connection, host, segment, fields)
    return str(fields["why"]) if entry.kind == "end" else None


def _insert_outcome(connection: sqlite3.Connection, host: str, segment: int, fields: dict[str, Any]) -> None:
    trial_id, attempt = fields["trial_id"], fields["attempt"]
    known = connection.execute(
        "SELECT (SELECT max(attempt) FROM outcome WHERE host = ?1 AND trial_id = ?2) FROM trial WHERE trial_id = ?2",
        (host, trial_id),
    ).fetchone()
    if known is None:
        raise JournalError(f"trial {trial_id!r:.80} is not in this run's plan")
    if attempt != (known[0] or 0) + 1:
        raise JournalError(f"attempt {attempt} of trial {trial_id} after attempt {known[0] or 0}")
    rounds = fields.get("rounds_ns")
    values = {**fields, "rounds_ns": None if rounds is None else _json(rounds)}
    extra = {name: value for name, value in fields.items() if name not in ("trial_id", "attempt", *OUTCOME_TYPES)}
    connection.execute(
        f"INSERT INTO outcome VALUES ({_marks(len(OUTCOME_TYPES) + 5)})",  # noqa: S608 - question marks
        (
            *(host, trial_id, attempt, segment),
            *(values.get(name) for name in OUTCOME_TYPES),
            _json(extra) if extra else None,
        ),
    )
