"""The folders of results: which there are, and what tells one that has been written since from one that has not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from pageswap.errors import StoreError
from pageswap.store.schema import DATABASE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Found(NamedTuple):
    """A folder below results, named EXPERIMENT/RUN_ID; `stamp` is another one when its run has been written meanwhile.

    It is "" where there is no run.
    """

    folder: Path
    name: str
    stamp: str


def found_folders(results_dir: Path) -> list[Found]:
    """Return every folder that is where a run would be, in the order of their names; raises StoreError.

    What begins with a dot is left out, and so is a file. A folder that holds no other is there, too, by its own name.
    """
    try:
        return [found for experiment in sorted(_folders_in(results_dir)) for found in _runs_of(results_dir, experiment)]
    except OSError as error:
        raise StoreError(
            f"{results_dir}: cannot be listed: {error.strerror}; check that it is a folder, and its permissions"
        ) from error


def stamp_of(folder: Path) -> str:
    """Return a run's stamp as it is now: the size and the time of its database."""
    try:
        found = os.stat(os.path.join(folder, DATABASE))  # noqa: PTH116, PTH118 - of thousands, and paths are slow
    except OSError:
        return ""
    return f"{found.st_size}-{found.st_mtime_ns}"


def _runs_of(results_dir: Path, experiment: str) -> Iterator[Found]:
    folder = results_dir / experiment
    try:
        names = sorted(_folders_in(folder))
        is_empty = not names and not any(folder.iterdir())
    except OSError:
        # What is not ours to read is a line.
        names, is_empty = [], False
    for name in names:
        yield Found(folder / name, f"{experiment}/{name}", stamp_of(folder / name))
    if not names and not is_empty:
        yield Found(folder, experiment, stamp_of(folder))


def _folders_in(folder: Path) -> list[str]:
    if not folder.exists():
        return []
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
