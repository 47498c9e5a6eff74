"""The pages of a site about many runs: a history of each experiment, the atlas, and comparisons made before."""

from __future__ import annotations

import hashlib
import html
import json
import re
from typing import TYPE_CHECKING, Final

import pageswap
from pageswap.analysis.trials.run_data import grouped_by
from pageswap.answers.words import say
from pageswap.errors import UsageError
from pageswap.history.atlas import atlas
from pageswap.history.series import history
from pageswap.history.told import sentences
from pageswap.publish.index import is_page_path
from pageswap.publish.site_files import File, file_of, is_whole, kept_file, linked
from pageswap.report.page.many_runs import atlas_page, history_page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pageswap.publish.index import Entry

HISTORY, ATLAS, COMPARISON = "history", "atlas", "comparison"
_FEWEST_RUNS: Final = 2
# Where a page of ours tells what it is, before anything of a run.
_HEAD_BYTES: Final = 16_384
_GENERATOR: Final = re.compile(r'<meta name="generator" content="pageswap')
_TITLE: Final = re.compile(r"<title>(.*?)</title>", re.DOTALL)
_DESCRIPTION: Final = re.compile(r'<meta name="description" content="([^"]*)">')
_LONGEST: Final = 600
# What a history or the atlas is made of; the rest of an entry changes no word of it.
_FACTS: Final = ("run_id", "started", "report", "hosts", "work", "commit", "dirty", "baseline", "fixed")


class SitePages:
    """The pages about many runs, each made anew only where what it is made of has changed."""

    def __init__(self, old: Mapping[str, Entry], hashes: Mapping[str, str]) -> None:
        """Take the pages that the site lists, by their paths, and the SHA-256 of its files."""
        self._old, self._hashes = old, hashes
        self.files: list[File] = []
        self.listed: list[Entry] = []
        self.shared: dict[str, bytes] = {}

    def add_made(self, entries: Sequence[Entry]) -> None:
        """Add the history of each experiment that has several runs, and the atlas of all."""
        for name, own in sorted(grouped_by(entries, lambda entry: entry["report"].split("/")[1]).items()):
            if len(own) >= _FEWEST_RUNS and any(entry["figures"] for entry in own):
                self._add_history(name, own)
        if any(entry["wins"] for entry in entries):
            self._add(ATLAS, "atlas.html", _digest(entries, "wins"), lambda: _atlas(entries))

    def add_comparisons(self, paths: Sequence[Path], *, keep: bool) -> None:
        """Add pages that `inv compare` wrote, and, to ``keep`` them, those that the site has; raises UsageError."""
        own = {f"comparisons/{path.name}": path for path in paths}
        for place, path in own.items():
            self._add_comparison(place, path)
        for place, entry in self._old.items():
            if keep and entry["kind"] == COMPARISON and place not in own and self._is_whole(entry):
                self.listed.append(entry)
                self.files.append(kept_file(place, entry["sha256"]))

    def _add_comparison(self, place: str, path: Path) -> None:
        page = _own_page(path, place)
        title, text = (" ".join(_words_of(page, each)[:1]) for each in (_TITLE, _DESCRIPTION))
        self._add(COMPARISON, place, hashlib.sha256(page).hexdigest(), lambda: (title, text, page))

    def _add_history(self, name: str, entries: Sequence[Entry]) -> None:
        def make() -> tuple[str, str, bytes]:
            found = history(name, entries)
            addresses = {entry["run_id"]: f"../{entry['report']}" for entry in entries}
            page = history_page(found, home="../index.html", address_of=lambda run_id: addresses.get(run_id, ""))
            return found.question or name, sentences(found)[0], page.encode()

        self._add(HISTORY, f"histories/{name}.html", _digest(entries, "figures"), make)

    def _add(self, kind: str, place: str, of: str, make: Callable[[], tuple[str, str, bytes]]) -> None:
        """Add a page: what the site has where it was made ``of`` the same; none where there is nothing to show."""
        old = self._old.get(place)
        if old and old["of"] == of and self._is_whole(old):
            self.listed.append(old)
            self.files.append(kept_file(place, old["sha256"]))
            return
        try:
            title, text, whole = make()
        except UsageError:
            # Not one figure of these runs is followed by another.
            return
        page, shared = linked(whole, place)
        file = file_of(place, page)
        self.shared |= shared
        self.files.append(file)
        self.listed.append(
            {
                "path": place,
                "kind": kind,
                "title": title[:_LONGEST],
                "text": text[:_LONGEST],
                "of": of,
                "sha256": file.sha256,
                "uses": sorted(shared),
            }
        )

    def _is_whole(self, entry: Entry) -> bool:
        is_there = self._hashes.get(entry["path"]) == entry["sha256"]
        return is_there and all(is_whole(path, self._hashes) for path in entry["uses"])


def _atlas(entries: Sequence[Entry]) -> tuple[str, str, bytes]:
    found = atlas(entries)
    page = atlas_page(found, home="index.html").encode()
    return say("atlas", "title"), say("atlas", "headline", found), page


def _digest(entries: Sequence[Entry], what: str) -> str:
    """Return what is another one when a page of these runs would be."""
    facts = [[pageswap.__version__], *([entry[name] for name in (*_FACTS, what)] for entry in entries)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _own_page(path: Path, place: str) -> bytes:
    """Read a page that `inv compare` wrote; raises UsageError for anything else."""
    try:
        page = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"--comparison {path}: {error.strerror}; name a file that `inv compare --format html` wrote"
        ) from None
    if not _words_of(page, _GENERATOR) or not is_page_path(place):
        raise UsageError(
            f"--comparison {path}: expected a page that `inv compare --format html --out NAME.html` wrote, with a name"
            " of letters, digits, _ . and -"
        )
    return page


def _words_of(page: bytes, pattern: re.Pattern[str]) -> list[str]:
    found = pattern.search(page[:_HEAD_BYTES].decode("utf-8", "replace"))
    return [html.unescape(text) for text in (found.groups() or (found[0],))] if found else []
