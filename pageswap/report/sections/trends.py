"""The charts of how the rate changes with a size or a count: pages, regions, batches, threads, with crossovers."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from typing import TYPE_CHECKING, Any

from pageswap.analysis.trials.run_data import levels_key
from pageswap.answers.words import say
from pageswap.report.charts.selection import evenly
from pageswap.report.charts.vegalite import (
    GREY,
    PALETTE,
    RATE_LABEL,
    SHAPES,
    TIME_LABEL,
    around,
    figure_layers,
    layer,
    log_axis,
    lookup,
    nominal,
    plot,
    tips,
)
from pageswap.report.sections.section import Grid, Heading, Section, notes
from pageswap.spec.factors import FACTORS, trend_of
from pageswap.text.invisible_characters import visible
from pageswap.text.levels import level_text, levels_phrase, operation
from pageswap.text.lists import clipped, listed
from pageswap.text.numbers import interval_text, nanoseconds_text, scaled

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from pageswap.analysis.checks.crossovers import Crossover
    from pageswap.analysis.summary import CaseSummary, Summary
    from pageswap.report.charts.vegalite import Plot, Spec
    from pageswap.report.sections.section import ReportedRun

MOST_PANELS = 6
MOST_LEVELS = 24
_HEIGHT_PX = 280
_MOST_CROSSOVERS = 60
_MOST_UNFOLDED = 30


@dataclasses.dataclass(frozen=True)
class _Metric:
    """What is drawn upwards: bytes a second where pages are moved, else the time of an operation."""

    field: str
    title: str
    unit: str

    def of(self, case: CaseSummary) -> tuple[float, float, float] | None:
        """Give a case's value and the ends of its interval."""
        if case.median_ns is None:
            return None
        low = case.median_ci.low if case.median_ci else case.median_ns
        high = case.median_ci.high if case.median_ci else case.median_ns
        if self.field == "ns":
            return case.median_ns, low, high
        rate = case.bytes_per_s or 0.0
        return rate, rate * case.median_ns / high, rate * case.median_ns / low

    def text(self, case: CaseSummary) -> str:
        """Print a case's value as the table does."""
        if self.field == "ns":
            return f"{nanoseconds_text(case.median_ns or 0, case.median_ci)} {self.unit}"
        return f"{scaled(case.bytes_per_s or 0, case.median_ci, case.median_ns or 0)}{self.unit}"


def sections() -> list[Callable[[ReportedRun], Section | None]]:
    """Return what shows each factor that is a size or a count, in their order."""
    return [functools.partial(section, factor=name) for name, factor in FACTORS.items() if factor.trend]


def section(run: ReportedRun, factor: str) -> Section | None:
    """Show how the rate, or the time, changes with a factor, where it varies in the run."""
    summary, trend = run.summary, trend_of(factor, run.summary.workload)
    if factor not in summary.varying or trend is None:
        return None
    crossovers = () if run.is_grouped else run.findings.crossovers
    measured = [case for case in summary.cases if case.n and isinstance(case.levels.get(factor), int)]
    metric = _metric(summary, measured)
    panels = {name: found for name, found in _panels(summary, measured, factor).items() if _is_a_trend(found, factor)}
    chosen = evenly(list(panels.items()), MOST_PANELS)
    title = trend.heading if metric.field != "ns" else trend.heading.replace("Rate", "Time", 1)
    pairs: dict[Hashable, list[Crossover]] = {}
    for each in crossovers:
        if each.factor == factor:
            pairs.setdefault(_place(each.host, each.levels, factor), []).append(each)
    of_label = _by_label(summary, measured, factor)
    names = _shown_names(of_label)
    ends = [end for name in names for case in of_label[name] for end in metric.of(case) or () if end > 0]
    frame = _Frame(factor, trend.axis, metric, names, around(ends))
    is_crossed = any(each.factor == factor and each.is_shown for each in crossovers)
    told = notes("trend", metric.field == "ns", factor != "threads", is_crossed)
    told += notes(
        "trend_bounds",
        *(len(chosen), len(panels)),
        *(len(names), len(of_label)),
        *(MOST_LEVELS, len({case.levels[factor] for case in measured})),
    )
    plots = []
    of_panel = {name: pairs.get(_place(cases[0].host, cases[0].levels, factor), []) for name, cases in panels.items()}
    for name, cases in chosen:
        shown = title if len(panels) == 1 else f"{title}: {name}"
        plots.append(_plot(summary, frame, shown, cases, [each for each in of_panel[name] if each.is_shown]))
    # What belongs to the charts comes first.
    order = list(dict.fromkeys([*(name for name, _ in chosen), *panels]))
    grids = _crossover_grids({name: of_panel[name] for name in order})
    return Section(trend.id, title, told, tuple(plots), grids) if plots or grids else None


def _place(host: str, levels: Mapping[str, Any], factor: str) -> Hashable:
    """Return a key that a panel's cases share with its pairs of methods."""
    return host, levels_key(levels, without=("method", factor))


def _crossover_grids(of_panel: Mapping[str, Sequence[Crossover]]) -> tuple[Grid, ...]:
    """Say for each pair of methods where the faster one changes; sum up those that do not change places."""
    has_panels = len(of_panel) > 1
    names = (Heading("Method"), Heading("Against"))
    crossed = [(name, each) for name, found in of_panel.items() for each in found if each.is_shown]
    grids = []
    if crossed:
        rows = [
            (*([name] if has_panels else []), each.a, each.b, say("crossing", "crossing", each))
            for name, each in crossed
        ]
        where = (Heading("Cases"),) if has_panels else ()
        grids.append(
            Grid(
                _bounded("Where the faster one changes", len(rows), "the charts above come first"),
                (*where, *names, Heading("Crossover")),
                tuple(rows[:_MOST_CROSSOVERS]),
                head=2 + has_panels,
            )
        )
    others: dict[tuple[str, str], list[Crossover]] = {}
    for each in (each for found in of_panel.values() for each in found if not each.is_shown):
        others.setdefault((each.a, each.b), []).append(each)
    if others:
        found = [(*pair, _summed(each, has_panels=has_panels)) for pair, each in others.items()]
        grids.append(
            Grid(
                _bounded("Pairs that were not shown to change places", len(found), "the others are left out"),
                (*names, Heading("Found")),
                tuple(found[:_MOST_CROSSOVERS]),
                head=2,
                is_folded=len(found) > _MOST_UNFOLDED,
            )
        )
    return tuple(grids)


def _bounded(caption: str, count: int, then: str) -> str:
    return f"{caption}: {_MOST_CROSSOVERS} of {count:,}, {then}" if count > _MOST_CROSSOVERS else caption


def _summed(pairs: Sequence[Crossover], *, has_panels: bool) -> str:
    """Say how two methods stand that do not change places: as it was found, or how often each was in several charts."""
    if not has_panels:
        return say("crossing", "crossing", pairs[0]).removeprefix("none: ")
    counts = Counter(_standing(each) for each in pairs)
    if len(counts) == 1:
        return f"{next(iter(counts))}{f', in all {len(pairs)} sets of cases' if len(pairs) > 1 else ''}"
    return "; ".join(f"{text} in {count} of {len(pairs)} sets of cases" for text, count in counts.most_common())


def _standing(pair: Crossover) -> str:
    faster = set(pair.found) - {""}
    if not pair.found:
        return "too few blocks to say"
    if not faster:
        return "no difference found at any size"
    if pair.turns > 1:
        return f"they change places {pair.turns} times"
    sizes = "every size" if "" not in pair.found else "a part of the sizes"
    return f"{listed(sorted(faster))} faster at {sizes}"


def _metric(summary: Summary, cases: Sequence[CaseSummary]) -> _Metric:
    what = operation(summary.workload)
    moving = [case for case in cases if case.bytes_per_s]
    if moving and len(moving) * 2 >= len(cases):
        return _Metric("rate", "Throughput", "B/s")
    return _Metric("ns", f"Time per {what}", f"ns per {what}")


def _panels(summary: Summary, cases: Sequence[CaseSummary], factor: str) -> dict[str, list[CaseSummary]]:
    """Put cases together that share their host and all levels but the factor and the series."""
    series = _series_factor(summary, factor)
    others = [name for name in summary.varying if name not in (factor, series)]
    panels: dict[str, list[CaseSummary]] = {}
    for case in cases:
        host = clipped(case.host, 80) if len(summary.hosts) > 1 else ""
        where = levels_phrase({name: case.levels[name] for name in others if name in case.levels})
        panels.setdefault(", ".join(part for part in (host, where) if part) or "All cases", []).append(case)
    return panels


def _series_factor(summary: Summary, factor: str) -> str:
    return "method" if "method" in summary.varying else next((n for n in summary.varying if n != factor), "method")


def _is_a_trend(cases: Sequence[CaseSummary], factor: str) -> bool:
    return len({case.levels[factor] for case in cases}) > 1


def _by_label(summary: Summary, cases: Sequence[CaseSummary], factor: str) -> dict[str, list[CaseSummary]]:
    found: dict[str, list[CaseSummary]] = {}
    for case in cases:
        found.setdefault(_label(summary, case, factor), []).append(case)
    return found


def _label(summary: Summary, case: CaseSummary, factor: str) -> str:
    name = _series_factor(summary, factor)
    return visible(level_text(name, case.levels.get(name)))


def _shown_names(of_label: dict[str, list[CaseSummary]]) -> list[str]:
    """Choose at most as many lines as there are colours and shapes: the baseline's and the fastest, in their order."""
    if len(of_label) <= len(PALETTE):
        return list(of_label)
    ranked = sorted(
        of_label,
        key=lambda label: (
            any(case.verdict != "baseline" for case in of_label[label]),
            min(case.median_ns or 0 for case in of_label[label]),
        ),
    )
    kept = set(ranked[: len(PALETTE)])
    return [label for label in of_label if label in kept]


@dataclasses.dataclass(frozen=True)
class _Frame:
    """What all charts of a section share, so that they can be compared by eye: lines by colour and shape, the axes."""

    factor: str
    axis: str
    metric: _Metric
    names: list[str]
    domain: tuple[float, float]


def _plot(
    summary: Summary, panel: _Frame, title: str, cases: Sequence[CaseSummary], crossed: Sequence[Crossover]
) -> Plot:
    of_label, factor = _by_label(summary, cases, panel.factor), panel.factor
    names = [name for name in panel.names if name in of_label]
    levels = sorted({int(case.levels[factor]) for name in names for case in of_label[name]})
    drawn = set(evenly(levels, MOST_LEVELS))
    rows = [
        _point(summary, panel, name, case, figures)
        for name in names
        for case in sorted(of_label[name], key=lambda each: int(each.levels[factor]))
        if case.levels[factor] in drawn and (figures := panel.metric.of(case)) and figures[0] > 0
    ]
    marks = [
        {"at": each.at_bytes, "low": each.low or each.at_bytes, "high": each.high or each.at_bytes}
        | {"Crossover": say("crossing", "crossing", each)}
        for each in crossed
        if each.at_bytes is not None
    ]
    told = [f"{row['Case']} at {row['At']}: {row['Value']}" for row in rows]
    layers = _layers(panel, names, rows, has_crossovers=bool(marks))
    return plot(title, told, layers, {"points": rows, "crossovers": marks}, _HEIGHT_PX, series=names)


def _point(
    summary: Summary, panel: _Frame, name: str, case: CaseSummary, figures: tuple[float, float, float]
) -> dict[str, Any]:
    time, level = case.median_ns or 0, case.levels[panel.factor]
    return {
        **dict(zip(("value", "low", "high"), figures, strict=True)),
        "x": level,
        "Case": name,
        "At": level_text(panel.factor, level),
        "Value": panel.metric.text(case),
        "Time": f"{nanoseconds_text(time, case.median_ci)} ns per {operation(summary.workload)}",
        "CI": f"{interval_text(time, case.median_ci)} ns" if case.median_ci else "too few blocks",
    }


def _layers(panel: _Frame, names: list[str], rows: list[dict[str, Any]], *, has_crossovers: bool) -> list[Spec]:
    levels = sorted({int(row["x"]) for row in rows})
    x = log_axis("x", panel.axis, around(levels, share=0.04), lookup({v: level_text(panel.factor, v) for v in levels}))
    x["axis"] |= {"values": levels, "grid": False, "labelOverlap": "greedy"}
    label = TIME_LABEL if panel.metric.field == "ns" else RATE_LABEL
    y = log_axis("value", f"{panel.metric.title}, log scale", panel.domain, label)
    colour, shape = (
        nominal("Case", names, [chosen[panel.names.index(name)] for name in names], has_legend=len(names) > 1)
        for chosen in (PALETTE, SHAPES)
    )
    shown = tips("Case", ("At", panel.axis), ("Value", panel.metric.title), "Time", ("CI", "95 % CI"))
    layers = []
    if has_crossovers:
        band = {"type": "rect", "opacity": 0.12, "color": GREY}
        ends = {"x": {**x, "field": "low"}, "x2": {"field": "high"}}
        rule = {"type": "rule", "strokeDash": [5, 4], "color": GREY, "size": 1.5}
        layers.append(layer("crossovers", band, **ends, tooltip=tips("Crossover")))
        layers.append(layer("crossovers", rule, x={**x, "field": "at"}, tooltip=tips("Crossover")))
    layers.append(layer("points", {"type": "line", "strokeWidth": 2}, x=x, y=y, color=colour))
    channels = {"x": x, "y": y, "color": colour, "shape": shape, "tooltip": shown}
    return layers + figure_layers("points", "y", channels, size=80)
