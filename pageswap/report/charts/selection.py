"""Which cases a chart shows: all of a usual run, a bounded and declared choice of a huge one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, TypeVar

from pageswap.answers.gain import change_of
from pageswap.text.levels import level_text, levels_phrase
from pageswap.text.lists import clipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.analysis.summary import CaseSummary, Summary

T = TypeVar("T")

MOST_PLOTS = 12
MOST_ROWS = 24
MOST_DOTS = 3_000


@dataclasses.dataclass(frozen=True)
class Group:
    """Cases that share every level but the compared ones, as rows of one plot.

    Where the baseline names no method, each method is compared with itself: then they share what is compared, and the
    rows are the others.
    """

    title: str
    rows: tuple[tuple[str, CaseSummary], ...]


@dataclasses.dataclass(frozen=True)
class Selection:
    """The plots to draw, how many dots each of their cases may have, and how much of all that is.

    ``cases`` are those drawn of ``of_cases``, ``dots`` those that the case with most of them has.
    """

    groups: tuple[Group, ...]
    dots_per_case: int
    cases: int
    of_cases: int
    dots: int


def select(summary: Summary) -> Selection:
    """Choose what to draw: at most `MOST_PLOTS` plots of `MOST_ROWS` rows with `MOST_DOTS` dots in all.

    Plots are taken evenly over the run, the ones with the smallest and the largest value always among them; of a plot's
    rows the slowest and the fastest are.
    """
    groups = _groups(summary)
    # A chart of nothing says less than the table does.
    groups = [group for group in groups if any(value_of(case, summary) is not None for _, case in group.rows)] or groups
    drawn = [Group(group.title, _chosen_rows(group.rows, summary)) for group in _chosen_groups(groups, summary)]
    cases = [case for group in drawn for _, case in group.rows]
    return Selection(
        groups=tuple(drawn),
        dots_per_case=max(1, MOST_DOTS // max(1, len(cases))),
        cases=len(cases),
        of_cases=sum(len(group.rows) for group in groups),
        dots=max((len(summary.block_values.get((case.host, case.case_id), ())) for case in cases), default=0),
    )


def value_of(case: CaseSummary, summary: Summary) -> float | None:
    """Return what is drawn for a case: its ratio, or its median ns in a run without a baseline."""
    return case.ratio if summary.has_baseline else case.median_ns


def is_of_conditions(summary: Summary) -> bool:
    """Say whether cases are compared with themselves under other conditions: the baseline names no method."""
    return summary.has_baseline and "method" not in summary.baseline


def contender_label(summary: Summary, case: CaseSummary) -> str:
    """Name what is compared with the baseline; a change of conditions by what it changes."""
    if is_of_conditions(summary):
        return change_of(summary, case)[0]
    return ", ".join(level_text(name, case.levels.get(name)) for name in _row_factors(summary))


def _row_factors(summary: Summary) -> tuple[str, ...]:
    if summary.has_baseline:
        return tuple(summary.baseline)
    return ("method",) if "method" in summary.varying or not summary.varying else (summary.varying[0],)


def _groups(summary: Summary) -> list[Group]:
    compared = _row_factors(summary)
    rows: dict[tuple[str, str], list[tuple[str, CaseSummary]]] = {}
    others = [name for name in summary.varying if name not in compared]
    for case in summary.cases:
        if summary.has_baseline and all(case.levels.get(name) == level for name, level in summary.baseline.items()):
            continue
        host = clipped(case.host, 80) if len(summary.hosts) > 1 else ""
        if is_of_conditions(summary) and others:
            where = f"with {contender_label(summary, case)}"
            label = ", ".join(level_text(name, case.levels.get(name)) for name in others)
        else:
            where = f"with {levels_phrase({name: case.levels[name] for name in others})}" if others else ""
            label = contender_label(summary, case)
        rows.setdefault((host, where), []).append((label, case))
    return [Group(_title(*key), tuple(found)) for key, found in rows.items()]


def _title(host: str, where: str) -> str:
    return f"{host}, {where}".strip(", ") if host else f"W{where[1:]}" if where else "All cases"


def _chosen_groups(groups: list[Group], summary: Summary) -> list[Group]:
    if len(groups) <= MOST_PLOTS:
        return groups
    extremes = [
        (value, index)
        for index, group in enumerate(groups)
        for _, case in group.rows
        if (value := value_of(case, summary)) is not None
    ]
    indices = set(evenly(range(len(groups)), MOST_PLOTS - 2))
    if extremes:
        indices |= {min(extremes)[1], max(extremes)[1]}
    return [groups[index] for index in sorted(indices)]


def _chosen_rows(rows: tuple[tuple[str, CaseSummary], ...], summary: Summary) -> tuple[tuple[str, CaseSummary], ...]:
    if len(rows) <= MOST_ROWS:
        return rows
    ranked = sorted((value, index) for index, (_, case) in enumerate(rows) if (value := value_of(case, summary)))
    half = MOST_ROWS // 2
    kept = {index for _, index in (*ranked[:half], *ranked[-half:])} or set(range(MOST_ROWS))
    return tuple(row for index, row in enumerate(rows) if index in kept)


def evenly(items: Sequence[T], most: int) -> list[T]:
    """Return at most so many of a sequence's items, evenly spaced, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    if most == 1:
        return [items[0]]
    return [items[index * (len(items) - 1) // (most - 1)] for index in range(most)]
