"""Which cases a chart shows: all of a usual run, a bounded and declared choice of a huge one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, TypeVar

from pageswap.answers.faster import change_of
from pageswap.text.words import clipped, level_text, levels_phrase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pageswap.analysis.summary import CaseSummary, Summary
    from pageswap.statistics.intervals import Interval

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

    Plots, and rows of a plot, are taken evenly, the ones with the smallest and the largest value always among them.
    """

    def values(rows: Iterable[tuple[str, CaseSummary]]) -> list[float]:
        return [value for _, case in rows if (value := figure_of(summary, case)[0]) is not None]

    groups = _groups(summary)
    # A chart of nothing says less than the table does.
    groups = [group for group in groups if values(group.rows)] or groups
    drawn = [
        Group(group.title, tuple(_with_extremes(list(group.rows), MOST_ROWS, lambda row: values([row]))))
        for group in _with_extremes(groups, MOST_PLOTS, lambda group: values(group.rows))
    ]
    cases = [case for group in drawn for _, case in group.rows]
    return Selection(
        groups=tuple(drawn),
        dots_per_case=max(1, MOST_DOTS // max(1, len(cases))),
        cases=len(cases),
        of_cases=sum(len(group.rows) for group in groups),
        dots=max((len(summary.block_values.get((case.host, case.case_id), ())) for case in cases), default=0),
    )


def figure_of(summary: Summary, case: CaseSummary) -> tuple[float | None, Interval | None]:
    """Return what is drawn of a case: its ratio, or its median ns in a run without a baseline; and its interval."""
    return (case.ratio, case.ratio_ci) if summary.has_baseline else (case.median_ns, case.median_ci)


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
    rows: dict[str, list[tuple[str, CaseSummary]]] = {}
    others = [name for name in summary.varying if name not in compared]
    for case in (each for each in summary.cases if not summary.is_baseline(each)):
        if is_of_conditions(summary) and others:
            where = contender_label(summary, case)
            label = ", ".join(level_text(name, case.levels.get(name)) for name in others)
        else:
            where = levels_phrase({name: case.levels[name] for name in others})
            label = contender_label(summary, case)
        title = f"With {where}" if where else "All cases"
        if len(summary.hosts) > 1:
            title = f"{clipped(case.host, 80)}{f', with {where}' if where else ''}"
        rows.setdefault(title, []).append((label, case))
    return [Group(title, tuple(found)) for title, found in rows.items()]


def _with_extremes(items: list[T], most: int, values: Callable[[T], Iterable[float]]) -> list[T]:
    """Return at most so many items, the ones with the smallest and the largest value always among them."""
    ranked = sorted((value, index) for index, item in enumerate(items) for value in values(item))
    kept = {index for _, index in (*ranked[:1], *ranked[-1:])}
    for index in evenly(range(len(items)), most):
        kept |= {index} if len(kept) < most else set()
    return [items[index] for index in sorted(kept)]


def evenly(items: Sequence[T], most: int) -> list[T]:
    """Return at most so many of a sequence's items, evenly spaced, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    if most == 1:
        return [items[0]]
    return [items[index * (len(items) - 1) // (most - 1)] for index in range(most)]
