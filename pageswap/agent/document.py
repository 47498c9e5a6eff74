"""What a verb is asked, in a document on its standard input, and how it answers; each field is read by its type."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from pageswap.agent.workspace.work_folder import WorkFolder, this_cache
from pageswap.errors import HostError

if TYPE_CHECKING:
    from pageswap.agent.daemon.follow import Holding


def say(word: dict[str, Any]) -> None:
    """Print a line of the answer; nobody may be left to read it."""
    try:
        sys.stdout.write(json.dumps(word, separators=(",", ":")) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def field(document: dict[str, Any], name: str, kind: type) -> Any:  # noqa: ANN401 - of that kind
    """Return a field of a type; raises HostError for any other."""
    value = document.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise HostError(f"standard input: {name} is {value!r:.60}, expected {kind.__name__}")
    return value


def work_of(document: dict[str, Any]) -> WorkFolder:
    """Return the segment's folder that is meant; raises HostError."""
    return WorkFolder(field(document, "work_dir", str))


def cache_of(document: dict[str, Any]) -> str:
    """Return the folder for bundles and runs that is meant; raises HostError."""
    return this_cache(None if document.get("cache") is None else field(document, "cache", str))


def clean(document: dict[str, Any], busy: tuple[str, ...] = ()) -> dict[str, Any]:
    """Clean as the verb of this name, but for what agents on other machines use; raises HostError."""
    from pageswap.agent.workspace.cleaning import clean_cache

    older_than_s = document.get("older_than_s", 0.0)
    if isinstance(older_than_s, bool) or not isinstance(older_than_s, (int, float)) or not older_than_s >= 0:
        raise HostError(f"standard input: older_than_s is {older_than_s!r:.60}, expected a number of seconds")
    return clean_cache(cache_of(document), field(document, "runs", str), older_than_s=older_than_s, busy=busy)


def follow(document: dict[str, Any], work: WorkFolder, holding: Holding) -> None:
    """Follow as the verb of this name, while something holds the segment; raises HostError."""
    from pageswap.agent.daemon.follow import Heartbeats, stream

    offset = field(document, "offset", int)
    if offset < 0:
        raise HostError(f"standard input: offset is {offset}, expected 0 or more")
    # Absent where the reader's end closes the output.
    signs = Heartbeats(0, float(field(document, "signs_s", int))) if "signs_s" in document else None
    stream(work, offset, holding, 1, signs)
