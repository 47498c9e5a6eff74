"""What is printed of many runs: the catalogue, and what a query has answered."""

from __future__ import annotations

import csv
import datetime as dt
import decimal
import math
import sys
from typing import TYPE_CHECKING, Any, Final

from pageswap.catalogue.catalogue import read_catalogue
from pageswap.catalogue.entry import COMPLETE
from pageswap.console.exits import tell
from pageswap.console.output import print_json, say, say_rest, show_table
from pageswap.text.cells import csv_cell
from pageswap.text.words import clipped, first_few

if TYPE_CHECKING:
    from pathlib import Path

    from pageswap.catalogue.entry import Entry, Wanted
    from pageswap.catalogue.query import Table

FORMATS: Final = ("text", "csv", "json")
_HEADINGS: Final = ("run", "experiment", "host", "CPU", "kernel", "trials", "", "tags and note")
_HOSTS_NAMED: Final = 2
_LONGEST: Final = 60
_ROWS_SHOWN: Final = 1_000


def list_runs(results_dir: Path, wanted: Wanted, *, as_json: bool) -> None:
    """Print a line for each folder of results that is wanted, the newest run first."""
    entries = [entry for entry in reversed(read_catalogue(results_dir, tell)) if wanted.fits(entry)]
    if as_json:
        print_json([{"folder": str(entry.folder), **entry.to_json()} for entry in entries])
        return
    if not entries:
        say(f"no run in {results_dir} is such a one")
        return
    show_table(_HEADINGS, map(_cells, entries), frozenset({"trials"}))


def _cells(entry: Entry) -> tuple[str, ...]:
    hosts = [str(facts["host"]) for facts in entry.hosts]
    cpus, kernels = (
        {str(facts[name]): None for facts in entry.hosts if facts[name]} for name in ("cpu_model", "kernel")
    )
    said = [f"{key}={value}" for key, value in entry.tags.items()] + ([entry.note] if entry.note else [])
    return (
        entry.folder.name,  # what commands take: a run may be copied and moved
        entry.experiment,
        first_few(hosts, _HOSTS_NAMED, "host") if hosts else "",
        first_few(list(cpus), 1) if cpus else "",
        first_few(list(kernels), _HOSTS_NAMED) if kernels else "",
        f"{entry.trials:,}" if entry.is_readable else "",
        _state(entry),
        clipped(", ".join(said), _LONGEST),
    )


def _state(entry: Entry) -> str:
    if entry.problem:
        return f"{entry.state}: {entry.problem}"
    otherwise = {status: count for status, count in entry.statuses.items() if status != "ok"}
    parts = [f"{entry.missing:,} to run"] if entry.missing else []
    parts += [f"{count:,} {status}" for status, count in otherwise.items()]
    state = [] if entry.state == COMPLETE else [entry.state]
    return "; ".join([*state, ", ".join(parts)] if parts else state)


def tell_answer(table: Table, form: str) -> None:
    """Print what a query has answered: as a table for a person, or all of it as CSV or one JSON array."""
    if form == "json":
        print_json([dict(zip(table.columns, map(_plain, row), strict=True)) for row in table.rows])
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(table.columns)
        writer.writerows([_cell(_plain(value)) for value in row] for row in table.rows)
    else:
        rows = ([_text(value) for value in row] for row in table.rows[:_ROWS_SHOWN])
        numbers = {
            name
            for place, name in enumerate(table.columns)
            if any(isinstance(row[place], int | float) for row in table.rows[:_ROWS_SHOWN])
        }
        show_table(table.columns, rows, frozenset(numbers))
        say_rest(len(table.rows), _ROWS_SHOWN, "rows; --format csv has all")


def _cell(value: object) -> object:
    return csv_cell(value) if isinstance(value, str) else value


def _plain(value: Any) -> Any:  # noqa: ANN401 - any of DuckDB's values
    """Return a value as JSON has it; a number that is none is null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(part) for part in value]
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"  # noqa: PLR2004 - from there on no digit is lost
    return str(value)
