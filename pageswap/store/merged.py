"""Writes one run's database from those of several: their blocks one after the other, with all that is known of each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pageswap.agent.journal.job import REPLICA_SUFFIX
from pageswap.agent.journal.line_fields import utc_now
from pageswap.store.creating import created
from pageswap.store.inserts import insert_rows

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pageswap.store.store import Store

    Rows = Iterable[Mapping[str, Any]]

_MERGED = "its run was put together with others"


def create_merged(
    path: Path,
    stores: Sequence[Store],
    *,
    run_id: str,
    provenance: Mapping[str, Any],
    cases: Sequence[Mapping[str, str]],
) -> int:
    """Write at `path` the run that several runs of the same plan make together; return how many blocks it has.

    `cases` has for each store the first one's id of each of its cases. A block that no host has measured is left out.
    Everything but the trials is as the first run has it. Raises StoreError.
    """
    with created(path) as connection:
        (run,) = stores[0].table("run")
        experiment = json.loads(run["experiment"])
        merged = {**run, "run_id": run_id, "created_at": utc_now(), "provenance": json.dumps(dict(provenance))}
        _insert(connection, "run", [merged])
        _insert(connection, "host", ({**host, "problem": None} for host in stores[0].table("host")))
        for table in ("cases", "trace"):
            _insert(connection, table, stores[0].table(table))
        first = {False: 0, True: 0}
        segments: dict[str, int] = {}
        for store, ids in zip(stores, cases, strict=True):
            _add(connection, store, ids, first, segments)
        experiment["repeats"] = first[False]
        connection.execute("UPDATE run SET experiment = ?", (json.dumps(experiment, separators=(",", ":")),))
    return first[False]


def _add(
    connection: sqlite3.Connection,
    store: Store,
    ids: Mapping[str, str],
    first: dict[bool, int],
    segments: dict[str, int],
) -> None:
    """Add a run's trials, whose blocks begin at `first` (warm-up ones by True), and all that is of its segments."""
    outcomes = store.table("outcome")
    measured = {outcome["trial_id"] for outcome in outcomes}
    ((ordinal,),) = connection.execute("SELECT coalesce(max(ordinal) + 1, 0) FROM trial")
    trials = [trial for trial in store.table("trial") if trial["trial_id"] in measured]
    names = {}
    for place, trial in enumerate(trials, ordinal):
        kind = bool(trial["warmup"])
        block, case_id = trial["block"] + first[kind], ids[trial["case_id"]]
        suffix = REPLICA_SUFFIX if trial["replica"] else ""
        name = f"{f'w{block}' if kind else f'b{block:02d}'}.{case_id}{suffix}"
        names[trial["trial_id"]] = name
        trial.update(ordinal=place, trial_id=name, block=block, case_id=case_id)
    _insert(connection, "trial", trials)
    _insert(
        connection,
        "segment",
        _later(segments, ({**each, "ended": each["ended"] or _MERGED} for each in store.table("segment"))),
    )
    for table in ("tunable", "facts"):
        _insert(connection, table, _later(segments, store.table(table)))
    _insert(
        connection, "outcome", _later(segments, ({**each, "trial_id": names[each["trial_id"]]} for each in outcomes))
    )
    # Of several runs' profiles of a case the latest stands.
    profiles = [{**each, "case_id": ids[each["case_id"]]} for each in store.table("profile")]
    connection.executemany(
        "DELETE FROM profile WHERE host = ? AND case_id = ?", [(each["host"], each["case_id"]) for each in profiles]
    )
    _insert(connection, "profile", _later(segments, profiles))
    for host, of_host in store.ledger().items():
        for phase, seconds in of_host.items():
            connection.execute(
                "INSERT INTO ledger VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET seconds = seconds + excluded.seconds",
                (host, phase, seconds),
            )
    for trial in trials:
        kind = bool(trial["warmup"])
        first[kind] = max(first[kind], trial["block"] + 1)
    for each in store.table("segment"):
        segments[each["host"]] = segments.get(each["host"], 0) + 1


def _later(segments: Mapping[str, int], rows: Rows) -> Rows:
    """Return rows whose segments come after those that their hosts have already."""
    return ({**row, "segment": row["segment"] + segments.get(row["host"], 0)} for row in rows)


def _insert(connection: sqlite3.Connection, table: str, rows: Rows) -> None:
    rows = list(rows)
    if rows:
        insert_rows(connection, table, list(rows[0]), [list(row.values()) for row in rows])
