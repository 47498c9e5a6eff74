"""The table of every case as text, each number rounded to what its interval supports."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pageswap.analysis.verdicts import NO_DIFFERENCE, NOT_MEASURED
from pageswap.text.levels import level_text, operation
from pageswap.text.lists import clipped, plural
from pageswap.text.numbers import (
    LARGEST_SAID,
    count_text,
    interval_text,
    nanoseconds_text,
    percent_text,
    ratio_text,
    scaled,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pageswap.analysis.checks.comparisons import Comparison
    from pageswap.analysis.summary import CaseSummary, Summary

_LONGEST_HOST = 80
_REASONS_BUDGET = 3_000_000
_SHORTEST_REASON, _LONGEST_REASON = 120, 2_000
_SMALLEST_P = 0.001
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
class Cell:
    """A cell's text, and smaller text below it: an interval's ends."""

    text: str
    below: str = ""


@dataclasses.dataclass(frozen=True)
class Row:
    """A case's cells, the class its verdict is shown by, and why it has no figures or lost trials.

    A case that was not measured has only the cells that name it, and its reasons take the place of all others.
    """

    cells: tuple[Cell, ...]
    kind: str
    is_measured: bool
    reasons: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Table:
    """All cases; ``head`` is how many of the columns name a case, ``constant`` what all measured ones have alike."""

    columns: tuple[Column, ...]
    head: int
    rows: tuple[Row, ...]
    reasons_cut: bool
    constant: tuple[tuple[str, str], ...]


def table(summary: Summary, comparisons: Iterable[Comparison] = ()) -> Table:
    """Give every case of every host, in the plan's order.

    Columns in which nothing was measured are left out, and so are counts that are the same in every case.
    """
    names = summary.varying or ("method",)
    tested = {(each.host, each.case_id): each for each in comparisons}
    columns = [Column("Host", is_number=False)] if len(summary.hosts) > 1 else []
    columns += [Column(name, is_number=False) for name in names]
    head = len(columns)
    what = operation(summary.workload)
    columns += [Column("Finding", is_number=False), Column("Speed", "x baseline")]
    columns += [Column("Detectable", "and p, Holm"), Column("Median time", f"ns per {what}"), Column("Trials")]
    columns += [Column("Rate", f"{what}s/s")]
    before_costs = len(columns)
    columns += [Column(title, unit) for title, unit in _COSTS.values()]
    cells = [_cells(summary, case, names, tested) for case in summary.cases]
    measured = [row for row, case in zip(cells, summary.cases, strict=True) if case.n]
    constant = {
        index: measured[0][index].text
        for index in range(before_costs, len(columns))
        if len(measured) > 1 and len({row[index].text for row in measured}) == 1
    }
    used = [
        index
        for index in range(len(columns))
        if index not in constant and (index < head or any(row[index].text for row in cells))
    ]
    longest = _longest_reason(summary)
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
    alike = tuple((columns[index].title.lower(), text) for index, text in constant.items() if text)
    return Table(tuple(columns[index] for index in used), head, rows, is_cut, alike)


def _longest_reason(summary: Summary) -> int:
    reasons = sum(len(case.endings) for case in summary.cases)
    return min(_LONGEST_REASON, max(_SHORTEST_REASON, _REASONS_BUDGET // max(1, reasons)))


def _cells(
    summary: Summary, case: CaseSummary, names: tuple[str, ...], tested: Mapping[tuple[str, str], Comparison]
) -> list[Cell]:
    host = [Cell(clipped(case.host, _LONGEST_HOST))] if len(summary.hosts) > 1 else []
    ns, ns_ci, ratio, ratio_ci = case.median_ns, case.median_ci, case.ratio, case.ratio_ci
    few = "too few"
    test = tested.get((case.host, case.case_id)) if ratio else None
    return [
        *host,
        *(Cell(level_text(name, case.levels.get(name, ""))) for name in names),
        Cell(_finding(summary, case)),
        Cell(ratio_text(ratio, ratio_ci), interval_text(ratio, ratio_ci) or few) if ratio else Cell(""),
        Cell(_smallest_text(test), _p_text(test)),
        Cell(nanoseconds_text(ns, ns_ci), interval_text(ns, ns_ci) or few) if ns else Cell(""),
        Cell(_trials(case)),
        Cell(
            scaled(case.ops_per_s, ns_ci, ns) if ns and case.ops_per_s else "",
            f"{scaled(case.bytes_per_s, ns_ci, ns)}B/s" if ns and case.bytes_per_s else "",
        ),
        *(Cell(count_text(case.costs[name])) for name in _COSTS),
    ]


def _finding(summary: Summary, case: CaseSummary) -> str:
    if not summary.has_baseline:
        return "some trials left out" if case.endings else ""
    # Why no difference was found is told by the interval beside it, unless that seems to say otherwise.
    if case.verdict == NO_DIFFERENCE or not case.note:
        return case.told
    return f"{case.verdict}: {case.note}"


def _smallest_text(test: Comparison | None) -> str:
    if not test or not test.smallest:
        return ""
    # What could only find a tenfold difference could tell nothing.
    return "too wide" if test.smallest > LARGEST_SAID else percent_text(test.smallest)


def _p_text(test: Comparison | None) -> str:
    p = test.p_holm if test else None
    if p is None:
        return ""
    return f"p < {_SMALLEST_P}" if p < _SMALLEST_P else f"p {p:.3f}" if p < 0.1 else f"p {p:.2f}"  # noqa: PLR2004 - two digits


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
