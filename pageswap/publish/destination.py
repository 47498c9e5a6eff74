"""Where a site lies, here or on another machine: looked at, and made to be what it is to be."""

from __future__ import annotations

import concurrent.futures
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pageswap.errors import HostError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from pageswap.fleet.target import Target
    from pageswap.publish.site_files import File

_MOST_ANSWER_BYTES: Final = 128 << 20


class Destination:
    """A folder that holds a site, or will; the machine needs Python and nothing else.

    It is looked at from the beginning on, while this process imports what publishing takes.
    """

    def __init__(self, target: Target, path: str) -> None:
        """Take the machine and the path there, which begins at another machine's home unless it is absolute."""
        is_here = target.transport.is_here
        self.name = path if is_here else f"{target.name}:{path}"
        self._path = str(Path(path).expanduser().absolute()) if is_here else path
        self._ask = functools.partial(target.ask, "site", most_bytes=_MOST_ANSWER_BYTES)
        pool = concurrent.futures.ThreadPoolExecutor(1)
        self._first_look: Future[Any] | None = pool.submit(self._look)
        pool.shutdown(wait=False)

    def look(self) -> dict[str, Any]:
        """Say what is there, as `onhost.site.look` does; raises UsageError where that is no site, and HostError."""
        first, self._first_look = self._first_look, None
        seen: dict[str, Any] = first.result() if first else self._look()
        if seen.get("state") == "other":
            raise UsageError(f"--to {self.name}: holds other files and no site; give a new or an empty folder")
        if not (isinstance(seen.get("index"), str | None) and isinstance(seen.get("hashes"), dict | None)):
            raise HostError(f"{self.name}: what it answers tells nothing of a site; look at who runs the host")
        return seen

    def _look(self) -> Any:  # noqa: ANN401 - what a host answers
        return self._ask({"verb": "look", "path": self._path})

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


def _chunks(files: Sequence[File]) -> Iterator[bytes]:
    """Yield what is sent, a file after the other; of a page no more than one is in memory."""
    for file in files:
        if file.content is not None:
            yield file.read()
