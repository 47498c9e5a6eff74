"""Where a site is put: a folder of this machine or of another one, asked and filled in the same way."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final, Protocol

from pageswap.errors import UsageError
from pageswap.fleet.onhost import site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

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


class Destination(Protocol):
    """A folder that holds a site, or will; `onhost.site` documents both questions and answers."""

    name: str

    def look(self) -> dict[str, Any]:
        """Say what is there; raises HostError."""

    def put(self, files: Sequence[File], seen: str) -> dict[str, Any]:
        """Make the site consist of `files`, if its index still has the SHA-256 `seen`; raises HostError."""


class Folder:
    """A folder of this machine."""

    def __init__(self, path: str) -> None:
        """Take its path; it need not be there yet."""
        self.name = path

    def look(self) -> dict[str, Any]:
        """Say what is there."""
        return site.look(self.name)

    def put(self, files: Sequence[File], seen: str) -> dict[str, Any]:
        """Make the site consist of `files`."""
        return site.put(_request(self.name, files, seen), _Reader(files).read)


class RemoteFolder:
    """A folder of another machine, which needs sshd and Python and nothing else."""

    def __init__(self, target: Target, path: str) -> None:
        """Take the machine, and the path there; one that is not absolute begins at the user's home."""
        self.name = f"{target.name}:{path}"
        self._target = target
        self._path = path

    def look(self) -> dict[str, Any]:
        """Say what is there."""
        return self._target.ask("site", {"verb": "look", "path": self._path}, most_bytes=_MOST_ANSWER_BYTES)

    def put(self, files: Sequence[File], seen: str) -> dict[str, Any]:
        """Make the site consist of `files`."""
        document = {"verb": "put", **_request(self._path, files, seen)}
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


def _request(path: str, files: Sequence[File], seen: str) -> dict[str, Any]:
    listed = [
        {"path": file.path, "size": file.size_bytes, "sha256": file.sha256, "kept": file.content is None}
        for file in files
    ]
    return {"path": path, "files": listed, "seen": seen}


def _chunks(files: Sequence[File]) -> Iterator[bytes]:
    for file in files:
        if isinstance(file.content, bytes):
            yield file.content
        elif file.content is not None:
            with file.content.open("rb") as opened:
                while chunk := opened.read(_CHUNK_BYTES):
                    yield chunk


class _Reader:
    """The contents of several files as one stream."""

    def __init__(self, files: Sequence[File]) -> None:
        self._chunks = _chunks(files)
        self._left = b""

    def read(self, size: int) -> bytes:
        """Give up to `size` bytes; none at the end."""
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._left = chunk
        data, self._left = self._left[:size], self._left[size:]
        return data
