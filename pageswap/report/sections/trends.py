"""The charts of how the rate changes with a size or a count: pages, regions, batches, threads, with crossovers."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pageswap.analysis.trials.run_data import grouped_by
from pageswap.analysis.verdicts import BASELINE
from pageswap.answers.words import say
from pageswap.report.charts import vegalite as vega
from pageswap.report.sections.section import Grid, Heading, Section, case_name, note, notes, section_of
from pageswap.spec.factors import FACTORS, trend_of
from pageswap.text.numbers import figure_text, interval_text, scaled
from pageswap.text.words import level_text, operation, visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pageswap.analysis.checks.crossovers import Crossover
    from pageswap.analysis.summary import CaseSummary, Summary
    from pageswap.report.charts.vegalite import Plot, Spec
    from pageswap.report.sections.reported_run import ReportedRun

MOST_PANELS = 6
MOST_LEVELS = 24
_HEIGHT_PX = 280
_LINE_PX = 16
# Marks nearer to each other than this stand side by side.
_MARK_PX = 9
_MOST_UNFOLDED = 30
# A crossover's label begins above its line, or so much further left that it ends within the chart; a letter of it is
# taken for 6.3 px wide. A line that a label below its own would then lie over ends below all labels.
_BEGIN = {"expr": "min(-4, width - scale('x', datum.at) - length(datum.Label) * 6.3)"}
_LEFTMOST_BELOW = "min(scale('x', datum.next) - 4, width - datum.letters * 6.3)"
_TOP = {"value": {"expr": f"scale('x', datum.at) < {_LEFTMOST_BELOW} ? scale('y', datum.value) : datum.free"}}
_GROUND = {"value": _HEIGHT_PX}
_LABEL = {"type": "text", "baseline": "bottom", "align": "left", "dx": _BEGIN, "dy": -3, "fontSize": 11}


@dataclasses.dataclass(frozen=True)
class _Trend:
    """What all charts of a section share, so that they can be compared by eye: the factor, the lines, the axes.

    ``lines`` has the cases of each line by its name, ``is_rate`` says that bytes a second are drawn upwards, where
    pages are moved, and not the time of an operation.
    """

    factor: str
    axis: str
    is_rate: bool
    what: str
    lines: Mapping[str, Sequence[CaseSummary]]
    domain: tuple[float, float]

    def height_of(self, value: float) -> float:
        """Return how far up a value is drawn, in px."""
        low, high = self.domain
        return _HEIGHT_PX * math.log(value / low) / math.log(high / low)

    def value_at(self, height_px: float) -> float:
        """Return the value that is drawn so far up."""
        low, high = self.domain
        return low * math.exp(height_px / _HEIGHT_PX * math.log(high / low))


def section(run: ReportedRun, factor: str) -> Section | None:
    """Show how the rate, or the time, changes with a factor, where it varies in the run."""
    summary, trend = run.summary, trend_of(factor, run.summary.workload)
    if factor not in summary.varying or trend is None:
        return None
    crossovers = [] if run.is_grouped else [each for each in run.findings.crossovers if each.factor == factor]
    # A level that is a word, or stands for one, is no place on the axis.
    places = [case for case in summary.cases if isinstance(case.levels.get(factor), int) and case.levels[factor] > 0]
    measured = [case for case in places if case.n]
    is_rate = 0 < len(measured) <= 2 * sum(bool(case.bytes_per_s) for case in measured)
    series = "method" if "method" in summary.varying else next((n for n in summary.varying if n != factor), "method")

    def panel(each: CaseSummary | Crossover) -> str:
        """Name the chart of a case, or of a pair of methods: by all that neither its axis nor its lines tell."""
        return case_name(summary, each.host, each.levels, (factor, series)) or "All cases"

    # One level makes no trend.
    panels = {
        name: found
        for name, found in grouped_by(measured, panel).items()
        if len({case.levels[factor] for case in found}) > 1
    }
    crossed = grouped_by(crossovers, panel)
    marked = {name: _answered(summary, crossed.get(name, ())) for name in panels}
    by_name = grouped_by(measured, lambda case: visible(level_text(series, case.levels.get(series))))
    lines = _shown_lines(by_name)
    ends = [end for cases in lines.values() for case in cases for end in _figure(case, is_rate=is_rate) if end > 0]
    low, high = vega.around(ends)
    # Above the lines there is room for the words of each crossover.
    room = _LINE_PX * max(map(len, marked.values()), default=0) / _HEIGHT_PX
    domain = (low, high * (high / low) ** (room / (1 - room)))
    frame = _Trend(factor, trend.axis, is_rate, operation(summary.workload), lines, domain)
    title = trend.heading if is_rate else trend.heading.replace("Rate", "Time", 1)
    chosen = vega.evenly(list(panels), MOST_PANELS)
    plots = [
        _plot(frame, title if len(panels) == 1 else f"{title}: {name}", panels[name], marked[name]) for name in chosen
    ]
    told = notes("trend", not is_rate, any(marked.values()))
    levels = len({case.levels[factor] for case in measured})
    bounds = (len(chosen), len(panels)), (len(lines), len(by_name)), (min(levels, MOST_LEVELS), levels)
    has_base = visible(level_text(series, summary.baseline.get(series))) in lines
    told += notes("trend_bounds", *bounds, has_base)
    # What belongs to the charts comes first.
    grids = _crossover_grids({name: crossed.get(name, ()) for name in dict.fromkeys([*chosen, *panels])})
    return section_of(trend.id, title, told, plots, grids)


def _answered(summary: Summary, found: Sequence[Crossover]) -> list[Crossover]:
    """Choose the crossovers of a chart that the answer is about: with the baseline, or the only one."""
    shown = [each for each in found if each.is_shown and each.at_bytes is not None]
    base = summary.baseline.get("method")
    return [each for each in shown if base in (each.a, each.b)] if base else shown[:1] if len(shown) == 1 else []


def _crossover_grids(of_panel: Mapping[str, Sequence[Crossover]]) -> tuple[Grid, ...]:
    """Say for each pair of methods where the faster one changes; sum up those that do not change places."""
    first = 0 if len(of_panel) > 1 else 1
    every = [(name, each) for name, found in of_panel.items() for each in found]
    crossed = tuple(
        (name, each.a, each.b, say("crossing", "crossing", each))[first:] for name, each in every if each.is_shown
    )
    others = grouped_by((each for _, each in every if not each.is_shown), lambda each: (each.a, each.b))
    unchanged = tuple(
        (*pair, note("unchanged", found, Counter(note("unchanged_pair", each) for each in found), len(of_panel)))
        for pair, found in others.items()
    )
    cases, *pair, where, found = map(Heading, ("Cases", "Method", "Against", "Crossover", "Found"))
    is_long, which = len(unchanged) > _MOST_UNFOLDED, "the charts above come first"
    return (
        Grid("Where the faster one changes", (cases, *pair, where)[first:], crossed, 3 - first, first=which),
        Grid("Pairs that were not shown to change places", (*pair, found), unchanged, 2, is_folded=is_long),
    )


def _shown_lines(by_name: dict[str, list[CaseSummary]]) -> dict[str, list[CaseSummary]]:
    """Choose at most as many lines as there are colours and shapes: the baseline's and the fastest, in their order."""

    def rank(name: str) -> tuple[bool, float]:
        cases = by_name[name]
        return all(case.verdict != BASELINE for case in cases), min(case.median_ns or 0 for case in cases)

    kept = sorted(by_name, key=rank)[: len(vega.PALETTE)]
    return {name: cases for name, cases in by_name.items() if name in kept}


def _figure(case: CaseSummary, *, is_rate: bool) -> tuple[float, float, float]:
    """Return what is drawn of a case, a rate or a time in ns, and the ends of its interval; zeros if there is none."""
    ns = case.median_ns or 0.0
    low, high = (case.median_ci.low, case.median_ci.high) if case.median_ci else (ns, ns)
    if not is_rate or not ns:
        return ns, low, high
    rate = case.bytes_per_s or 0.0
    return rate, rate * ns / high, rate * ns / low


def _plot(trend: _Trend, title: str, cases: Sequence[CaseSummary], crossed: Sequence[Crossover]) -> Plot:
    here = {id(case) for case in cases}
    drawn = set(vega.evenly(sorted({int(case.levels[trend.factor]) for case in cases}), MOST_LEVELS))
    points = [
        _point(trend, name, case)
        for name, found in trend.lines.items()
        for case in sorted(found, key=lambda each: int(each.levels[trend.factor]))
        if id(case) in here and case.levels[trend.factor] in drawn and _figure(case, is_rate=trend.is_rate)[0] > 0
    ]
    names = list(dict.fromkeys(point["Case"] for point in points))
    levels = sorted({point["x"] for point in points}) or [1]
    span = vega.around(levels, share=0.04)
    _stand_beside(trend, points, span)
    last = {point["Case"]: trend.height_of(point["value"]) for point in points}
    heights = vega.spread(list(last.values()), _LINE_PX, _HEIGHT_PX)
    ends = [
        {"Case": name, "end": name, "x": levels[-1], "value": trend.value_at(height)}
        for name, height in zip(last, heights, strict=True)
    ]
    # The leftmost comes highest, so that no line goes through the label of another where labels begin at their lines.
    crossed = sorted(crossed, key=lambda each: each.at_bytes or 0.0)
    places = [each.at_bytes or 0.0 for each in crossed]
    labels = [note("crossing_mark", each) for each in crossed]
    crossings = [
        {"at": at, "low": each.low or at, "high": each.high or at}
        | {"value": trend.value_at(_HEIGHT_PX - _LINE_PX * (row + 0.5)), "Label": labels[row]}
        | {"Crossover": say("crossing", "crossing", each)}
        | {"next": (*places, at)[row + 1], "letters": max(map(len, labels[row + 1 :]), default=0)}
        | {"free": _LINE_PX * (len(labels) - 0.5)}
        for row, (at, each) in enumerate(zip(places, crossed, strict=True))
    ]
    told = [f"{point['Case']} at {point['At']}: {point['Value']}" for point in points]
    datasets = {"points": points, "crossovers": crossings, "ends": ends if len(names) > 1 else []}
    return vega.plot(title, told, _layers(trend, names, levels, span), datasets, _HEIGHT_PX, series=names)


def _stand_beside(trend: _Trend, points: Sequence[dict[str, Any]], span: tuple[float, float]) -> None:
    """Put marks that would hide each other side by side: ``beside`` is where along the axis each is drawn."""
    crowds: list[list[dict[str, Any]]] = []
    for place, height, point in sorted(((p["x"], trend.height_of(p["value"]), p) for p in points), key=lambda p: p[:2]):
        near = crowds[-1][-1] if crowds else None
        if not near or near["x"] != place or height - trend.height_of(near["value"]) >= _MARK_PX:
            crowds.append([])
        crowds[-1].append(point)
    step = (span[1] / span[0]) ** (_MARK_PX / vega.STATIC_PX)
    for crowd in crowds:
        for place, point in enumerate(crowd):
            point["beside"] = point["x"] * step ** (place - (len(crowd) - 1) / 2)


def _point(trend: _Trend, name: str, case: CaseSummary) -> dict[str, Any]:
    level, ns = case.levels[trend.factor], case.median_ns or 0
    time = f"{figure_text(ns, case.median_ci)} ns per {trend.what}"
    return {
        **dict(zip(("value", "low", "high"), _figure(case, is_rate=trend.is_rate), strict=True)),
        "x": level,
        "Case": name,
        "At": level_text(trend.factor, level),
        "Value": f"{scaled(case.bytes_per_s or 0, case.median_ci, ns)}B/s" if trend.is_rate else time,
        "Time": time,
        "CI": f"{interval_text(ns, case.median_ci)} ns" if case.median_ci else "too few blocks",
    }


def _layers(trend: _Trend, names: Sequence[str], levels: Sequence[int], span: tuple[float, float]) -> list[Spec]:
    labels = json.dumps({str(level): level_text(trend.factor, level) for level in levels})
    x = vega.log_axis("beside", trend.axis, span, f"({labels})[datum.value]")
    x["axis"] |= {"values": list(levels), "grid": False, "labelOverlap": "greedy"}
    of_time = f"Time per {trend.what}", vega.TIME_LABEL
    title, label = ("Pages moved, bytes per second", vega.RATE_LABEL) if trend.is_rate else of_time
    y = vega.log_axis("value", f"{title}, log scale", trend.domain, label)
    order = list(trend.lines)
    colour, shape = (
        vega.nominal("Case", names, [looks[order.index(name)] for name in names], has_legend=False)
        for looks in (vega.PALETTE, vega.SHAPES)
    )
    shown = vega.tips("Case", ("At", trend.axis), ("Value", title), "Time", ("CI", "95 % CI"))
    rule, at, told = {"type": "rule", "color": vega.GREY}, {**x, "field": "at"}, vega.tips("Crossover")
    bar, end = {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y}, {**x, "field": "x"}
    mark = {"type": "point", "filled": True, "opacity": 1, "size": 60, "xOffset": 14}
    channels = {"x": x, "y": y, "color": colour, "shape": shape, "tooltip": shown}
    return [
        vega.layer("crossovers", rule | {"strokeDash": [5, 4], "size": 1.5}, x=at, y=_TOP, y2=_GROUND, tooltip=told),
        vega.layer("crossovers", rule | {"size": 3}, **bar, tooltip=told),
        vega.layer("crossovers", _LABEL, x=at, y=y, text={"field": "Label", "type": "nominal"}, tooltip=told),
        vega.layer("points", {"type": "line", "strokeWidth": 2}, x=x, y=y, color=colour),
        *vega.figure_layers("points", "y", channels, size=80),
        vega.layer("ends", mark, x=end, y=y, color=colour, shape=shape),
        vega.end_labels(end, y=y),
    ]


# What shows each factor that is a size or a count, in their order.
SECTIONS: Final = [functools.partial(section, factor=name) for name, factor in FACTORS.items() if factor.trend]
