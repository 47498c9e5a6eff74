"""The files of a site, and how its pages share one copy of their scripts and styles."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SHARED: Final = "shared"
# What is inside a page by itself, and how a page of a site asks for it.
_INLINED: Final = (
    ("style", "css", '<link rel="stylesheet" href="{}">'),
    ("script", "js", '<script src="{}"></script>'),
)
_POLICY: Final = re.compile(rb"script-src [^;]*; style-src 'unsafe-inline'")
_OWN_FILES: Final = b"script-src 'self'; style-src 'self' 'unsafe-inline'"
# What a page says of itself that is no longer so.
_ALONE: Final = re.compile(rb' ?<span class="alone">[^<]*</span>')


@dataclasses.dataclass(frozen=True)
class File:
    """A file of the site: its path below it, what it holds, how many bytes, and its SHA-256.

    What it holds is a page beside the run's database where that is its `Path`, without what pages share; None: what is
    on the site is kept.
    """

    path: str
    content: bytes | Path | None
    size_bytes: int
    sha256: str

    def kept(self) -> File:
        """Return the file as one of which nothing is sent."""
        return dataclasses.replace(self, content=None, size_bytes=0)

    def read(self) -> bytes:
        """Return what is sent."""
        if isinstance(self.content, Path):
            return linked(self.content.read_bytes(), self.path)[0]
        return self.content or b""


def file_of(path: str, content: bytes) -> File:
    """Return a file that holds these bytes."""
    return File(path, content, len(content), hashlib.sha256(content).hexdigest())


def kept_file(path: str, sha256: str) -> File:
    """Return a file that the site has."""
    return File(path, None, 0, sha256)


def linked(page: bytes, path: str) -> tuple[bytes, dict[str, bytes]]:
    """Return a page as it is at ``path`` on the site, and what it shares with other pages by their paths.

    Each script and style that is inside it goes into a file named by what it holds, and the page's policy lets it load
    the site's own files. Data that is no script stays. A page that has none is returned as it is.
    """
    shared: dict[str, bytes] = {}
    root = "../" * path.count("/")
    for tag, suffix, link in _INLINED:
        opening, closing = f"<{tag}>".encode(), f"</{tag}>".encode()
        parts, at = [], 0
        while (start := page.find(opening, at)) >= 0 and (end := page.find(closing, start)) >= 0:
            content = page[start + len(opening) : end]
            name = f"{SHARED}/{hashlib.sha256(content).hexdigest()[:20]}.{suffix}"
            shared[name] = content
            parts += [page[at:start], link.format(root + name).encode()]
            at = end + len(closing)
        page = b"".join([*parts, page[at:]])
    if shared:
        page = _ALONE.sub(b"", _POLICY.sub(_OWN_FILES, page, count=1), count=1)
    return page, shared


def is_whole(path: str, hashes: Mapping[str, str]) -> bool:
    """Tell whether the site has what pages share at this path as it was, by its name."""
    return hashes.get(path, "").startswith(path.rpartition("/")[2].partition(".")[0])


def shared_files(uses: Iterable[str], made: Mapping[str, bytes], hashes: Mapping[str, str]) -> Iterator[File]:
    """Yield what pages share: what the site has is kept, what it lacks is sent where it was ``made``."""
    for path in sorted(set(uses)):
        if path in made:
            yield file_of(path, made[path])
        elif path in hashes:
            # Pages are read without it, too, should it be damaged.
            yield kept_file(path, hashes[path])
