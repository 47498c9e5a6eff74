"""What a run shows beyond its medians: the record of every statistical finding that a report can draw."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pageswap.analysis.checks import stability
from pageswap.analysis.checks.crossovers import Crossover, crossovers
from pageswap.analysis.explanations.costs import CostStack, Share, cost_stacks, shares
from pageswap.analysis.explanations.several_hosts import Pooled, pooled

if TYPE_CHECKING:
    from pageswap.analysis.summary import HostsSummary, Summary
    from pageswap.analysis.trials.matrix import Matrix


@dataclasses.dataclass(frozen=True)
class Findings:
    """What a run shows beyond its summary; empty is what there was nothing of, or nothing to find it with.

    ``shares`` is by (host, case_id). ``scattered`` counts by host the trials whose region lay on several NUMA nodes,
    where no level says on which.
    """

    outliers: tuple[stability.Outlier, ...]
    drift: tuple[stability.Drift, ...]
    disturbed: tuple[stability.Disturbed, ...]
    undisturbed: tuple[stability.Undisturbed, ...]
    crossovers: tuple[Crossover, ...]
    shares: dict[tuple[str, str], Share]
    costs: tuple[CostStack, ...]
    pooled: tuple[Pooled, ...]
    scattered: dict[str, int] = dataclasses.field(default_factory=dict)


def findings(summary: HostsSummary, *, limit: HostsSummary | None = None, calls: Summary | None = None) -> Findings:
    """Find all of it in a run, by its `summarise`.

    ``limit`` and ``calls`` are the summaries of other runs on the same hosts, of the workloads of these names: the
    first for shares of the physical limit, the second for where the time of a swap goes. An experiment has one
    workload, so they come from runs of their own (experiments/memory_limit.yaml, experiments/syscall_roundtrip.yaml).
    """
    matrix = summary.matrix
    return Findings(
        outliers=stability.outliers(matrix),
        drift=stability.drift(matrix),
        disturbed=stability.disturbed_trials(matrix),
        undisturbed=stability.undisturbed(matrix, summary.comparisons, summary.floors),
        crossovers=crossovers(matrix, summary.families, summary.comparisons, summary.floors),
        shares=shares(summary, limit),
        costs=cost_stacks(summary, calls),
        pooled=pooled(matrix),
        scattered=_scattered(matrix),
    )


def _scattered(matrix: Matrix) -> dict[str, int]:
    """Count by host the trials whose regions lay on several NUMA nodes without being asked to."""
    measured = matrix.measured
    anywhere = {case_id for case_id, levels in matrix.cases.items() if levels.get("numa", "any") == "any"}
    is_so = (measured["region_nodes"] > 1).fillna(value=False) & measured["case_id"].isin(anywhere)
    return {str(host): int(trials) for host, trials in measured.loc[is_so, "host"].value_counts(sort=False).items()}
