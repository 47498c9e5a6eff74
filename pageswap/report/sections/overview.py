"""The picture right below the answer: each contender's ratios over all that varied, in one small chart."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pageswap.answers.cost import multiple
from pageswap.answers.gain import change_order
from pageswap.report.charts.selection import contender_label, evenly, is_of_conditions
from pageswap.report.charts.vegalite import around, figure, figure_layers, plot, reference_line, row_axis, tips
from pageswap.report.sections.ratios import LONGEST_BASELINE, looks, quantity, value_axis
from pageswap.spec.asks import COST
from pageswap.text.invisible_characters import visible
from pageswap.text.levels import level_text, levels_phrase
from pageswap.text.lists import clipped, listed, plural
from pageswap.text.numbers import ratio_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.analysis.summary import CaseSummary, Summary
    from pageswap.report.charts.vegalite import Plot
    from pageswap.statistics.intervals import Interval

MOST_ROWS = 16
MOST_MARKS = 24
_LONGEST_PLACE = 160
_MOST_TOLD = 8


@dataclasses.dataclass(frozen=True)
class _Contender:
    """One row: what is compared with the baseline, and every case of it that was."""

    label: str
    cases: tuple[CaseSummary, ...]
    is_cost: bool

    def figure(self, case: CaseSummary) -> tuple[float, Interval | None]:
        """Give what is drawn of a case: its speed relative to the baseline's, or for calls its time."""
        return multiple(case) if self.is_cost else (case.ratio or 1.0, case.ratio_ci)

    def named(self) -> str:
        """Print the row's label with the range of its figures below."""
        ordered = sorted(map(self.figure, self.cases), key=lambda figure: figure[0])
        ends = list(dict.fromkeys(ratio_text(*figure) for figure in (ordered[0], ordered[-1])))
        return f"{self.label}\n{' to '.join(ends)}"


def overview(summary: Summary) -> Plot | None:
    """Draw every compared case in the row of its contender; None where one chart of `ratios` shows all there is.

    Where cases are compared with themselves under other conditions each has a row, as many as there is room for. Calls
    are compared by their times, the cheapest first.
    """
    if not summary.has_baseline:
        return None
    by_itself, is_cost = is_of_conditions(summary) and len(summary.hosts) == 1, summary.asks == COST
    found: dict[str, list[CaseSummary]] = {}
    for case in summary.cases:
        if case.ratio is not None and case.verdict != "baseline":
            label = contender_label(summary, case)
            if by_itself:
                besides = [name for name in summary.varying if name in case.levels and name not in summary.baseline]
                own = [level_text(name, case.levels[name]) for name in besides]
                label = "\n".join([*([", ".join(own)] if own else []), label])
            found.setdefault(visible(label), []).append(case)
    if not found or (max(len(cases) for cases in found.values()) == 1 and not by_itself and not is_cost):
        return None
    contenders = [_Contender(label, tuple(cases), is_cost) for label, cases in found.items()]
    if len(contenders) > MOST_ROWS:
        ranked = sorted(contenders, key=lambda each: min(case.median_ns or 0 for case in each.cases))
        contenders = ranked[:MOST_ROWS]
    elif by_itself:
        contenders.sort(key=lambda each: change_order(summary, each.cases[0]))
    elif is_cost:
        contenders.sort(key=lambda each: min(each.figure(case)[0] for case in each.cases))
    return _plot(summary, contenders)


def order_of(summary: Summary) -> str:
    """Say in a sentence what the marks of one row are, from top to bottom; "" where each row has but one."""
    of_row: dict[str, list[str]] = {}
    for case in summary.cases:
        if case.ratio is not None and case.verdict != "baseline":
            of_row.setdefault(contender_label(summary, case), []).append(_where(summary, case))
    most = max((len(places) for places in of_row.values()), default=0)
    if most <= 1 or (is_of_conditions(summary) and len(summary.hosts) == 1):
        return ""
    names = [name for name in case.levels if name in summary.varying and name not in summary.baseline]
    factors = listed([*(["host"] if len(summary.hosts) > 1 else []), *(name.replace("_", " ") for name in names)])
    first, *others = of_row.values()
    if most <= _MOST_TOLD and all(places == first for places in others):
        return f"The marks of a row are, from top to bottom: {'; '.join(first)}."
    return f"The marks of a row differ in {factors}, in the order of the table below; the pointer names each."


def title_of(summary: Summary) -> str:
    """Name what is drawn."""
    if summary.asks == COST:
        return f"Time relative to {visible(clipped(levels_phrase(summary.baseline), LONGEST_BASELINE))}"
    return quantity(summary)


def _plot(summary: Summary, contenders: Sequence[_Contender]) -> Plot:
    rows = [
        {
            **figure(*contender.figure(case), ratio_text(*contender.figure(case))),
            "row": contender.named(),
            "place": (place + 0.5) / len(chosen),
            "Case": contender.label,
            "Where": _where(summary, case) or "everywhere",
            "verdict": case.verdict,
            "Verdict": case.told,
        }
        for contender in contenders
        for chosen in [evenly(contender.cases, MOST_MARKS)]
        for place, case in enumerate(chosen)
    ]
    names = [contender.named() for contender in contenders]
    most = max(min(len(contender.cases), MOST_MARKS) for contender in contenders)
    height = max(52 if is_of_conditions(summary) else 44, min(10 * most + 16, 130))
    x = value_axis(summary, around([row[end] for row in rows for end in ("low", "high")], always=[1.0]))
    x["title"] = f"{title_of(summary)} (log scale)"
    channels = {
        "x": x,
        "y": row_axis(names),
        **looks(summary, rows),
        "yOffset": {"field": "place", "type": "quantitative", "scale": {"domain": [0, 1], "range": [6, height - 6]}},
        "tooltip": tips("Case", "Where", ("Value", title_of(summary)), ("CI", "95 % CI"), "Verdict"),
    }
    layers = [reference_line(x), *figure_layers("marks", "x", channels, size=70)]
    title = title_of(summary) if summary.asks == COST else f"{plural(len(rows), 'comparison')} at a glance"
    return plot(title, names, layers, {"marks": rows}, height * len(names))


def _where(summary: Summary, case: CaseSummary) -> str:
    host = clipped(case.host, 60) if len(summary.hosts) > 1 else ""
    others = {n: case.levels[n] for n in summary.varying if n not in summary.baseline and n in case.levels}
    return clipped(", ".join(part for part in (host, levels_phrase(others)) if part), _LONGEST_PLACE)
