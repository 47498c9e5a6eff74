"""Times `runs` of 1,000 runs, `query` over 2,000 and `report` of a million trials; each at a tenth of that, too.

Each is the whole command, from the start of Python on. Lists and queries are timed twice: the first reads the runs or
puts them together, as after an update of pageswap, the second finds that done.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Final

import runs
from clock import timed

from pageswap.store.checksums import column_names, store_checksums
from pageswap.store.schema import DATABASE
from tests.stored_run import store_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LISTED_RUNS: Final = 1_000
# Of 88 trials each, less one.
ASKED_RUNS: Final = 2_000
# Of so many trials, as half of the cases are the baseline's and are measured twice.
_TRIALS: Final = 150
REPORT_BLOCKS: Final = 6_670
_EXPERIMENTS: Final = 4
_CPUS: Final = 5
_KERNELS: Final = 8
_BLOCKS: Final = 21

_COPIES: Final = 10
# What is another one in each copy of a trial.
_ID: Final = "'copy' || :copy || '.' || trial_id"
_OF_COPY: Final = {
    "trial": {
        "ordinal": f"ordinal + :copy * :blocks * {_TRIALS}",
        "block": "block + :copy * :blocks",
        "trial_id": _ID,
    },
    "outcome": {"trial_id": _ID},
}

# What only developing installs makes pandas keep texts otherwise.
COMMAND: Final = """
import sys; sys.modules["pyarrow"] = None; from pathlib import Path; import tasks; from pageswap.console import start
tasks.RESULTS = Path(sys.argv[1]); raise SystemExit(start.run(sys.argv[2:]))
"""
MEDIANS: Final = "SELECT cpu_model, kernel, method, median(ns_per_op), count(*) FROM cases GROUP BY ALL ORDER BY ALL"


def lists(folder: Path, count: int) -> Iterator[str]:
    """Give the time of a list of ``count`` runs."""
    made = _results(folder, count)
    for state in ("not known yet", "indexed"):
        yield "runs, {:,} runs, {}: {:.2f} s, {:.0f} MiB".format(count, state, *timed(COMMAND, str(made), "runs"))


def queries(folder: Path, count: int) -> Iterator[str]:
    """Give the time of medians by CPU and kernel over ``count`` runs."""
    made = _results(folder, count)
    for state in ("not known yet", "put together"):
        figures = timed(COMMAND, str(made), "query", MEDIANS)
        yield "query, {:,} runs, {}: {:.2f} s, {:.0f} MiB".format(count, state, *figures)


def reports(folder: Path, blocks: int) -> Iterator[str]:
    """Give the time of a report of a run of 100 cases in so many blocks."""
    run = folder / "results" / "bench" / runs.RUN_ID
    run.mkdir(parents=True)
    runs.write_run(run, repeats=blocks // _COPIES)
    _repeat(run / DATABASE, blocks // _COPIES)
    figures = timed(COMMAND, str(folder / "results"), "report", str(run))
    yield "report, {:,} trials: {:.1f} s, {:,.0f} MiB".format(blocks * _TRIALS, *figures)


def _repeat(database: Path, blocks: int) -> None:
    """Let a stored run have its blocks ten times over: storing them one by one takes minutes."""
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        for table, changes in _OF_COPY.items():
            names = column_names(connection, table)
            columns = ", ".join(changes.get(name, name) for name in names)
            copy = f"INSERT INTO {table} SELECT {columns} FROM {table} WHERE trial_id NOT LIKE 'copy%'"  # noqa: S608 - our own names
            connection.executemany(copy, ({"copy": number, "blocks": blocks} for number in range(1, _COPIES)))
        store_checksums(connection)


def _results(folder: Path, count: int) -> Path:
    """Store so many runs of four experiments on hosts of five processors and eight kernels."""
    for number in range(1, count + 1):
        host = {"cpu_model": f"CPU {number % _CPUS}", "kernel": f"6.{number % _KERNELS}.0"}
        name = f"demo{number % _EXPERIMENTS}"
        store_run(folder / "results", number, name=name, blocks=_BLOCKS, environment=host)
    return folder / "results"
