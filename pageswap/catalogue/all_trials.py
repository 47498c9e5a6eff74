"""The trials of all runs as few files of columns: one of most runs, and those of the runs that came since."""

from __future__ import annotations

import contextlib
import glob
from typing import IO, TYPE_CHECKING, Final

import duckdb

from pageswap.analysis.copy_words import quoted, told_of_file
from pageswap.catalogue.entry import COMPLETE
from pageswap.catalogue.index import FOLDER
from pageswap.catalogue.run_columns import footer_of, have_columns, told
from pageswap.errors import StoreError
from pageswap.files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pageswap.catalogue.entry import Entry

_NAME: Final = "trials.parquet"
# So many runs are read each from its own file before all are put together anew.
_MOST_APART: Final = 32
_MANY: Final = 100
# The readers of many files at once take half a megabyte each.
_AT_ONCE: Final = 200


def open_trials(
    entries: Sequence[Entry],
    results_dir: Path,
    elsewhere: Path,
    opened: contextlib.ExitStack,
    on_step: Callable[[str], None],
) -> list[IO[bytes]]:
    """Open the files that hold the trials of all `entries`, each once, and nothing else.

    What is put together is kept in the index, or in `elsewhere` where that cannot be written. A file that another
    process replaces meanwhile stays as it is while it is open. What became unreadable meanwhile is left out.
    """
    stamps = {str(entry.folder): entry.stamp for entry in entries}
    settled = {str(entry.folder) for entry in entries if entry.state == COMPLETE}
    whole = results_dir / FOLDER / _NAME
    file, runs = _whole(whole, opened)
    is_current = runs.items() <= {folder: stamps[folder] for folder in settled}.items()
    if not is_current or len(settled - runs.keys()) > _MOST_APART:
        apart = [entry for entry in entries if str(entry.folder) in settled]
        if len(apart) >= _MANY:
            on_step(f"putting the trials of {len(apart):,} runs together")
        whole = _put_together(apart, whole, elsewhere)
        file, runs = _whole(whole, opened)
    files = [] if file is None else [file]
    for entry in entries:
        if str(entry.folder) not in runs:
            path = have_columns(entry.folder, entry.stamp, elsewhere)
            if path is not None:
                files.append(opened.enter_context(path.open("rb")))
    return files


def _whole(path: Path, opened: contextlib.ExitStack) -> tuple[IO[bytes] | None, dict[str, str]]:
    """Open the file of most runs; return it and the stamps of its runs, None and none where it is not there."""
    try:
        file = opened.enter_context(path.open("rb"))
    except OSError:
        return None, {}
    runs = footer_of(file).get("runs")
    return (file, runs) if runs else (None, {})


def _put_together(entries: Sequence[Entry], whole: Path, elsewhere: Path) -> Path:
    """Write one file of the columns of these runs; return its path."""
    found = [(entry, have_columns(entry.folder, entry.stamp, elsewhere)) for entry in entries]
    parts = [(entry, path) for entry, path in found if path is not None]
    if not parts:
        return elsewhere / _NAME
    document = told({"runs": {str(entry.folder): entry.stamp for entry, _ in parts}})
    try:
        with duckdb.connect(":memory:") as database:
            paths = [path for _, path in parts]
            batches = []
            for start in range(0, len(paths), _AT_ONCE):
                batches.append(elsewhere / f"batch{start}.parquet")
                _copy(database, paths[start : start + _AT_ONCE], batches[-1])
            for path in (whole, elsewhere / _NAME):
                with contextlib.suppress(StoreError, OSError):
                    path.parent.mkdir(exist_ok=True)
                    with replacing(path) as file:
                        _copy(database, batches, file.name, told_of_file(document))
                    return path
    except duckdb.Error as error:
        _throw_away(error, [path for _, path in parts])
    raise StoreError(f"{whole}: cannot be written, and neither can {elsewhere}; free space, check permissions")


def _copy(database: duckdb.DuckDBPyConnection, paths: Sequence[Path], out: Path | str, option: str = "") -> None:
    """Write the rows of all these files into one."""
    # What stands for a pattern in a name is meant as it is.
    names = ", ".join(quoted(glob.escape(str(path))) for path in paths)
    every = f"SELECT * FROM read_parquet([{names}], union_by_name = true)"  # noqa: S608 - our own names, quoted
    database.execute(f"COPY ({every}) TO {quoted(str(out))} (FORMAT parquet, USE_TMP_FILE false{option})")


def _throw_away(error: duckdb.Error, paths: Sequence[Path]) -> None:
    """Remove the files that cannot be read, which are made anew when they are needed; raises StoreError."""
    damaged = []
    with duckdb.connect(":memory:") as database:
        for path in paths:
            try:
                database.execute(f"SELECT max(COLUMNS(*)) FROM read_parquet({quoted(glob.escape(str(path)))})")  # noqa: S608 - likewise
                database.fetchall()
            except duckdb.Error:
                damaged.append(path)
                path.unlink(missing_ok=True)
    if damaged:
        told = f"{damaged[0]}: was damaged and is removed, with {len(damaged) - 1} more; it is made anew: ask again"
        raise StoreError(told) from error
