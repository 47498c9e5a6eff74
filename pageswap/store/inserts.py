"""What is written into a run's database: the run, its plan, and the lines of journals."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from pageswap.agent.journal.journal import JournalReader
from pageswap.agent.journal.line_fields import ENDS, utc_now
from pageswap.agent.trace import sha256_of
from pageswap.errors import JournalError, StoreError
from pageswap.store.facts import store_facts
from pageswap.store.schema import OUTCOME_COLUMNS, PROFILE_COLUMNS, TRIAL_COLUMNS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from pageswap.agent.journal.job import TrialSpec
    from pageswap.spec.experiment import Experiment


def _json(document: object) -> str:
    return json.dumps(document, default=str, allow_nan=False, separators=(",", ":"))


# What every journal line says of itself, and a trial's line beside its outcome.
_HEAD = ("kind", "seq", "run_id", "host", "segment")
_OWN = ("trial_id", "attempt")
_OF_TRIAL = ("case_id", *TRIAL_COLUMNS)
# An agent changes some settings of each measured CPU, and puts them back; a host that never stops is not measuring.
_MAX_CHANGES = 5_000


def insert_run(connection: sqlite3.Connection, run_id: str, experiment: Experiment, *documents: object) -> None:
    """Store the run's id and time, its experiment and traces, and the documents beside it: provenance and options."""
    fields = dataclasses.asdict(dataclasses.replace(experiment, traces={}))
    del fields["traces"]
    spec_text = fields.pop("text")
    fields.pop("lines", None)
    values = (run_id, utc_now(), _json(fields), spec_text, *map(_json, documents))
    connection.execute("INSERT INTO run VALUES (1, ?, ?, ?, ?, ?, ?)", values)
    # Two files may hold the same, and one that --set replaced is not played.
    played = experiment.factors.get("trace", ())
    traces = {sha256_of(str(level)): experiment.traces[level].packed for level in played}
    connection.executemany("INSERT INTO trace VALUES (?, ?)", traces.items())


def insert_trials(connection: sqlite3.Connection, trials: Sequence[TrialSpec]) -> None:
    """Store a plan's trials in their order, and the cases they are of."""
    cases: dict[str, TrialSpec] = {}
    for trial in trials:
        cases.setdefault(trial.case_id, trial)
    rows_of_cases = (
        (case_id, position, trial.workload, _json(trial.levels))
        for position, (case_id, trial) in enumerate(sorted(cases.items()))
    )
    insert_rows(connection, "cases", ("case_id", "position", "workload", "levels"), rows_of_cases)
    insert_places(connection, 0, ({name: getattr(trial, name) for name in _OF_TRIAL} for trial in trials))


def insert_places(connection: sqlite3.Connection, first: int, places: Iterable[Mapping[str, Any]]) -> None:
    """Store trials by the names of their columns, in the plan's order from its place `first` on."""
    rows = ((ordinal, *(place[name] for name in _OF_TRIAL)) for ordinal, place in enumerate(places, first))
    insert_rows(connection, "trial", ("ordinal", *_OF_TRIAL), rows)


def insert_rows(
    connection: sqlite3.Connection, table: str, names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Store rows of a table's columns by their names, of which some are words of SQL."""
    marks, quoted = ", ".join("?" * len(names)), ", ".join(f'"{name}"' for name in names)
    connection.executemany(f"INSERT INTO {table} ({quoted}) VALUES ({marks})", rows)  # noqa: S608 - our own names


def insert_lines(
    connection: sqlite3.Connection, host: str, segment: int, offset: int, lines: Iterable[bytes]
) -> tuple[list[dict[str, Any]], str | None, JournalError | None]:
    """Store whole journal lines that are not stored yet, the first of which starts at byte `offset`.

    Return the trials' fields, why the journal ended if it did, and what is wrong with the first line that is not the
    journal's next; what came before that is stored. Raises JournalError where nothing can be.
    """
    query = "SELECT journal_offset, next_seq, ended, run_id FROM segment, run WHERE host = ? AND segment = ?"
    stored = connection.execute(query, (host, segment)).fetchone()
    if stored is None:
        raise StoreError(f"there is no segment {segment} of host '{host}'")
    done, next_seq, ended, run_id = stored
    if offset > done:
        raise JournalError(f"{host}: segment {segment}: bytes {done:,} to {offset:,} of its journal are lost")
    refused, trials = None, []
    reader = JournalReader(run_id=run_id, host=host, segment=segment, offset=done)
    for line in lines:
        start, offset = offset, offset + len(line)
        if start < done:
            continue
        try:
            for record in reader.feed(line):
                _check_turn(record, next_seq, ended)
                _insert_record(connection, record)
                next_seq += 1
                if record["kind"] == "trial":
                    trials.append(record)
            done, ended = reader.offset, reader.end or ended
        except JournalError as error:
            refused = error
            break
    update = "UPDATE segment SET journal_offset = ?, next_seq = ?, ended = ? WHERE host = ? AND segment = ?"
    connection.execute(update, (done, next_seq, ended, host, segment))
    return trials, ended, refused


def _check_turn(record: dict[str, Any], next_seq: int, ended: str | None) -> None:
    """Refuse what a reader that starts in the middle of a journal cannot know to be wrong."""
    if record["seq"] != next_seq or ended in ENDS:
        expected = "nothing" if ended in ENDS else f"line {next_seq}"
        raise JournalError(
            f"{record['host']}, segment {record['segment']}: line {record['seq']} where {expected} was expected"
        )


def _insert_record(connection: sqlite3.Connection, record: dict[str, Any]) -> None:
    """Store one checked journal line that is its segment's next; raises JournalError when it does not fit the plan."""
    key = (record["host"], record["segment"])
    if record["kind"] == "begin":
        connection.execute(
            "UPDATE host SET environment = ?, methods = ? WHERE host = ?",
            (_json(record["environment"]), _json(record["methods"]), record["host"]),
        )
        connection.execute(
            "UPDATE segment SET started_at = ? WHERE host = ? AND segment = ?", (record["started_at"], *key)
        )
        store_facts(connection, *key)
    elif record["kind"] == "tune":
        ((changes,),) = connection.execute("SELECT count(*) FROM tunable WHERE host = ? AND segment = ?", key)
        if changes >= _MAX_CHANGES:
            raise JournalError(f"{key[0]}, segment {key[1]}: more than {_MAX_CHANGES} changes of settings")
        change = {name: value for name, value in record.items() if name not in _HEAD}
        connection.execute("INSERT INTO tunable VALUES (?, ?, ?, ?)", (*key, record["seq"], _json(change)))
    elif record["kind"] == "trial":
        _insert_outcome(connection, record)
    elif record["kind"] == "profile":
        _insert_profile(connection, record)


_KNOWN = """
SELECT rounds, (SELECT max(attempt) FROM outcome WHERE host = ?1 AND trial_id = ?2),
       EXISTS (SELECT 1 FROM outcome WHERE host = ?1 AND trial_id = ?2 AND segment = ?3)
FROM trial WHERE trial_id = ?2
"""


def _insert_outcome(connection: sqlite3.Connection, record: dict[str, Any]) -> None:
    host, trial_id, attempt = record["host"], record["trial_id"], record["attempt"]
    where = f"{host}, segment {record['segment']}"
    found = connection.execute(_KNOWN, (host, trial_id, record["segment"])).fetchone()
    if found is None:
        raise JournalError(f"{where}: trial {trial_id!r:.80} is not in this run's plan")
    planned_rounds, last_attempt, is_answered = found
    rounds = record["rounds_ns"]
    if attempt != (last_attempt or 0) + 1:
        raise JournalError(f"{where}: attempt {attempt} of trial {trial_id} after attempt {last_attempt or 0}")
    if is_answered:
        raise JournalError(f"{where}: a second attempt of trial {trial_id}; an agent makes one of each")
    if rounds is not None and len(rounds) != planned_rounds:
        raise JournalError(f"{where}: trial {trial_id} has {len(rounds)} rounds, not {planned_rounds}")
    extra = {name: value for name, value in record.items() if name not in (*_HEAD, *_OWN, *OUTCOME_COLUMNS)}
    row = {**record, "rounds_ns": None if rounds is None else _json(rounds), "extra": _json(extra) if extra else None}
    names = ("host", *_OWN, "segment", *OUTCOME_COLUMNS, "extra")
    insert_rows(connection, "outcome", names, [[row.get(name) for name in names]])


def _insert_profile(connection: sqlite3.Connection, record: dict[str, Any]) -> None:
    host, trial_id = record["host"], record["trial_id"]
    where = f"{host}, segment {record['segment']}"
    found = connection.execute(
        "SELECT case_id, EXISTS (SELECT 1 FROM profile p WHERE p.host = ?1 AND p.case_id = trial.case_id)"
        " FROM trial WHERE trial_id = ?2",
        (host, trial_id),
    ).fetchone()
    if found is None:
        raise JournalError(f"{where}: trial {trial_id!r:.80}, whose case was profiled, is not in this run's plan")
    case_id, is_there = found
    if is_there:
        raise JournalError(f"{where}: a second profile of case {case_id}")
    row = {**record, "case_id": case_id, "symbols": _json(record["symbols"])}
    names = ("host", "case_id", "segment", *PROFILE_COLUMNS)
    insert_rows(connection, "profile", names, [[row[name] for name in names]])
