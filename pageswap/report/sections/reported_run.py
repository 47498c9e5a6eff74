"""What a report's parts are made from: the run, its summary and findings, and runs of the same hosts beside it.

Runs beside it tell what its hosts can do: the memory's limit, and what single calls cost.
"""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pageswap.analysis.explanations.several_hosts import grouped, host_groups
from pageswap.analysis.findings import findings
from pageswap.analysis.summary import summarise
from pageswap.analysis.trials.table import spans
from pageswap.errors import PageswapError
from pageswap.store.schema import DATABASE
from pageswap.store.store import Store

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from pageswap.analysis.findings import Findings
    from pageswap.analysis.summary import HostsSummary, Summary
    from pageswap.analysis.trials.run_data import RunData

# More hosts than these are shown as groups of the same processor and kernel.
MOST_HOSTS = 16
LIMIT = "memory_limit"
CALLS = "syscall_roundtrip"
_SAME_MACHINE = ("hostname", "cpu_model", "kernel")
_MOST_TRIED = 5


@dataclasses.dataclass(frozen=True)
class ReportedRun:
    """What a section is made from.

    ``summary`` has the hosts as the page shows them, many as groups of a kind; ``every`` has each host by itself.
    ``limit`` and ``calls`` are the runs beside it, without other hosts; None is none. ``groups`` has the hosts of each
    name that the page shows, ``spans`` when each host was measured, in UTC.
    """

    run_data: RunData
    summary: Summary
    every: HostsSummary
    findings: Findings
    limit: HostsSummary | None
    calls: HostsSummary | None
    groups: Mapping[str, Sequence[str]]
    spans: Mapping[str, tuple[dt.datetime, dt.datetime]]

    @property
    def is_grouped(self) -> bool:
        """Say whether hosts are shown as groups."""
        return self.summary is not self.every


def reported_run(run_data: RunData, trials: Any) -> ReportedRun:  # noqa: ANN401 - pandas is analysis's
    """Compute what the page's parts are made from."""
    every = summarise(run_data, trials)
    groups = host_groups(every.hosts, run_data.environments())
    is_grouped = len(every.hosts) > MOST_HOSTS
    limit, calls = reference_runs(run_data, every)
    return ReportedRun(
        run_data=run_data,
        summary=grouped(every, groups) if is_grouped else every,
        every=every,
        findings=findings(every, limit=limit, calls=calls),
        limit=limit,
        calls=calls,
        groups=groups if is_grouped else {host: [host] for host in every.hosts},
        spans=spans(trials),
    )


def reference_runs(run_data: RunData, summary: HostsSummary) -> tuple[HostsSummary | None, HostsSummary | None]:
    """Return the newest runs of `LIMIT` and of `CALLS` on a machine of the run, from the folder of results it lies in.

    A run that is not in a folder of results has none. One that cannot be read is passed over.
    """
    stored_at = getattr(run_data, "path", None)
    if stored_at is None or summary.workload == "call":
        return None, None
    # Not parents[2]: a run may lie in the root of a file system.
    results = Path(stored_at).resolve().parent.parent.parent
    environments = run_data.environments()
    return (
        None if summary.workload == "limit" else _newest(results / LIMIT, summary, environments),
        _newest(results / CALLS, summary, environments) if summary.workload == "swap" else None,
    )


def _newest(folder: Path, summary: HostsSummary, environments: Mapping[str, Mapping[str, Any]]) -> HostsSummary | None:
    for path in sorted(folder.glob(f"*/{DATABASE}"), reverse=True)[:_MOST_TRIED]:
        with contextlib.suppress(PageswapError), Store.open(path) as store:
            there = store.environments()
            shared = {
                host
                for host in {*summary.hosts} & environments.keys() & there.keys()
                if all(environments[host].get(fact) == there[host].get(fact) for fact in _SAME_MACHINE)
            }
            if shared:
                found = summarise(store)
                return dataclasses.replace(found, cases=tuple(case for case in found.cases if case.host in shared))
    return None
