"""The charts of how the rate changes with a size or a count: pages, regions, batches, threads, with crossovers."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pageswap.analysis.wording import (
    clipped,
    interval_text,
    level_text,
    levels_phrase,
    nanoseconds_text,
    operation,
    scaled,
)
from pageswap.report.page import Grid, Heading, Section
from pageswap.report.selection import evenly
from pageswap.report.text import visible
from pageswap.report.vegalite import (
    GREY,
    PALETTE,
    RATE_LABEL,
    SHAPES,
    TIME_LABEL,
    around,
    layer,
    log_axis,
    lookup,
    plot,
    tips,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.analysis.findings import Crossover
    from pageswap.analysis.summary import CaseSummary, Summary
    from pageswap.report.vegalite import Plot, Spec

MOST_PANELS = 6
MOST_LEVELS = 24
_HEIGHT_PX = 280
_MOST_CROSSOVERS = 60
_TITLES = {
    "page_size": ("sizes", "Rate against page size", "Page size"),
    "region_size": ("regions", "Rate against region size", "Region size"),
    "threads": ("threads", "Rate against threads", "Threads"),
    "iterations": ("batches", "Rate against the size of a batch", "Swaps in a batch"),
    "run_pages": ("runs", "Rate against the pages moved at once", "Neighbouring pages moved at once"),
    "distance": ("distances", "Rate against distance", "Distance in pages"),
}
_ITERATIONS_OF_OTHERS = ("iterations", "Rate against iterations", "Iterations")


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


def trend_sections(summary: Summary, crossovers: Sequence[Crossover]) -> list[Section]:
    """Give one section for each factor that is a size or a count and varies in the run."""
    return [
        section
        for factor in _TITLES
        if factor in summary.varying and (section := _section(summary, factor, crossovers))
    ]


def _section(summary: Summary, factor: str, crossovers: Sequence[Crossover]) -> Section:
    ident, title, axis = _TITLES[factor]
    if factor == "iterations" and summary.workload != "permute":
        ident, title, axis = _ITERATIONS_OF_OTHERS
    measured = [case for case in summary.cases if case.n and isinstance(case.levels.get(factor), int)]
    metric = _metric(summary, measured)
    panels = {name: found for name, found in _panels(summary, measured, factor).items() if _is_a_trend(found, factor)}
    chosen = evenly(list(panels.items()), MOST_PANELS)
    title = title if metric.field != "ns" else title.replace("Rate", "Time", 1)
    plots, notes, rows = [], [_how_to_read(factor, metric)], []
    for name, cases in chosen:
        crossed = _of_panel(crossovers, cases) if factor == "page_size" else []
        drawn, left_out = _drawn(cases, summary, factor)
        shown = title if len(panels) == 1 else f"{title}: {name}"
        plots.append(_plot(summary, _Panel(shown, factor, axis, metric), drawn, crossed))
        notes += [f"{name}: {left_out}"] if left_out else []
        rows += [(name, each.a, each.b, each.text) for each in crossed]
    if len({case.levels[factor] for case in measured}) > MOST_LEVELS:
        notes.append(f"{MOST_LEVELS} sizes are drawn, taken evenly; the table below has all.")
    if len(chosen) < len(panels):
        notes.insert(1, f"{len(chosen)} of {len(panels)} charts are drawn; the table below has every case.")
    grids = (_crossover_grid(rows, with_panels=len(panels) > 1),) if rows else ()
    return Section(ident, title, tuple(notes), tuple(plots), grids)


def _crossover_grid(rows: Sequence[tuple[str, str, str, str]], *, with_panels: bool) -> Grid:
    """Say for each pair of methods where the faster one changes, or that it does not."""
    names = (
        Heading("Method", is_number=False),
        Heading("Against", is_number=False),
        Heading("Crossover", is_number=False),
    )
    where = (Heading("Cases", is_number=False),) if with_panels else ()
    cells = tuple(row if with_panels else row[1:] for row in rows[:_MOST_CROSSOVERS])
    return Grid("Where the faster one changes", (*where, *names), cells, head=2 + with_panels)


def _how_to_read(factor: str, metric: _Metric) -> str:
    better = "Higher is faster" if metric.field != "ns" else "Lower is faster"
    both = "Both axes are logarithmic. " if factor != "threads" else "The vertical axis is logarithmic. "
    crossed = " A dashed line marks a size at which the faster of two methods changes." if factor == "page_size" else ""
    return f"{both}{better}; a mark is the median, its bar the 95 % confidence interval.{crossed}"


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


def _of_panel(crossovers: Sequence[Crossover], cases: Sequence[CaseSummary]) -> list[Crossover]:
    host, levels = cases[0].host, cases[0].levels
    return [
        each
        for each in crossovers
        if each.host == host
        and all(levels.get(name) == value for name, value in each.levels.items() if name not in ("method", "page_size"))
    ]


def _drawn(
    cases: Sequence[CaseSummary], summary: Summary, factor: str
) -> tuple[list[tuple[str, list[CaseSummary]]], str]:
    """Give at most as many series as there are colours and shapes; the baseline's and then the ends are kept."""
    name = _series_factor(summary, factor)
    series: dict[str, list[CaseSummary]] = {}
    for case in cases:
        series.setdefault(visible(level_text(name, case.levels.get(name))), []).append(case)
    if len(series) <= len(PALETTE):
        return list(series.items()), ""
    is_baseline = {label: all(c.verdict == "baseline" for c in found) for label, found in series.items()}
    ranked = sorted(series, key=lambda label: (not is_baseline[label], min(c.median_ns or 0 for c in series[label])))
    kept = set(ranked[: len(PALETTE)])
    shown = [(label, found) for label, found in series.items() if label in kept]
    return shown, f"the {len(PALETTE)} fastest of {len(series)} are drawn, the table below has all."


@dataclasses.dataclass(frozen=True)
class _Panel:
    """What one chart shows."""

    title: str
    factor: str
    axis: str
    metric: _Metric


def _plot(
    summary: Summary, panel: _Panel, series: list[tuple[str, list[CaseSummary]]], crossed: list[Crossover]
) -> Plot:
    rows: list[dict[str, Any]] = []
    what = operation(summary.workload)
    levels = sorted({int(case.levels[panel.factor]) for _, cases in series for case in cases})
    drawn = set(evenly(levels, MOST_LEVELS))
    for label, cases in series:
        for case in sorted(cases, key=lambda each: int(each.levels[panel.factor])):
            if case.levels[panel.factor] not in drawn:
                continue
            found = panel.metric.of(case)
            if found is None or found[0] <= 0:
                continue
            value, low, high = found
            rows.append(
                {
                    "series": label,
                    "x": case.levels[panel.factor],
                    "y": value,
                    "low": low,
                    "high": high,
                    "Case": label,
                    "At": level_text(panel.factor, case.levels[panel.factor]),
                    "Value": panel.metric.text(case),
                    "Time": f"{nanoseconds_text(case.median_ns or 0, case.median_ci)} ns per {what}",
                    "CI": f"{interval_text(case.median_ns or 0, case.median_ci)} ns"
                    if case.median_ci
                    else "too few blocks",
                }
            )
    marks = [
        {
            "at": each.at_bytes,
            "low": each.low or each.at_bytes,
            "high": each.high or each.at_bytes,
            "Crossover": each.text,
        }
        for each in crossed
        if each.at_bytes is not None
    ]
    names = [label for label, _ in series]
    description = f"{panel.title}. " + "; ".join(f"{row['Case']} at {row['At']}: {row['Value']}" for row in rows)
    layers = _layers(panel, names, rows, has_crossovers=bool(marks))
    return plot(panel.title, description, layers, {"points": rows, "crossovers": marks}, _HEIGHT_PX, series=names)


def _layers(panel: _Panel, names: list[str], rows: list[dict[str, Any]], *, has_crossovers: bool) -> list[Spec]:
    levels = sorted({int(row["x"]) for row in rows})
    x = log_axis("x", panel.axis, around(levels, share=0.04), lookup({v: level_text(panel.factor, v) for v in levels}))
    x["axis"] |= {"values": levels, "grid": False, "labelOverlap": "greedy"}
    ends = [end for row in rows for end in (row["low"], row["high"])]
    domain = around(ends)
    label = TIME_LABEL if panel.metric.field == "ns" else RATE_LABEL
    y, low = (log_axis(field, f"{panel.metric.title}, log scale", domain, label) for field in ("y", "low"))
    colour, shape = (
        {
            "field": "series",
            "type": "nominal",
            "scale": {"domain": names, "range": list(chosen[: len(names)])},
            **({} if len(names) > 1 else {"legend": None}),
        }
        for chosen in (PALETTE, SHAPES)
    )
    shown = tips("Case", ("At", panel.axis), ("Value", panel.metric.title), "Time", ("CI", "95 % CI"))
    layers = []
    if has_crossovers:
        crossover = tips("Crossover")
        at = {**x, "field": "at"}
        layers.append(
            layer(
                "crossovers",
                {"type": "rect", "opacity": 0.12, "color": GREY},
                x={**x, "field": "low"},
                x2={"field": "high"},
                tooltip=crossover,
            )
        )
        rule = {"type": "rule", "strokeDash": [5, 4], "color": GREY, "size": 1.5}
        layers.append(layer("crossovers", rule, x=at, tooltip=crossover))
    layers.append(layer("points", {"type": "line", "strokeWidth": 2}, x=x, y=y, color=colour))
    layers.append(layer("points", {"type": "rule", "strokeWidth": 2}, x=x, y=low, y2={"field": "high"}, color=colour))
    point = {"type": "point", "filled": True, "size": 80, "opacity": 1}
    layers.append(layer("points", point, x=x, y=y, color=colour, shape=shape, tooltip=shown))
    return layers
