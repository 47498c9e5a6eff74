"""Publishes runs on a machine: finds what is new, makes the index anew, and hands over what the site lacks."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from pageswap.agent.journal.line_fields import utc_now
from pageswap.errors import HostError, StoreError, UsageError
from pageswap.fleet.onhost.site import INDEX
from pageswap.publish.index import entry_of, index_of, read_index, report_path
from pageswap.report.page.write import render as render_report
from pageswap.report.page.write import site_feed, site_page
from pageswap.store.schema import DATABASE, REPORT
from pageswap.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pageswap.fleet.target import Target

TITLE: Final = "Moving pages of virtual memory: measurements"
_ATTEMPTS: Final = 3
_LONGEST_TITLE: Final = 200
_CHUNK_BYTES: Final = 1 << 20
_MOST_ANSWER_BYTES: Final = 128 << 20


@dataclasses.dataclass(frozen=True)
class File:
    """A file of the site: its path below it, what it holds (None: what is there is kept), and its SHA-256."""

    path: str
    content: bytes | Path | None
    sha256: str

    @property
    def size_bytes(self) -> int:
        """How much of it is to be sent."""
        if self.content is None:
            return 0
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


class Destination:
    """A folder that holds a site, or will; the machine needs Python and nothing else."""

    def __init__(self, target: Target, path: str) -> None:
        """Take the machine and the path there, which begins at another machine's home unless it is absolute."""
        is_here = target.transport.is_here
        self.name = path if is_here else f"{target.name}:{path}"
        self._path = str(Path(path).expanduser().absolute()) if is_here else path
        self._ask = functools.partial(target.ask, "site", most_bytes=_MOST_ANSWER_BYTES)

    def look(self) -> dict[str, Any]:
        """Say what is there, as `onhost.site.look` does; raises UsageError where that is no site, and HostError."""
        seen: dict[str, Any] = self._ask({"verb": "look", "path": self._path})
        if seen.get("state") == "other":
            raise UsageError(f"--to {self.name}: holds other files and no site; give a new or an empty folder")
        if not (isinstance(seen.get("index"), str | None) and isinstance(seen.get("hashes"), dict | None)):
            raise HostError(f"{self.name}: what it answers tells nothing of a site; look at who runs the host")
        return seen

    def put(self, files: Sequence[File], seen: str) -> dict[str, Any]:
        """Make the site consist of `files`, if its index still has the SHA-256 `seen`, as `onhost.site.put` does."""
        listed = [
            {"path": file.path, "size": file.size_bytes, "sha256": file.sha256, "kept": file.content is None}
            for file in files
        ]
        return self._ask({"verb": "put", "path": self._path, "files": listed, "seen": seen}, _chunks(files))


def split(text: str) -> tuple[str, str]:
    """Cut `--to` into host and path as scp does: a colon before the first slash ends a host's name; "" is this one."""
    if not text:
        raise UsageError("--to is missing: give DIR, or HOST:DIR")
    head, colon, path = text.partition(":")
    if not colon or "/" in head:
        return "", text
    if not head or not path:
        raise UsageError(
            f"--to {text}: expected DIR or HOST:DIR; write './{text}' for a folder with a colon in its name"
        )
    return head, path


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
    render: Callable[[Store, Path], Path] = render_report,
    on_step: Callable[[str], None] = lambda _text: None,
) -> Published:
    """Have the site show `runs` (their folders), beside those it has; with `prune` instead of them.

    One that cannot be read now stays as the site has it.

    A report is rendered only when it is absent or older than its database, summarised and handed over only when the
    site has another one. Of several publishers at once none undoes another's work. Raises UsageError when the folder
    holds something else, StoreError when none of the runs can be read, HostError when the place cannot be written.
    """
    # First, so that a place that cannot be used is told before anything is rendered.
    seen = destination.look()
    reports, left_out, named = _reports(runs, render, on_step)
    if not reports:
        raise StoreError(f"none of {len(runs)} runs can be published: {'; '.join(left_out.values())}")
    for _ in range(_ATTEMPTS):
        text = seen.get("index") or ""
        old: dict[str, Any] = read_index(text, destination.name) if text else {"title": "", "runs": []}
        hashes = seen.get("hashes") or {}
        listed = {entry["report"]: entry for entry in old["runs"]}
        # What the site lists and no longer has whole cannot be kept.
        kept = {
            place: entry
            for place, entry in listed.items()
            if place not in reports and (not prune or place in named) and hashes.get(place) == entry["sha256"]
        }
        entries = [*kept.values(), *(_entry(each, listed.get(each.path), on_step) for each in reports.values())]
        index = index_of(entries, title[:_LONGEST_TITLE] or old["title"] or TITLE)
        files = [*_pages(index), *(File(place, None, entry["sha256"]) for place, entry in kept.items())]
        files = [
            dataclasses.replace(file, content=None) if hashes.get(file.path) == file.sha256 else file
            for file in (*files, *reports.values())
        ]
        before = {place: entry["sha256"] for place, entry in listed.items()}
        after = {place: report.sha256 for place, report in reports.items()}
        outcome = Published(
            where=destination.name,
            added=_ids(place for place in after if place not in before),
            updated=_ids(place for place in after if before.get(place, after[place]) != after[place]),
            unchanged=_ids([*kept, *(place for place in after if before.get(place) == after[place])]),
            removed=_ids(place for place in before if place not in after and place not in kept),
            left_out=left_out,
            sent_bytes=sum(file.size_bytes for file in files),
            is_atomic=True,
        )
        if all(file.content is None for file in files) and {file.path for file in files} == hashes.keys():
            return outcome
        on_step(f"sending {outcome.sent_bytes / 1e6:.1f} MB to {destination.name}")
        answer = destination.put(files, hashes.get(INDEX, ""))
        if answer.get("done"):
            return dataclasses.replace(outcome, is_atomic=bool(answer.get("is_atomic")))
        on_step("somebody else published meanwhile; once more")
        seen = destination.look()
    raise HostError(f"{destination.name}: others keep publishing there; try again later")


def _entry(report: File, listed: dict[str, Any] | None, on_step: Callable[[str], None]) -> dict[str, Any]:
    """Return what the index says of a run: the same as before where its report is."""
    if listed is not None and listed["sha256"] == report.sha256:
        return listed
    folder = cast("Path", report.content).parent
    on_step(f"summarising {folder.name}")
    with Store.open(folder / DATABASE) as store:
        return entry_of(store, report.path, size_bytes=report.size_bytes, sha256=report.sha256, updated=utc_now())


def _pages(index: dict[str, Any]) -> list[File]:
    """Make what the site shows of its index, for readers and for machines."""
    made = {
        "index.html": site_page(index["title"], index["runs"]).encode(),
        # Of letters that come back as they are from any host.
        INDEX: json.dumps(index, indent=1).encode() + b"\n",
        "feed.xml": site_feed(index).encode(),
        ".nojekyll": b"",
    }
    return [File(path, content, hashlib.sha256(content).hexdigest()) for path, content in made.items()]


def _ids(places: Iterable[str]) -> tuple[str, ...]:
    return tuple(place.split("/")[2] for place in places)


def _reports(
    runs: Sequence[Path], render: Callable[[Store, Path], Path], on_step: Callable[[str], None]
) -> tuple[dict[str, File], dict[str, str], set[str]]:
    """Return an up-to-date report of each run by its place on the site, why others have none, and all their places."""
    found: dict[str, File] = {}
    left_out: dict[str, str] = {}
    named: set[str] = set()
    for folder in runs:
        try:
            place = report_path(folder.parent.name, folder.name)
            named.add(place)
            path = _rendered(folder, render, on_step)
            found[place] = File(place, path, hashlib.sha256(path.read_bytes()).hexdigest())
        except StoreError as error:
            left_out[folder.name] = str(error)
    return found, left_out, named


def _rendered(folder: Path, render: Callable[[Store, Path], Path], on_step: Callable[[str], None]) -> Path:
    path = folder / REPORT
    database = folder / DATABASE
    with Store.open(database) as store:
        if not store.outcome_count():
            raise StoreError(
                f"{folder.name}: nothing was measured yet; `inv resume --run {folder.name}` goes on with it"
            )
        if not path.is_file() or path.stat().st_mtime_ns < database.stat().st_mtime_ns:
            on_step(f"rendering {folder.name}")
            render(store, path)
    return path


def _chunks(files: Sequence[File]) -> Iterator[bytes]:
    for file in files:
        if isinstance(file.content, bytes):
            yield file.content
        elif file.content is not None:
            with file.content.open("rb") as opened:
                while chunk := opened.read(_CHUNK_BYTES):
                    yield chunk
