"""What is seen first of a run: a row a contender, and the picture that shows the answer, with how to read it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from pageswap.analysis.trials.run_data import grouped_by
from pageswap.analysis.verdicts import BASELINE, NOT_COMPARED, NOT_MEASURED
from pageswap.answers.cost import multiple
from pageswap.answers.faster import change_order
from pageswap.answers.record import CORRUPT, FASTEST, MEASURED, PART, Answer, Finding
from pageswap.report.charts import vegalite as vega
from pageswap.report.sections.ratios import contender_label, is_of_conditions, looks, quantity
from pageswap.report.sections.section import Section, case_name, notes, speeds
from pageswap.spec.experiment import COST, GAIN
from pageswap.spec.factors import FACTORS, trend_of
from pageswap.statistics.intervals import Interval
from pageswap.text.numbers import ratio_text
from pageswap.text.words import clipped, first_few, level_text, levels_phrase, plural, visible

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pageswap.analysis.summary import CaseSummary, Summary
    from pageswap.report.charts.vegalite import Plot
    from pageswap.report.sections.reported_run import ReportedRun

MOST_ROWS = 16
MOST_MARKS = 24
_MOST_TOLD = 8
_LONGEST_END = 40
_A_TREND = 3
_NAMED: Final = 3
_LONGEST: Final = 80
_WITHOUT_FIGURE: Final = (NOT_COMPARED, NOT_MEASURED, CORRUPT)


@dataclasses.dataclass(frozen=True)
class ContenderRow:
    """A contender's findings that ended alike: its speed in words, the interval's ends, the verdict, and where it is.

    Of several findings ``speed`` and ``interval`` span all, in the same unit. ``where`` is "" where the contender ended
    alike everywhere; ``reasons`` are the different ones of the findings, of each its first.
    """

    contender: str
    speed: str
    interval: str
    verdict: str
    where: str
    reasons: tuple[str, ...]
    against: str


def first_rows(answer: Answer, staying: Collection[str] = ()) -> list[ContenderRow]:
    """Return a row for each contender, or several where conditions decide; the fastest contender first.

    ``staying`` are the contenders that move no page where that is asked for: they come last, and are said to.
    """
    by_contender: dict[str, list[Finding]] = {}
    for finding in answer.findings:
        where, name = {"host": finding.host, **finding.where}, finding.subject
        if answer.asks == GAIN and "method" in where:
            # Where conditions are compared, a method is told by its change; then it is no condition.
            name = f"{where.pop('method')}: {name}"
        by_contender.setdefault(clipped(name, _LONGEST), []).append(dataclasses.replace(finding, where=where))

    def rank(name: str) -> tuple[bool, bool, float]:
        """Put the parts of a call first, and else the fastest contender."""
        found = by_contender[name]
        return name in staying, found[0].verdict != PART, -max(each.ratio or 0.0 for each in found)

    rows = [
        row
        for name in sorted(by_contender, key=rank)
        for row in _rows(answer.asks, f"{name} (moves no page)" if name in staying else name, by_contender[name])
    ]
    return sorted(rows, key=lambda row: not row.speed)


def _rows(asks: str, name: str, found: Sequence[Finding]) -> list[ContenderRow]:
    # Rates are words, which have no range.
    alike = grouped_by(found, lambda each: (each.verdict, each.times if each.verdict == MEASURED else ""))
    rows = []
    for (verdict, _), own in sorted(alike.items(), key=lambda each: each[0][0] != FASTEST):
        speed, interval = _figures(asks, verdict, own)
        rows.append(
            ContenderRow(
                contender=name,
                speed=speed,
                interval=interval,
                verdict=verdict,
                where=_where([each.where for each in own], [each.where for each in found]) if len(alike) > 1 else "",
                reasons=tuple(dict.fromkeys(each.why.partition("; ")[0] for each in own if each.why)),
                against=first_few(dict.fromkeys(each.against for each in own if each.against), _NAMED),
            )
        )
    return rows


def _figures(asks: str, verdict: str, findings: Sequence[Finding]) -> tuple[str, str]:
    """Return in one unit the lowest and the highest figure, and the outermost ends of their intervals."""
    ordered = sorted((each for each in findings if each.times), key=lambda each: each.ratio or 0.0)
    ends = [Interval(each.low, each.high) if each.low and each.high else None for each in ordered]
    ratios = [(each.ratio, own) for each, own in zip(ordered, ends, strict=True) if each.ratio]
    if verdict in _WITHOUT_FIGURE or not ordered:
        return "", ""
    if verdict in (PART, MEASURED) or not ratios:
        # A share or a rate, whose interval, if it is told, follows it; that of the ratio is another figure's.
        told = dict.fromkeys(each.times.partition(", ")[0] for each in (ordered[0], ordered[-1]))
        return " to ".join(told), ordered[0].times.partition(", ")[2]
    return speeds(asks, verdict, ratios)


def _where(own: Sequence[Mapping[str, Any]], every: Sequence[Mapping[str, Any]]) -> str:
    """Say in which of a contender's conditions it ended so: by what tells these from the rest, or by their count."""
    levels = {name: list(dict.fromkeys(where.get(name) for where in every)) for name in every[0]}
    mine = {name: {where.get(name) for where in own} for name in levels}
    telling = {name: [level for level in levels[name] if level in mine[name]] for name in levels}
    telling = {name: found for name, found in telling.items() if len(found) < len(levels[name])}
    if sum(all(where.get(name) in found for name, found in telling.items()) for where in every) == len(own):
        told = ", ".join(_levels(name, found, levels[name]) for name, found in telling.items())
    elif len(own) < _NAMED:
        varying = [name for name, found in levels.items() if len(found) > 1]
        told = "; ".join(", ".join(_levels(name, [where.get(name)], []) for name in varying) for where in own)
    else:
        told = f"in {len(own):,} of {len(every):,} conditions"
    return clipped(told, _LONGEST)


def _levels(name: str, found: list[Any], every: list[Any]) -> str:
    if name == "host":
        return f"on {first_few([clipped(str(host), _LONGEST) for host in found], _NAMED)}"
    if len(found) == 1:
        return levels_phrase({name: found[0]})
    texts = [level_text(name, level) for level in found]
    start = every.index(found[0])
    is_range = isinstance(found[0], int) and every[start : start + len(found)] == found
    told = f"{texts[0]} to {texts[-1]}" if is_range else first_few(texts, 2 * _NAMED)
    return FACTORS[name].phrase.format(told) if name in FACTORS else f"{told} {name}"


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


def marks_of_rows(summary: Summary) -> tuple[list[str], list[str]]:
    """Return what the marks of each row are, from top to bottom, and else in which factors they differ.

    The first is empty where rows differ or have many marks, both are where each row has but one.
    """
    base, found = summary.baseline, _contenders(summary).values()
    rows = [[case_name(summary, case.host, case.levels, base) for case in cases] for cases in found]
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
            "Where": where or "everywhere",
            "end": clipped(where, _LONGEST_END),
            "verdict": case.verdict,
            "Verdict": case.told,
        }
        for name, (label, cases) in zip(names, contenders, strict=True)
        for chosen in [vega.evenly(cases, MOST_MARKS)]
        for place, case in enumerate(chosen)
        for where in [case_name(summary, case.host, case.levels, summary.baseline)]
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
