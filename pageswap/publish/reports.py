"""The report and the record of each run that is to be published, made anew only where they are older than the run."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING

from pageswap.agent.journal.line_fields import utc_now
from pageswap.errors import StoreError
from pageswap.history.kept_records import record_of_run, stamp_of
from pageswap.publish.index import entry_of, report_path
from pageswap.publish.site_files import File, is_whole, kept_file, linked
from pageswap.store.schema import DATABASE, REPORT
from pageswap.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pageswap.publish.index import Entry

    Render = Callable[[Store, Path], Path]
    Told = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Reports:
    """The reports as files of the site, and what the index says of their runs, both by the reports' places.

    ``left_out`` says by run id why others have none, ``named`` are the places of all, ``shared`` is what the reports
    share by its path.
    """

    files: dict[str, File]
    entries: dict[str, Entry]
    left_out: dict[str, str]
    named: set[str]
    shared: dict[str, bytes]


def reports_of(
    runs: Sequence[Path], listed: Mapping[str, Entry], hashes: Mapping[str, str], render: Render, on_step: Told
) -> Reports:
    """Return an up-to-date report of each run; one that the site has of the same file is not even read.

    ``listed`` are the site's entries by the places of their reports, ``hashes`` the SHA-256 of its files.
    """
    found = Reports({}, {}, {}, set(), {})
    for folder in runs:
        try:
            place = report_path(folder.parent.name, folder.name)
            found.named.add(place)
            entry = listed.get(place)
            if not entry or not _is_there(folder, entry, hashes):
                path = _rendered(folder, render, on_step)
                page, own = linked(path.read_bytes(), place)
                file = File(place, path, len(page), hashlib.sha256(page).hexdigest())
                entry = _entry(folder, file, entry, sorted(own))
                found.shared.update(own)
            else:
                file = kept_file(place, entry["sha256"])
            found.files[place], found.entries[place] = file, entry
        except StoreError as error:
            found.left_out[folder.name] = str(error)
    return found


def _entry(folder: Path, file: File, old: Entry | None, uses: list[str]) -> Entry:
    """Return what the index says of a run: the same as before where its report is, unless a first format lacks most."""
    stamp = stamp_of(folder / REPORT)
    if old and old["version"] and old["sha256"] == file.sha256:
        return {**old, "stamp": stamp}
    return entry_of(
        record_of_run(folder),
        updated=utc_now(),
        report=file.path,
        bytes=file.size_bytes,
        sha256=file.sha256,
        stamp=stamp,
        uses=uses,
    )


def _is_there(folder: Path, entry: Entry, hashes: Mapping[str, str]) -> bool:
    """Tell whether the site has the report of this run as it is now, with all that it shares."""
    is_same = bool(entry["stamp"]) and entry["stamp"] == stamp_of(folder / REPORT) and _is_current(folder)
    return (
        is_same
        and hashes.get(entry["report"]) == entry["sha256"]
        and all(is_whole(path, hashes) for path in entry["uses"])
    )


def _is_current(folder: Path) -> bool:
    """Tell whether a run's report is not older than its database."""
    try:
        return (folder / REPORT).stat().st_mtime_ns >= (folder / DATABASE).stat().st_mtime_ns
    except OSError:
        return False


def _rendered(folder: Path, render: Render, on_step: Told) -> Path:
    path = folder / REPORT
    if not _is_current(folder):
        with Store.open(folder / DATABASE) as store:
            if not store.outcome_count():
                raise StoreError(
                    f"{folder.name}: nothing was measured yet; `inv resume --run {folder.name}` goes on with it"
                )
            on_step(f"rendering {folder.name}")
            render(store, path)
    return path
