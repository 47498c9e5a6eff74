"""What finding runs by their facts takes of each stored run: the one module that knows where it is read from."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pageswap.campaign.run_folders import open_run, stored_runs
from pageswap.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pageswap.store.store import Store


@dataclasses.dataclass(frozen=True)
class KnownRun:
    """A stored run: ``kernels`` by host, ``tags`` as they were given, ``commit`` "" where it is not known.

    ``conditions`` tell by host what must be alike for two runs to be visits to the same thing: core, kernel and CPU.
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
    """Return every run that can be read, the newest first; what cannot be read is left out."""
    found = [known for folder in stored_runs(results_dir) if (known := _known(folder))]
    return sorted(found, key=lambda run: (run.created_at, run.folder.name), reverse=True)


def _known(folder: Path) -> KnownRun | None:
    try:
        with open_run(folder) as store:
            return _of(store, folder)
    except StoreError:
        return None


def _of(store: Store, folder: Path) -> KnownRun:
    meta, environments = store.meta(), store.environments()
    provenance = meta["provenance"]
    tags = provenance.get("tags")
    return KnownRun(
        folder=folder,
        experiment=folder.parent.name,
        created_at=str(meta["created_at"]),
        commit=str(provenance.get("commit") or ""),
        # Unknown is not clean.
        is_clean=provenance.get("dirty") is False,
        kernels={host: str(facts.get("kernel") or "") for host, facts in environments.items()},
        tags={str(name): str(value) for name, value in tags.items()} if isinstance(tags, dict) else {},
        conditions={host: _conditions(facts) for host, facts in environments.items()},
    )


def _conditions(facts: Mapping[str, object]) -> tuple[str, ...]:
    core = facts.get("core")
    core_hash = core.get("core_hash") if isinstance(core, dict) else None
    return tuple(str(each or "") for each in (core_hash, facts.get("kernel"), facts.get("cpu_model")))
