"""The catalogue of stored runs, read from their stores through an index that can be thrown away."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, Final

from pageswap.catalogue.entry import DAMAGED, FOREIGN, RUNNING, Entry
from pageswap.catalogue.folders import found_folders
from pageswap.catalogue.index import read_index, write_index
from pageswap.catalogue.run_columns import kept_entries
from pageswap.errors import StoreError
from pageswap.store.database import is_held
from pageswap.store.schema import DATABASE
from pageswap.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pageswap.catalogue.folders import Found

RUN_ID: Final = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
# From so many on, whoever waits is told.
_MANY: Final = 100

_BEFORE_ITS_PLAN: Final = "was killed before its plan was stored; nothing was measured, so remove the folder"
_NO_RUN: Final = "has no run.sqlite; move what is no run elsewhere"


def read_catalogue(results_dir: Path, on_step: Callable[[str], None] = lambda _text: None) -> list[Entry]:
    """Return an entry for each folder of `results_dir`/EXPERIMENT/RUN_ID, the oldest run first.

    ``on_step`` is told when many runs have to be read anew. Nothing that lies in those folders is an error; raises
    StoreError where `results_dir` itself cannot be listed.
    """
    folders = found_folders(results_dir)
    known = read_index(results_dir)
    there = {found.name: found for found in folders if found.stamp}
    fresh = {name: of for name, of in known.items() if name in there and of["stamp"] == there[name].stamp}
    new = [found for name, found in there.items() if name not in fresh]
    if new:
        fresh |= _read_anew(new, on_step)
    if fresh != known:
        write_index(results_dir, fresh)
    entries = [_entry(found, fresh.get(found.name)) for found in folders]
    return sorted(entries, key=lambda entry: (entry.created_at or entry.run_id, entry.run_id))


def _read_anew(new: list[Found], on_step: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """Return what the index is to have of runs that it has not: from the file beside each, else from its store."""
    kept = kept_entries(new)
    rest = [found for found in new if found.name not in kept]
    if len(rest) >= _MANY:
        on_step(f"reading {len(rest):,} runs that the catalogue does not know yet")
    return {name: {"stamp": stamp, "entry": entry} for name, (stamp, entry) in kept.items()} | {
        found.name: {"stamp": found.stamp, "entry": read_entry(found.folder).to_json()} for found in rest
    }


def read_entry(folder: Path) -> Entry:
    """Read a run's entry from its store; a damaged one is an entry, too."""
    try:
        with Store.open(folder / DATABASE, to_read=True) as store:
            return Entry.of(store)
    except StoreError as error:
        return _problem(folder, DAMAGED, str(error).removeprefix(f"{folder / DATABASE}: "))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # A store of our own kind whose documents another program wrote.
        return _problem(folder, DAMAGED, f"holds what no pageswap writes: {type(error).__name__}: {error}")


def _entry(found: Found, known: dict[str, Any] | None) -> Entry:
    """Return a folder's entry, by what the index has of it or by its name."""
    if known is not None:
        entry = Entry.from_json(found, known["entry"])
        # Not kept: nothing is written when a controller ends.
        return dataclasses.replace(entry, state=RUNNING) if entry.missing and is_held(found.folder) else entry
    if RUN_ID.fullmatch(found.folder.name):
        if is_held(found.folder):
            return _problem(found.folder, RUNNING, "")
        return _problem(found.folder, DAMAGED, _BEFORE_ITS_PLAN)
    return _problem(found.folder, FOREIGN, _NO_RUN)


def _problem(folder: Path, state: str, text: str) -> Entry:
    return Entry(folder=folder, run_id=folder.name, experiment=folder.parent.name, state=state, problem=text)
