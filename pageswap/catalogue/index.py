"""The index: what was read of each run, in one file that can be lost at any time, as all of it is in the runs."""

from __future__ import annotations

import contextlib
import json
import zlib
from typing import TYPE_CHECKING, Any, Final

from pageswap.errors import StoreError
from pageswap.files import replacing
from pageswap.store.facts import FACTS

if TYPE_CHECKING:
    from pathlib import Path

# Beside the experiments; a name that begins with a dot is none of theirs.
FOLDER: Final = ".catalogue"
_NAME: Final = "index.json"
# What must be as it was for an entry to be read: 1 is the first.
FORMAT: Final = {"format": 1, "facts": list(FACTS)}


def read_index(results_dir: Path) -> dict[str, dict[str, Any]]:
    """Return what the index has of each run by its name: its stamp and its entry; nothing without such an index."""
    try:
        head, body = (results_dir / FOLDER / _NAME).read_bytes().split(b"\n", 1)
        if json.loads(head) != {**FORMAT, "crc32": zlib.crc32(body)}:
            return {}
        known: dict[str, dict[str, Any]] = json.loads(body)
    except (OSError, ValueError, RecursionError):
        return {}
    return known


def write_index(results_dir: Path, known: dict[str, dict[str, Any]]) -> None:
    """Write the index anew; of two who do so at once the later wins, and the next reader finds what that one lacks.

    Where it cannot be written there is none, and runs are read each time.
    """
    body = json.dumps(known, separators=(",", ":")).encode()
    head = json.dumps({**FORMAT, "crc32": zlib.crc32(body)}).encode()
    with contextlib.suppress(OSError, StoreError):
        (results_dir / FOLDER).mkdir(exist_ok=True)
        with replacing(results_dir / FOLDER / _NAME) as file:
            file.write(head + b"\n" + body)
