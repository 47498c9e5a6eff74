"""A run's trials as columns in one file beside its store, with its entry: made when a run ends, read with many others.

It is Parquet, of the columns of an export. Its footer has a JSON document under the name of pageswap, which is found
there without a reader of Parquet.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import IO, TYPE_CHECKING, Any, Final

from pageswap.catalogue.entry import Entry
from pageswap.catalogue.folders import stamp_of
from pageswap.catalogue.index import FORMAT
from pageswap.errors import StoreError
from pageswap.files import replacing
from pageswap.store.schema import DATABASE
from pageswap.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pageswap.catalogue.folders import Found

COLUMNS: Final = "columns.parquet"
# How the document begins, so that it is found.
_BEGIN: Final = b'{"pageswap": '
_MAGIC: Final = b"PAR1"
_END_BYTES: Final = 8
_MOST_BYTES: Final = 64 << 20


def told(document: dict[str, Any]) -> str:
    """Return the text for a file's footer: a document, and what must be as it was for it to be read."""
    return json.dumps({"pageswap": FORMAT, **document})


def footer_of(file: IO[bytes]) -> dict[str, Any]:
    """Return the document of an open file's footer; nothing where it is not ours, another version's or damaged."""
    try:
        size = os.fstat(file.fileno()).st_size
        end = os.pread(file.fileno(), _END_BYTES, max(0, size - _END_BYTES))
        footer_bytes = int.from_bytes(end[:4], "little")
        if end[4:] != _MAGIC or not 0 < footer_bytes < min(size, _MOST_BYTES):
            return {}
        footer = os.pread(file.fileno(), footer_bytes, size - _END_BYTES - footer_bytes)
        begin = footer.find(_BEGIN)
        document, _ = json.JSONDecoder().raw_decode(footer[max(0, begin) :].decode("utf-8", "replace"))
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) and document.get("pageswap") == FORMAT else {}


def kept_entries(runs: Iterable[Found]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the stamp and the entry of each run whose columns are those of its store as it is now, by its name."""
    found = {}
    for run in runs:
        document = _footer_at(run.folder / COLUMNS)
        if document and document.get("stamp") == run.stamp:
            found[run.name] = run.stamp, document["entry"]
    return found


def have_columns(folder: Path, stamp: str, elsewhere: Path) -> Path | None:
    """Return the file with a run's columns as of `stamp`, made anew where there is none; None where it cannot be read.

    It is made in `elsewhere` where the run's folder takes none.
    """
    path = folder / COLUMNS
    if _footer_at(path).get("stamp") == stamp:
        return path
    try:
        with Store.open(folder / DATABASE, to_read=True) as store:
            with contextlib.suppress(StoreError):
                return write_columns(store, path)
            return write_columns(store, elsewhere / f"{folder.parent.name}.{folder.name}.parquet")
    except StoreError:
        return None


def keep_columns(store: Store) -> None:
    """Write the columns of a run beside its store, for whoever goes over many runs; a full disk keeps none."""
    with contextlib.suppress(StoreError):
        write_columns(store, store.path.with_name(COLUMNS))


def write_columns(store: Store, path: Path) -> Path:
    """Write the columns of a run into a file and return its path; raises StoreError."""
    # Only here: pandas takes a third of a second to import, and a list of runs needs none.
    import duckdb

    from pageswap.analysis.export import trials_table, write_parquet

    # Before anything is read: what is written meanwhile is then seen to be missing.
    stamp = stamp_of(store.path.parent)
    document = {"stamp": stamp, "entry": Entry.of(store).to_json()}
    try:
        with replacing(path) as file:
            write_parquet(trials_table(store), file, told(document))
    except duckdb.Error as error:
        raise StoreError(f"{path}: cannot be written: {error}; free space, check permissions") from error
    return path


def _footer_at(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return footer_of(file)
    except OSError:
        return {}
