"""What finding runs by their facts takes of each stored run, as the catalogue has it without opening one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from pageswap.catalogue.catalogue import read_catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pageswap.catalogue.entry import Entry

# What must be alike for two runs to be visits to the same thing.
_CONDITIONS: Final = ("core_hash", "kernel", "cpu_model")


@dataclasses.dataclass(frozen=True)
class KnownRun:
    """A stored run: ``kernels`` by host, ``tags`` as they were given, ``commit`` "" where it is not known.

    ``conditions`` has by host the values of `_CONDITIONS`.
    """

    folder: Path
    experiment: str
    created_at: str
    commit: str
    is_clean: bool
    kernels: Mapping[str, str]
    tags: Mapping[str, str]
    conditions: Mapping[str, tuple[str, ...]]


def known_runs(results_dir: Path) -> list[KnownRun]:
    """Return every run that can be read, the newest first; what cannot be read is left out.

    Raises StoreError where `results_dir` itself cannot be listed.
    """
    found = [_of(entry) for entry in read_catalogue(results_dir) if entry.is_readable]
    return sorted(found, key=lambda run: (run.created_at, run.folder.name), reverse=True)


def _of(entry: Entry) -> KnownRun:
    conditions = {facts["host"]: tuple(str(facts[name] or "") for name in _CONDITIONS) for facts in entry.hosts}
    return KnownRun(
        folder=entry.folder,
        experiment=entry.folder.parent.name,
        created_at=entry.created_at,
        commit=str(entry.commit or ""),
        # Unknown is not clean.
        is_clean=entry.dirty is False,
        kernels={facts["host"]: facts["kernel"] or "" for facts in entry.hosts},
        tags=entry.tags,
        # Of a host that was never reached nothing is known, and it makes no run unlike another.
        conditions={host: known for host, known in conditions.items() if any(known)},
    )
