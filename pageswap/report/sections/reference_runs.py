"""Runs beside the one reported on that tell what its hosts can do: the memory's limit, and what single calls cost."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pageswap.analysis.summary import summarise
from pageswap.errors import PageswapError
from pageswap.store import Store
from pageswap.store.schema import DATABASE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pageswap.analysis.summary import HostsSummary
    from pageswap.analysis.trials.run_data import RunData

LIMIT = "memory_limit"
CALLS = "syscall_roundtrip"
_SAME_MACHINE = ("hostname", "cpu_model", "kernel")
_MOST_TRIED = 5


@dataclasses.dataclass(frozen=True)
class ReferenceRuns:
    """The newest run of each kind that shares a machine with the run, where there is one; it has no other hosts."""

    limit: HostsSummary | None = None
    calls: HostsSummary | None = None


def reference_runs(run_data: RunData, summary: HostsSummary) -> ReferenceRuns:
    """Look for the experiments `LIMIT` and `CALLS` in the folder of results that the run lies in.

    A run that is not in a folder of results has none. One that cannot be read is passed over.
    """
    stored_at = getattr(run_data, "path", None)
    if stored_at is None or summary.workload == "call":
        return ReferenceRuns()
    # Not parents[2]: a run may lie in the root of a file system.
    results = Path(stored_at).resolve().parent.parent.parent
    environments = run_data.environments()
    return ReferenceRuns(
        limit=None if summary.workload == "limit" else _newest(results / LIMIT, summary, environments),
        calls=_newest(results / CALLS, summary, environments) if summary.workload == "swap" else None,
    )


def _newest(folder: Path, summary: HostsSummary, environments: Mapping[str, Mapping[str, Any]]) -> HostsSummary | None:
    for path in sorted(folder.glob(f"*/{DATABASE}"), reverse=True)[:_MOST_TRIED]:
        with contextlib.suppress(PageswapError), Store.open(path) as store:
            there = store.environments()
            shared = {host for host in summary.hosts if _is_same(environments.get(host), there.get(host))}
            if shared:
                found = summarise(store)
                return dataclasses.replace(found, cases=tuple(case for case in found.cases if case.host in shared))
    return None


def _is_same(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    if not one or not other:
        return False
    return all(one.get(name) == other.get(name) for name in _SAME_MACHINE)
