"""The record of each stored run, kept beside its database and made anew when that has changed."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, Final

from pageswap.errors import StoreError
from pageswap.files import replacing
from pageswap.history.run_record import Record, problem_of, record_of
from pageswap.store.schema import DATABASE
from pageswap.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from pageswap.analysis.summary import HostsSummary
    from pageswap.answers.record import Answer

# 1: the first.
_FORMAT: Final = 1
_NAME: Final = "record.json"
_MOST_BYTES: Final = 16 << 20


def record_of_run(folder: Path) -> Record:
    """Return the record of the run in a folder: the one that is kept there, else a new one; raises StoreError."""
    kept = _kept(folder)
    if kept is not None:
        return kept
    # Only here: what makes a record loads pandas and reads every trial.
    from pageswap.analysis.findings import findings
    from pageswap.analysis.summary import summarise
    from pageswap.answers.build import build_answer

    with Store.open(folder / DATABASE) as store:
        if not store.outcome_count():
            raise StoreError(
                f"{folder.name}: nothing was measured yet; `inv resume --run {folder.name}` goes on with it"
            )
        summary = summarise(store)
        return keep(store, summary, build_answer(summary, findings(summary), store.environments()))


def keep(store: Store, summary: HostsSummary, answer: Answer) -> Record:
    """Make a run's record of what was found in it, and keep it beside the database; a full disk keeps nothing."""
    from pageswap.analysis.explanations.contests import contests
    from pageswap.answers.fastest import movers

    folder, stamp = store.path.parent, stamp_of(store.path)
    held = contests(summary, movers(summary))
    record = record_of(summary, answer, held, store.meta(), store.environments())
    with contextlib.suppress(StoreError), replacing(folder / _NAME) as file:
        file.write(json.dumps({"format": _FORMAT, "of": stamp, "record": record}).encode() + b"\n")
    return record


def stamp_of(path: Path) -> str:
    """Return what is another one when a file has been written meanwhile: its size and its time; "" without a file."""
    try:
        found = path.stat()
    except OSError:
        return ""
    return f"{found.st_size}-{found.st_mtime_ns}"


def _kept(folder: Path) -> dict[str, Any] | None:
    """Return the record that is kept of the database as it is now, None where there is none or it is no record."""
    path = folder / _NAME
    try:
        document = json.loads(path.read_bytes()) if path.stat().st_size <= _MOST_BYTES else {}
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        return None
    record, stamp = document.get("record"), stamp_of(folder / DATABASE)
    return record if stamp and document.get("of") == stamp and not problem_of(record) else None
