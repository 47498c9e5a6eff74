"""Where a site is put: a folder of this machine or of another one, asked and filled in the same way."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pageswap.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pageswap.fleet import Target

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
        self._target = target
        self._path = str(Path(path).expanduser().absolute()) if is_here else path

    def look(self) -> dict[str, Any]:
        """Say what is there, as `onhost.site.look` does; raises HostError."""
        return self._target.ask("site", {"verb": "look", "path": self._path}, most_bytes=_MOST_ANSWER_BYTES)

    def put(self, files: Sequence[File], seen: str) -> dict[str, Any]:
        """Make the site consist of `files`, if its index still has the SHA-256 `seen`, as `onhost.site.put` does."""
        listed = [
            {"path": file.path, "size": file.size_bytes, "sha256": file.sha256, "kept": file.content is None}
            for file in files
        ]
        document = {"verb": "put", "path": self._path, "files": listed, "seen": seen}
        return self._target.ask("site", document, _chunks(files), most_bytes=_MOST_ANSWER_BYTES)


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


def _chunks(files: Sequence[File]) -> Iterator[bytes]:
    for file in files:
        if isinstance(file.content, bytes):
            yield file.content
        elif file.content is not None:
            with file.content.open("rb") as opened:
                while chunk := opened.read(_CHUNK_BYTES):
                    yield chunk
