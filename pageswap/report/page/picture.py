"""The picture at the top of the page: the chart that shows the answer, and how to read it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pageswap.analysis.verdicts import BASELINE
from pageswap.answers.cost import multiple
from pageswap.answers.faster import change_order
from pageswap.report.charts import vegalite as vega
from pageswap.report.sections.ratios import contender_label, is_of_conditions, looks, quantity
from pageswap.report.sections.section import Section, case_name, grouped_by, notes, speeds
from pageswap.spec.experiment import COST
from pageswap.spec.factors import FACTORS, trend_of
from pageswap.text.numbers import ratio_text
from pageswap.text.words import clipped, level_text, plural, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.analysis.summary import CaseSummary, Summary
    from pageswap.report.charts.vegalite import Plot
    from pageswap.report.sections.reported_run import ReportedRun

MOST_ROWS = 16
MOST_MARKS = 24
_MOST_TOLD = 8
_LONGEST_END = 40
_A_TREND = 3


def picture(run: ReportedRun, sections: list[Section]) -> tuple[Plot | None, tuple[str, ...], list[Section]]:
    """Choose what shows the answer: a size's trend, a call taken apart, all comparisons at a glance, or the ratios.

    Returns the chart, how to read it, and the sections without it.
    """

    def without(shown: Section) -> list[Section]:
        rest = dataclasses.replace(shown, notes=shown.notes + notes("at_the_top"), plots=shown.plots[1:])
        kept = [rest] if rest.plots or rest.grids else []
        return [each for section in sections for each in (kept if section is shown else [section])]

    summary = run.summary
    of_id = {section.id: section for section in sections if section.plots}
    leading = [
        trend.id
        for name in FACTORS
        if (trend := trend_of(name, summary.workload))
        and trend.may_lead
        and len({case.levels.get(name) for case in summary.cases}) >= _A_TREND
    ] + ["costs"] * (summary.workload == "call")
    if shown := next((of_id[name] for name in leading if name in of_id), None):
        return shown.plots[0], shown.notes[:1], without(shown)
    glance = overview(summary)
    if glance:
        marks, found = glance.spec["datasets"]["marks"], _contenders(summary)
        drawn = {mark["Case"] for mark in marks}
        is_thinned = any(len(found[name]) > MOST_MARKS for name in drawn)
        left_out = len(marks), sum(map(len, found.values())), len(drawn) < len(found), is_thinned
        return glance, notes("glance", summary.asks == COST, *left_out, *marks_of_rows(summary)), sections
    ratios = of_id.get("ratios")
    if ratios and len(ratios.plots) == 1:
        only = dataclasses.replace(ratios.plots[0], title=ratios.title)
        return only, ratios.notes, without(ratios)
    return None, (), sections


def overview(summary: Summary) -> Plot | None:
    """Draw every compared case in the row of its contender; None where one chart of ratios shows all there is.

    Where cases are compared with themselves under other conditions each has a row, as many as there is room for. Calls
    are compared by their times, the cheapest first.
    """
    by_itself, is_cost, found = _has_rows_of_cases(summary), summary.asks == COST, _contenders(summary)
    if not found or (max(map(len, found.values())) == 1 and not by_itself and not is_cost):
        return None
    contenders = list(found.items())
    if len(contenders) > MOST_ROWS:
        contenders = sorted(contenders, key=lambda each: min(case.median_ns or 0 for case in each[1]))[:MOST_ROWS]
    elif by_itself:
        contenders.sort(key=lambda each: change_order(summary, each[1][0]))
    elif is_cost:
        contenders.sort(key=lambda each: min(multiple(case)[0] for case in each[1]))
    return _plot(summary, contenders)


def _has_rows_of_cases(summary: Summary) -> bool:
    return is_of_conditions(summary) and len(summary.hosts) == 1


def _contenders(summary: Summary) -> dict[str, list[CaseSummary]]:
    """Return the compared cases of each row by its label."""

    def label(case: CaseSummary) -> str:
        changed = contender_label(summary, case)
        if not _has_rows_of_cases(summary):
            return visible(changed)
        besides = [n for n in summary.varying if n in case.levels and n not in summary.baseline]
        return visible(f"{', '.join(level_text(name, case.levels[name]) for name in besides)}\n{changed}".lstrip())

    return grouped_by((each for each in summary.cases if each.ratio is not None and each.verdict != BASELINE), label)


def _where(summary: Summary, case: CaseSummary) -> str:
    return case_name(summary, case.host, case.levels, summary.baseline)


def marks_of_rows(summary: Summary) -> tuple[list[str], list[str]]:
    """Return what the marks of each row are, from top to bottom, and else in which factors they differ.

    The first is empty where rows differ or have many marks, both are where each row has but one.
    """
    rows = [[_where(summary, case) for case in cases] for cases in _contenders(summary).values()]
    most = max(map(len, rows), default=0)
    if most <= 1 or _has_rows_of_cases(summary):
        return [], []
    factors = [name.replace("_", " ") for name in summary.varying if name not in summary.baseline]
    told = rows[0] if most <= _MOST_TOLD and all(row == rows[0] for row in rows) else []
    return told, [*(["host"] if len(summary.hosts) > 1 else []), *factors]


def _named(summary: Summary, label: str, cases: Sequence[CaseSummary]) -> str:
    """Print a row's label with the range of its figures below; ends of different verdicts have their own words."""
    ordered = sorted(cases, key=lambda case: case.ratio or 0.0)
    is_alike = summary.asks == COST or ordered[0].verdict == ordered[-1].verdict
    told = " to\n".join(
        speeds(summary.asks, each[0].verdict, [(case.ratio or 1.0, case.ratio_ci) for case in each])[0]
        for each in ([ordered] if is_alike else [ordered[:1], ordered[-1:]])
    )
    return f"{label}\n{told}"


def _plot(summary: Summary, contenders: Sequence[tuple[str, list[CaseSummary]]]) -> Plot:
    is_cost = summary.asks == COST
    names = [_named(summary, label, cases) for label, cases in contenders]
    rows = [
        {
            **vega.figure(*figure, ratio_text(*figure)),
            "row": name,
            "place": (place + 0.5) / len(chosen),
            "Case": label,
            "Where": _where(summary, case) or "everywhere",
            "end": clipped(_where(summary, case), _LONGEST_END),
            "verdict": case.verdict,
            "Verdict": case.told,
        }
        for name, (label, cases) in zip(names, contenders, strict=True)
        for chosen in [vega.evenly(cases, MOST_MARKS)]
        for place, case in enumerate(chosen)
        for figure in [multiple(case) if is_cost else (case.ratio or 1.0, case.ratio_ci)]
    ]
    most = max(min(len(cases), MOST_MARKS) for _, cases in contenders)
    has_ends = 1 < most <= _MOST_TOLD
    # Room for each line of a label, and for each mark.
    lines = max(name.count("\n") for name in names) + 1
    height = max(44, 15 * lines + 7, 15 * most + 12 if has_ends else min(10 * most + 16, 130))
    what = quantity(summary, "Time" if is_cost else "Speed")
    domain = vega.around([row[end] for row in rows for end in ("low", "high")], always=[1.0])
    label = vega.MULTIPLE_LABEL if is_cost else vega.SPEED_LABEL
    x = vega.log_axis("value", f"{what} (log scale)", domain, label, "end")
    ends = [{**row, "value": domain[1]} for row in rows] if has_ends else []
    channels: dict[str, Any] = {
        "x": x,
        "y": vega.row_axis(names),
        **looks(summary, rows),
        "yOffset": {"field": "place", "type": "quantitative", "scale": {"domain": [0, 1], "range": [6, height - 6]}},
        "tooltip": vega.tips("Case", "Where", ("Value", what), ("CI", "95 % CI"), "Verdict"),
    }
    layers = [vega.reference_line(x), *vega.figure_layers("marks", "x", channels, size=70)]
    layers.append(vega.end_labels(x, y=channels["y"], yOffset=channels["yOffset"]))
    title = what if is_cost else f"{plural(len(rows), 'comparison')} at a glance"
    told = [name.replace(" to\n", " to ") for name in names]
    return vega.plot(title, told, layers, {"marks": rows, "ends": ends}, height * len(names))
