"""The table of every case as text, each number rounded to what its interval supports."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pageswap.analysis.summary import NO_DIFFERENCE, NOT_MEASURED
from pageswap.analysis.wording import (
    clipped,
    count_text,
    interval_text,
    level_text,
    nanoseconds_text,
    operation,
    plural,
    ratio_text,
    scaled,
)

if TYPE_CHECKING:
    from pageswap.analysis.summary import CaseSummary, Summary

_LONGEST_HOST = 80
_REASONS_BUDGET = 3_000_000
_SHORTEST_REASON, _LONGEST_REASON = 120, 2_000
_COSTS = {
    "minor_faults": ("Minor faults", "per trial"),
    "major_faults": ("Major faults", "per trial"),
    "voluntary_switches": ("Voluntary switches", "per trial"),
    "involuntary_switches": ("Involuntary switches", "per trial"),
    "vmas_peak": ("Mappings", "peak"),
}


@dataclasses.dataclass(frozen=True)
class Column:
    """A column's head: its name, its unit, and whether it holds numbers."""

    title: str
    unit: str = ""
    is_number: bool = True


@dataclasses.dataclass(frozen=True)
class Row:
    """A case's cells, the class its verdict is shown by, and why it has no figures or lost trials.

    A case that was not measured has only the cells that name it, and its reasons take the place of all others.
    """

    cells: tuple[str, ...]
    kind: str
    is_measured: bool
    reasons: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Table:
    """All cases; ``head`` is how many of the columns name a case."""

    columns: tuple[Column, ...]
    head: int
    rows: tuple[Row, ...]
    reasons_cut: bool


def table(summary: Summary) -> Table:
    """Give every case of every host, in the plan's order; columns in which nothing was measured are left out."""
    names = summary.varying or ("method",)
    columns = [Column("Host", is_number=False)] if len(summary.hosts) > 1 else []
    columns += [Column(name, is_number=False) for name in names]
    head = len(columns)
    what = operation(summary.workload)
    columns += [Column("Finding", is_number=False), Column("Speed", "x baseline"), Column("95 % CI", "x baseline")]
    columns += [Column("Median time", f"ns per {what}"), Column("95 % CI", f"ns per {what}"), Column("Trials")]
    columns += [Column("Rate", f"{what}s/s"), Column("Throughput", "B/s")]
    columns += [Column(title, unit) for title, unit in _COSTS.values()]
    cells = [_cells(summary, case, names) for case in summary.cases]
    used = [index for index in range(len(columns)) if index < head or any(row[index] for row in cells)]
    reasons = sum(len(case.endings) for case in summary.cases)
    longest = min(_LONGEST_REASON, max(_SHORTEST_REASON, _REASONS_BUDGET // max(1, reasons)))
    rows = tuple(
        Row(
            tuple(row[index] for index in used if case.n or index < head),
            _kind(case),
            case.n > 0,
            _reasons(case, longest),
        )
        for case, row in zip(summary.cases, cells, strict=True)
    )
    is_cut = any(len(ending.reason) > longest for case in summary.cases for ending in case.endings)
    return Table(tuple(columns[index] for index in used), head, rows, is_cut)


def _cells(summary: Summary, case: CaseSummary, names: tuple[str, ...]) -> list[str]:
    host = [clipped(case.host, _LONGEST_HOST)] if len(summary.hosts) > 1 else []
    ns, ns_ci, ratio, ratio_ci = case.median_ns, case.median_ci, case.ratio, case.ratio_ci
    few = "too few"
    return [
        *host,
        *(level_text(name, case.levels.get(name, "")) for name in names),
        _finding(summary, case),
        ratio_text(ratio, ratio_ci) if ratio else "",
        (interval_text(ratio, ratio_ci) or few) if ratio else "",
        nanoseconds_text(ns, ns_ci) if ns else "",
        (interval_text(ns, ns_ci) or few) if ns else "",
        _trials(case),
        scaled(case.ops_per_s, ns_ci, ns) if ns and case.ops_per_s else "",
        scaled(case.bytes_per_s, ns_ci, ns) if ns and case.bytes_per_s else "",
        *(count_text(case.costs[name]) for name in _COSTS),
    ]


def _finding(summary: Summary, case: CaseSummary) -> str:
    if not summary.has_baseline:
        return "some trials left out" if case.endings else ""
    return f"{case.verdict}: {case.note}" if case.note else case.verdict


def _kind(case: CaseSummary) -> str:
    return {NOT_MEASURED: "absent", NO_DIFFERENCE: "same"}.get(case.verdict, case.verdict.replace(" ", "-"))


def _trials(case: CaseSummary) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in case.statuses.items()) or "no outcome yet"


def _reasons(case: CaseSummary, longest: int) -> tuple[str, ...]:
    """Say how trials ended other than ok: ``unavailable (7 trials): what is missing, and the cure``."""
    found = []
    for ending in case.endings:
        head = f"{ending.status} ({plural(ending.trials, 'trial')})"
        found.append(f"{head}: {clipped(ending.reason, longest)}" if ending.reason else head)
    return tuple(found) if found or case.n else ("no outcome yet: inv resume measures it",)
