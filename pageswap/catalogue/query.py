"""SQL over the trials and the facts of all runs: one statement that reads, and can reach nothing else."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from pageswap.analysis.copy_words import quoted
from pageswap.catalogue.all_trials import open_trials
from pageswap.catalogue.catalogue import read_catalogue
from pageswap.errors import StoreError, UsageError
from pageswap.spec.factors import FACTORS
from pageswap.store.facts import COUNT, FACTS, OBJECT, TEXT, YES_OR_NO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pageswap.catalogue.entry import Entry

# EXPLAIN ANALYZE runs what it explains, which may be a COPY into a file that may be read.
_READS: Final = (duckdb.StatementType.SELECT,)
_TYPES: Final = {TEXT: "VARCHAR", COUNT: "BIGINT", YES_OR_NO: "BOOLEAN", OBJECT: "VARCHAR"}
_MOST_TRIES: Final = 5
# The columns of `runs` that are not facts of a host, with DuckDB's types.
OF_RUN: Final = {
    "run_id": "VARCHAR",
    "experiment": "VARCHAR",
    "created_at": "VARCHAR",
    "state": "VARCHAR",
    "question": "VARCHAR",
    "cases": "BIGINT",
    "trials": "BIGINT",
    "missing": "BIGINT",
    "ok": "BIGINT",
    "folder": "VARCHAR",
}
_CASES: Final = """
CREATE VIEW cases AS
SELECT run_id, experiment, host, case_id, {levels}, {facts},
    count(*) AS trials, median(ns_per_op) AS ns_per_op, min(ns_per_op) AS min_ns_per_op,
    max(ns_per_op) AS max_ns_per_op, median(bytes_per_s) AS bytes_per_s
FROM trials WHERE NOT warmup AND replica = 0 AND status = 'ok' GROUP BY ALL
"""


@dataclasses.dataclass(frozen=True)
class Table:
    """What a statement answered: the names of its columns and its rows, of DuckDB's Python values."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def query(results_dir: Path, statement: str, on_step: Callable[[str], None] = lambda _text: None) -> Table:
    """Return what a SELECT answers over the views `trials`, `runs` and `cases` of all runs in `results_dir`.

    `trials` has the columns of an export, a row a trial; `runs` the facts of each run, a row a host; `cases` the
    medians of each case on each host, of the measured trials that ended ok. A run that cannot be read has no row.
    The statement can neither write nor read any other file, reach a network nor load an extension. Raises UsageError
    for one that is wrong, StoreError where there is nothing to read.
    """
    for _ in range(_MOST_TRIES):
        found = _asked(results_dir, statement, on_step)
        if found is not None:
            return found
    raise StoreError(f"{results_dir}: runs are written all the time; ask again later")


def _asked(results_dir: Path, statement: str, on_step: Callable[[str], None]) -> Table | None:
    """Return what a statement answers; None where a file was replaced meanwhile, whose name then is another's."""
    entries = [entry for entry in read_catalogue(results_dir, on_step) if entry.is_readable]
    if not entries:
        raise StoreError(f"{results_dir}: there is no run that could be read; 'inv run smoke' makes one")
    with tempfile.TemporaryDirectory() as elsewhere, contextlib.ExitStack() as opened:
        files = open_trials(entries, results_dir, Path(elsewhere), opened, on_step)
        # Not by their names: another process may put other files in their places, and a name may be a pattern.
        names = {f"/proc/self/fd/{file.fileno()}": file.name for file in files}
        database = opened.enter_context(duckdb.connect(":memory:", config={"temp_directory": ""}))
        try:
            with _clear_errors(names):
                _make_views(database, list(names), entries)
                _lock(database, list(names))
                return _answer(database, statement)
        except (StoreError, UsageError):
            if all(os.fstat(file.fileno()).st_nlink for file in files):
                raise
    return None


def _make_views(database: duckdb.DuckDBPyConnection, names: Sequence[str], entries: Sequence[Entry]) -> None:
    listed = ", ".join(map(quoted, names))
    database.execute(f"CREATE VIEW trials AS SELECT * FROM read_parquet([{listed}], union_by_name = true)")  # noqa: S608 - our own names
    there = {name for (name, *_) in database.execute("DESCRIBE trials").fetchall()}
    levels = ", ".join(name for name in ("workload", *FACTORS) if name in there)
    facts = ", ".join(f'"{name}"' for name in FACTS)
    database.execute(_CASES.format(levels=levels, facts=facts))
    types = OF_RUN | {"host": "VARCHAR"} | {name: _TYPES[fact.kind] for name, fact in FACTS.items()}
    # One document: a row a statement takes a thousand times as long.
    rows = json.dumps([row for entry in entries for row in _rows(entry)])
    shape = json.dumps([types])
    database.execute(
        f"CREATE TABLE runs AS SELECT unnest(from_json(?::JSON, {quoted(shape)}), recursive := true)",
        [rows],
    )


def _rows(entry: Entry) -> Iterator[Mapping[str, Any]]:
    of_run = {name: getattr(entry, name) for name in OF_RUN if name not in ("ok", "folder")}
    of_run |= {"ok": entry.statuses.get("ok", 0), "folder": str(entry.folder)}
    for facts in entry.hosts:
        yield {**of_run, **facts, "tags": json.dumps(facts["tags"]) if facts["tags"] else None}


def _lock(database: duckdb.DuckDBPyConnection, names: Sequence[str]) -> None:
    """Let a connection read these files and no other, load nothing, and never change that again."""
    listed = ", ".join(map(quoted, names))
    for setting in (
        f"allowed_paths = [{listed}]",
        "enable_external_access = false",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "allow_community_extensions = false",
        "python_enable_replacements = false",
        "lock_configuration = true",
    ):
        database.execute(f"SET {setting}")


def _answer(database: duckdb.DuckDBPyConnection, text: str) -> Table:
    statements = database.extract_statements(text)
    if len(statements) != 1 or statements[0].type not in _READS:
        found = ", ".join(each.type.name for each in statements) or "nothing"
        raise UsageError(f"a query is one SELECT, found {found}; it reads trials, runs and cases, and changes nothing")
    result = database.execute(statements[0])
    return Table(tuple(name for name, *_ in result.description or ()), result.fetchall())


@contextlib.contextmanager
def _clear_errors(files: Mapping[str, str]) -> Iterator[None]:
    """Turn DuckDB's errors into a UsageError, or a StoreError where one is about one of these files."""
    try:
        yield
    except duckdb.Error as error:
        text = str(error).strip()
        # DuckDB names what a link leads to, or the link.
        damaged = next((name for path, name in files.items() if path in text or name in text), None)
        if damaged is not None:
            raise StoreError(f"{damaged}: cannot be read: {text}; remove it: it is made anew") from error
        raise UsageError(f"the query cannot be answered: {text}") from error
