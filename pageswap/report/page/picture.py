"""The picture at the top of the page: the chart that shows the answer, and how to read it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pageswap.report.sections.overview import order_of, overview
from pageswap.spec import FACTORS, trend_of
from pageswap.spec.asks import COST

if TYPE_CHECKING:
    from pageswap.analysis.summary import Summary
    from pageswap.report.charts.vegalite import Plot
    from pageswap.report.sections.section import ReportedRun, Section

_A_TREND = 3
_AT_A_GLANCE = (
    "Each mark is one comparison with the baseline, the bar its 95 % confidence interval. A triangle that points up is "
    "faster than the baseline, one that points down slower, a disc not shown to differ, a diamond measured too few "
    "times to say."
)
_AT_A_GLANCE_OF_CALLS = (
    "Each mark is a call's time in multiples of the baseline's, the bar its 95 % confidence interval: further to the "
    "right is dearer. A triangle that points up costs less than the baseline, one that points down more, a disc not "
    "shown to differ, a diamond measured too few times to say."
)
_AT_THE_TOP = "The first of its charts stands at the top of the page."


def picture(run: ReportedRun, sections: list[Section]) -> tuple[Plot | None, str, list[Section]]:
    """Choose what shows the answer: a size's trend, a call taken apart, all comparisons at a glance, or the ratios.

    Returns the chart, how to read it, and the sections without it.
    """
    summary = run.summary
    of_id = {section.id: section for section in sections if section.plots}
    leading = {name: trend for name in FACTORS if (trend := trend_of(name, summary.workload)) and trend.may_lead}
    trends = [
        of_id[trend.id] for name, trend in leading.items() if trend.id in of_id and _levels(summary, name) >= _A_TREND
    ]
    calls = [of_id["costs"]] if summary.workload == "call" and "costs" in of_id else []
    for section in (*trends, *calls):
        return section.plots[0], section.notes[0], _without_first(sections, section)
    glance = overview(summary)
    if glance:
        how = _AT_A_GLANCE_OF_CALLS if summary.asks == COST else _AT_A_GLANCE
        return glance, f"{how} {order_of(summary)}".rstrip(), sections
    ratios = of_id.get("ratios")
    if ratios and len(ratios.plots) == 1:
        only = dataclasses.replace(ratios.plots[0], title=ratios.title)
        return only, " ".join(ratios.notes), _without_first(sections, ratios)
    return None, "", sections


def _levels(summary: Summary, factor: str) -> int:
    return len({case.levels.get(factor) for case in summary.cases})


def _without_first(sections: list[Section], shown: Section) -> list[Section]:
    """Return the sections without the first chart of one, and without that where nothing but the chart was in it."""
    rest = dataclasses.replace(shown, notes=(*shown.notes, _AT_THE_TOP), plots=shown.plots[1:])
    kept = [rest] if rest.plots or rest.grids else []
    return [each for section in sections for each in (kept if section is shown else [section])]
