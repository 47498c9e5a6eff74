"""The catalogue of stored runs, read from their stores through an index that can be thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pageswap.catalogue.entry import Entry


def read_catalogue(results_dir: Path, on_step: Callable[[str], None] = lambda _text: None) -> list[Entry]:
    """Return an entry for each folder of `results_dir`/EXPERIMENT/RUN_ID, the oldest run first.

    ``on_step`` is told when many runs have to be read anew. Never raises for what lies in those folders.
    """
    raise NotImplementedError
