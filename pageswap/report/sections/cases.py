"""The table of every case as text, each number rounded to what its interval supports."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pageswap.report.sections.section import Heading, kind_of, note, notes, number
from pageswap.text.numbers import (
    LARGEST_SAID,
    count_text,
    figure_text,
    interval_text,
    percent_text,
    ratio_text,
    scaled,
    with_digits,
)
from pageswap.text.words import clipped, level_text, operation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pageswap.analysis.summary import CaseSummary, Summary
    from pageswap.analysis.verdicts import Comparison

_LONGEST_HOST = 80
_REASONS_BUDGET = 3_000_000
_SHORTEST_REASON, _LONGEST_REASON = 120, 2_000
_SMALLEST_P = 0.001
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

    columns: tuple[Heading, ...]
    head: int
    rows: tuple[Row, ...]
    reasons_cut: bool
    constant: tuple[tuple[str, str], ...]


def table(summary: Summary, comparisons: Iterable[Comparison] = ()) -> Table:
    """Return every case of every host, in the plan's order.

    Columns in which nothing was measured are left out, and so are counts that are the same in every case.
    """
    names = summary.varying or ("method",)
    tested = {(each.host, each.case_id): each for each in comparisons}
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
    cells = [_cells(summary, case, names, tested.get((case.host, case.case_id))) for case in summary.cases]
    measured = [row for row, case in zip(cells, summary.cases, strict=True) if case.n]
    constant = {
        index: measured[0][index].text
        for index in range(len(columns) - len(_COSTS), len(columns))
        if len(measured) > 1 and len({row[index].text for row in measured}) == 1
    }
    used = [
        index
        for index in range(len(columns))
        if index not in constant and (index < head or any(row[index].text for row in cells))
    ]
    endings = [ending for case in summary.cases for ending in case.endings]
    longest = min(_LONGEST_REASON, max(_SHORTEST_REASON, _REASONS_BUDGET // max(1, len(endings))))
    return Table(
        columns=tuple(columns[index] for index in used),
        head=head,
        rows=tuple(
            Row(
                tuple(row[index] for index in used if case.n or index < head),
                kind_of(case.verdict),
                case.n > 0,
                notes("reasons", case, longest),
            )
            for case, row in zip(summary.cases, cells, strict=True)
        ),
        reasons_cut=any(len(ending.reason) > longest for ending in endings),
        constant=tuple((columns[index].title.lower(), text) for index, text in constant.items() if text),
    )


def _cells(summary: Summary, case: CaseSummary, names: tuple[str, ...], test: Comparison | None) -> list[Cell]:
    ns, ns_ci, ratio, ratio_ci = case.median_ns, case.median_ci, case.ratio, case.ratio_ci
    few, test = "too few", test if ratio else None
    return [
        *([Cell(clipped(case.host, _LONGEST_HOST))] if len(summary.hosts) > 1 else []),
        *(Cell(level_text(name, case.levels.get(name, ""))) for name in names),
        Cell(note("finding", case, summary.has_baseline)),
        Cell(ratio_text(ratio, ratio_ci), interval_text(ratio, ratio_ci) or few) if ratio else Cell(""),
        _detectable(test),
        Cell(figure_text(ns, ns_ci), interval_text(ns, ns_ci) or few) if ns else Cell(""),
        Cell(", ".join(f"{count:,} {status}" for status, count in case.statuses.items()) or "no outcome yet"),
        Cell(
            scaled(case.ops_per_s, ns_ci, ns) if ns and case.ops_per_s else "",
            f"{scaled(case.bytes_per_s, ns_ci, ns)}B/s" if ns and case.bytes_per_s else "",
        ),
        *(Cell(count_text(case.costs[name])) for name in _COSTS),
    ]


def _detectable(test: Comparison | None) -> Cell:
    """Say what difference could have been found, and the corrected p; what hides a tenfold one tells nothing."""
    if not test:
        return Cell("")
    smallest = "too wide" if (test.smallest or 0) > LARGEST_SAID else percent_text(test.smallest or 1.0)
    p = test.p_holm
    known = "" if p is None else f"p < {_SMALLEST_P}" if p < _SMALLEST_P else f"p {with_digits(p, 2)}"
    return Cell(smallest if test.smallest else "", known)
