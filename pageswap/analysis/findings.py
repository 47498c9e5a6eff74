"""What a run shows beyond its medians: the record of every statistical finding that a report can draw."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pageswap.analysis.checks.crossovers import Crossover, crossovers
from pageswap.analysis.checks.drift import Drift, drift
from pageswap.analysis.checks.outliers import Outlier, outliers
from pageswap.analysis.checks.pooled_hosts import Pooled, pooled
from pageswap.analysis.checks.quiet_comparisons import Disturbed, Undisturbed, disturbed_trials, undisturbed
from pageswap.analysis.explanations.cost_stacks import NOT_NESTED, CostStack, cost_stacks
from pageswap.analysis.explanations.limit_shares import Share, shares
from pageswap.statistics.intervals import MINIMUM_N

if TYPE_CHECKING:
    from pageswap.analysis.summary import HostsSummary, Summary

_HOSTS_NAMED = 4


@dataclasses.dataclass(frozen=True)
class Findings:
    """What a run shows beyond its summary; empty is what there was nothing of, or nothing to find it with.

    ``shares`` is by (host, case_id). ``scattered`` counts by host the trials whose region lay on several NUMA nodes.
    ``notes`` say in words what could not be found, and what would make it possible.
    """

    outliers: tuple[Outlier, ...]
    drift: tuple[Drift, ...]
    disturbed: tuple[Disturbed, ...]
    undisturbed: tuple[Undisturbed, ...]
    crossovers: tuple[Crossover, ...]
    shares: dict[tuple[str, str], Share]
    costs: tuple[CostStack, ...]
    pooled: tuple[Pooled, ...]
    notes: tuple[str, ...] = ()
    scattered: dict[str, int] = dataclasses.field(default_factory=dict)


def findings(summary: HostsSummary, *, limit: HostsSummary | None = None, calls: Summary | None = None) -> Findings:
    """Find all of it in a run, by its `summarise`.

    ``limit`` and ``calls`` are the summaries of other runs on the same hosts, of the workloads of these names: the
    first for shares of the physical limit, the second for where the time of a swap goes. An experiment has one
    workload, so they come from runs of their own (experiments/memory_limit.yaml, experiments/syscall_roundtrip.yaml).
    """
    matrix, costs = summary.matrix, cost_stacks(summary, calls)
    scattered = matrix.measured.loc[(matrix.measured["region_nodes"] > 1).fillna(value=False), "host"]
    return Findings(
        outliers=outliers(matrix),
        drift=drift(matrix),
        disturbed=disturbed_trials(matrix),
        undisturbed=undisturbed(matrix, summary.comparisons, summary.floors),
        crossovers=crossovers(matrix, summary.families, summary.comparisons, summary.floors),
        shares=shares(summary, limit),
        costs=costs,
        pooled=pooled(matrix),
        notes=(*_notes(summary, limit, calls), *dict.fromkeys(_whole(stack) for stack in costs if stack.obstacle)),
        scattered={str(host): int(trials) for host, trials in scattered.value_counts(sort=False).items()},
    )


def _notes(summary: HostsSummary, limit: Summary | None, calls: Summary | None) -> tuple[str, ...]:
    """Return what could not be found and what would make it possible."""
    notes = [f"{host}: no noise floor: {floor.note}" for host, floor in summary.noise.items() if floor.note]
    notes = notes if summary.has_baseline else []
    if summary.workload != "limit" and limit is None and any(case.bytes_per_s for case in summary.cases):
        notes.append("shares of the physical limit need a run of workload 'limit' on the same hosts")
    for name, other in (("limit", limit), ("call", calls)):
        if other is not None and not set(other.hosts) & set(summary.hosts):
            notes.append(f"the run of workload '{name}' has other hosts: {', '.join(other.hosts[:_HOSTS_NAMED])}")
    return tuple(notes)


def _whole(stack: CostStack) -> str:
    """Return why a call or a swap is not taken apart."""
    few, longer = f"that takes {MINIMUM_N} blocks or more", "a call inside it took longer than the one around it"
    return f"{stack.method} is not taken apart: {longer if stack.obstacle == NOT_NESTED else few}"
