"""Publishes runs on a machine: finds what is new, makes the index anew, and hands over what the site lacks."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from pageswap.errors import HostError, StoreError
from pageswap.fleet.onhost.site_places import INDEX
from pageswap.publish.index import index_of, index_text, read_index
from pageswap.publish.reports import reports_of
from pageswap.publish.site_files import File, file_of, kept_file, shared_files
from pageswap.publish.site_pages import SitePages
from pageswap.report.page.write import render as render_report
from pageswap.report.page.write import site_feed, site_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from pageswap.publish.destination import Destination
    from pageswap.publish.index import Entry
    from pageswap.publish.reports import Render, Reports

TITLE: Final = "Moving pages of virtual memory: measurements"
_ATTEMPTS: Final = 3
_LONGEST_TITLE: Final = 200


@dataclasses.dataclass(frozen=True)
class Published:
    """What publishing did: run ids by what became of them, and the bytes handed over.

    ``left_out`` holds runs that could not be published, with the reason; ``is_atomic`` is False where the file system
    cannot exchange two folders, so that for an instant there was no site.
    """

    where: str
    added: tuple[str, ...]
    updated: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]
    left_out: dict[str, str]
    sent_bytes: int
    is_atomic: bool


def publish(  # noqa: PLR0913 - what, where, and how
    runs: Sequence[Path],
    destination: Destination,
    *,
    title: str = "",
    prune: bool = False,
    comparisons: Sequence[Path] = (),
    render: Render = render_report,
    on_step: Callable[[str], None] = lambda _text: None,
) -> Published:
    """Have the site show `runs` (their folders), beside those it has; with `prune` instead of them.

    One that cannot be read now stays as the site has it.

    A report is rendered only when it is absent or older than its database, read and handed over only when the site has
    another one. ``comparisons`` are pages that `inv compare` wrote; those that the site has stay but for `prune`. Of
    several publishers at once none undoes another's work. Raises UsageError when the folder holds something else or a
    comparison is none, StoreError when none of the runs can be read, HostError when the place cannot be written.
    """
    wishes = _Wishes(runs, title, prune, comparisons, render, on_step)
    # First, so that a place that cannot be used is told before anything is rendered.
    seen = destination.look()
    for _ in range(_ATTEMPTS):
        hashes = seen.get("hashes") or {}
        files, outcome = _next_site(destination.name, wishes, seen.get("index") or "", hashes)
        if all(file.content is None for file in files) and {file.path for file in files} == hashes.keys():
            return outcome
        on_step(f"sending {outcome.sent_bytes / 1e6:.1f} MB to {destination.name}")
        answer = destination.put(files, hashes.get(INDEX, ""))
        if answer.get("done"):
            return dataclasses.replace(outcome, is_atomic=bool(answer.get("is_atomic")))
        on_step("somebody else published meanwhile; once more")
        seen = destination.look()
    raise HostError(f"{destination.name}: others keep publishing there; try again later")


@dataclasses.dataclass(frozen=True)
class _Wishes:
    """What `publish` was asked for."""

    runs: Sequence[Path]
    title: str
    prune: bool
    comparisons: Sequence[Path]
    render: Render
    on_step: Callable[[str], None]


def _next_site(where: str, wishes: _Wishes, text: str, hashes: Mapping[str, str]) -> tuple[list[File], Published]:
    """Return the files of the site as it is to be, by its index as it is, and what becomes of the runs."""
    old: dict[str, Any] = read_index(text, where) if text else {"title": "", "runs": [], "pages": []}
    listed = {entry["report"]: entry for entry in old["runs"]}
    reports = reports_of(wishes.runs, listed, hashes, wishes.render, wishes.on_step)
    if not reports.files:
        reasons = "; ".join(reports.left_out.values())
        raise StoreError(f"none of {len(wishes.runs)} runs can be published: {reasons}")
    # What the site lists and no longer has whole cannot be kept.
    kept = {
        place: entry
        for place, entry in listed.items()
        if place not in reports.files
        and (not wishes.prune or place in reports.named)
        and hashes.get(place) == entry["sha256"]
    }
    entries = [*kept.values(), *reports.entries.values()]
    pages = SitePages({page["path"]: page for page in old["pages"]}, hashes)
    pages.add_made(entries)
    pages.add_comparisons(wishes.comparisons, keep=not wishes.prune)
    index = index_of(entries, pages.listed, wishes.title[:_LONGEST_TITLE] or old["title"] or TITLE)
    files = _files(index, pages, kept, reports, hashes)
    return files, _outcome(where, listed, kept, reports, files)


def _files(
    index: Entry, pages: SitePages, kept: Mapping[str, Entry], reports: Reports, hashes: Mapping[str, str]
) -> list[File]:
    """Return all files of the site; of those that it has as they are nothing is sent."""
    made = [
        file_of("index.html", site_page(index["title"], index["runs"], index["pages"]).encode()),
        file_of(INDEX, index_text(index)),
        file_of("feed.xml", site_feed(index).encode()),
        file_of(".nojekyll", b""),
    ]
    shared = shared_files((each["path"] for each in index["shared"]), pages.shared | reports.shared, hashes)
    files = (
        *made,
        *pages.files,
        *shared,
        *(kept_file(place, entry["sha256"]) for place, entry in kept.items()),
        *reports.files.values(),
    )
    return [file.kept() if hashes.get(file.path) == file.sha256 else file for file in files]


def _outcome(
    where: str, listed: Mapping[str, Entry], kept: Mapping[str, Entry], reports: Reports, files: Sequence[File]
) -> Published:
    before = {place: entry["sha256"] for place, entry in listed.items()}
    after = {place: file.sha256 for place, file in reports.files.items()}
    return Published(
        where=where,
        added=_ids(place for place in after if place not in before),
        updated=_ids(place for place in after if before.get(place, after[place]) != after[place]),
        unchanged=_ids([*kept, *(place for place in after if before.get(place) == after[place])]),
        removed=_ids(place for place in before if place not in after and place not in kept),
        left_out=reports.left_out,
        sent_bytes=sum(file.size_bytes for file in files),
        is_atomic=True,
    )


def _ids(places: Iterable[str]) -> tuple[str, ...]:
    return tuple(place.split("/")[2] for place in places)
