"""The table of every case as text, each number rounded to what its interval supports."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pageswap.report.sections.section import Heading, note, number
from pageswap.text.numbers import count_text, figure_text, interval_text, ratio_text, scaled
from pageswap.text.words import clipped, level_text, operation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pageswap.analysis.summary import CaseSummary, Summary
    from pageswap.analysis.verdicts import Comparison

_LONGEST_HOST = 80
_REASONS_BUDGET = 3_000_000
_SHORTEST_REASON, _LONGEST_REASON = 120, 2_000
_COSTS = {
    "minor_faults": number("Minor faults", "per trial"),
    "major_faults": number("Major faults", "per trial"),
    "voluntary_switches": number("Voluntary switches", "per trial"),
    "involuntary_switches": number("Involuntary switches", "per trial"),
    "vmas_peak": number("Mappings", "peak"),
}


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell's text, and smaller text below it: an interval's ends."""

    text: str
    below: str = ""


@dataclasses.dataclass(frozen=True)
class Row:
    """A case and its cells: of one that was not measured only those that name it, so that reasons take their place."""

    case: CaseSummary
    cells: list[Cell]


@dataclasses.dataclass(frozen=True)
class Table:
    """All cases; ``head`` is how many of the columns name a case, ``constant`` what all measured ones have alike.

    Of the reason for a trial's ending at most ``longest`` letters are shown.
    """

    columns: list[Heading]
    head: int
    rows: list[Row]
    longest: int
    constant: list[tuple[str, str]]


def table(summary: Summary, tested: Mapping[tuple[str, str], Comparison]) -> Table:
    """Return every case of every host, in the plan's order; ``tested`` has comparisons by (host, case_id).

    Columns in which nothing was measured are left out, and so are counts that are the same in every case.
    """
    names = summary.varying or ("method",)
    head, what = len(names) + (len(summary.hosts) > 1), operation(summary.workload)
    columns = [
        *map(Heading, ("Host", *names)[-head:]),
        Heading("Finding"),
        number("Speed", "x baseline"),
        number("Detectable", "and p, Holm"),
        number("Median time", f"ns per {what}"),
        number("Trials"),
        number("Rate", f"{what}s/s"),
        *_COSTS.values(),
    ]
    rows = [Row(case, _cells(summary, case, names, tested.get((case.host, case.case_id)))) for case in summary.cases]
    measured = [row.cells for row in rows if row.case.n]
    constant = {
        index: measured[0][index].text
        for index in range(len(columns) - len(_COSTS), len(columns))
        if len(measured) > 1 and len({cells[index].text for cells in measured}) == 1
    }
    used = [
        index
        for index in range(len(columns))
        if index not in constant and (index < head or any(row.cells[index].text for row in rows))
    ]
    endings = sum(len(case.endings) for case in summary.cases)
    return Table(
        columns=[columns[index] for index in used],
        head=head,
        rows=[Row(row.case, [row.cells[index] for index in used if row.case.n or index < head]) for row in rows],
        longest=min(_LONGEST_REASON, max(_SHORTEST_REASON, _REASONS_BUDGET // max(1, endings))),
        constant=[(columns[index].title.lower(), text) for index, text in constant.items() if text],
    )


def _cells(summary: Summary, case: CaseSummary, names: tuple[str, ...], test: Comparison | None) -> list[Cell]:
    ns, ns_ci, ratio, ratio_ci = case.median_ns, case.median_ci, case.ratio, case.ratio_ci
    few, test = "too few", test if ratio else None
    return [
        *([Cell(clipped(case.host, _LONGEST_HOST))] if len(summary.hosts) > 1 else []),
        *(Cell(level_text(name, case.levels.get(name, ""))) for name in names),
        Cell(note("finding", case, summary.baseline)),
        Cell(ratio_text(ratio, ratio_ci), interval_text(ratio, ratio_ci) or few) if ratio else Cell(""),
        Cell(note("smallest", test), note("p_holm", test)) if test else Cell(""),
        Cell(figure_text(ns, ns_ci), interval_text(ns, ns_ci) or few) if ns else Cell(""),
        Cell(", ".join(f"{count:,} {status}" for status, count in case.statuses.items()) or "no outcome yet"),
        Cell(
            scaled(case.ops_per_s, ns_ci, ns) if ns and case.ops_per_s else "",
            f"{scaled(case.bytes_per_s, ns_ci, ns)}B/s" if ns and case.bytes_per_s else "",
        ),
        *(Cell(count_text(case.costs[name])) for name in _COSTS),
    ]
