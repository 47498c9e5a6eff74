"""The charts: each case's value with its interval and its blocks as dots, as Vega-Lite and as static SVG."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Literal
from xml.etree import ElementTree as ET

import altair as alt
import vl_convert
from markupsafe import Markup

from pageswap.analysis.summary import FASTER, NO_DIFFERENCE, NOT_COMPARED, SLOWER, TOO_FEW
from pageswap.analysis.wording import (
    clipped,
    interval_text,
    levels_phrase,
    nanoseconds_text,
    operation,
    ratio_text,
    rounded,
)
from pageswap.report.selection import evenly, value_of
from pageswap.report.text import visible
from pageswap.report.vega import VEGA_LITE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.analysis.summary import CaseSummary, Summary
    from pageswap.report.selection import Group, Selection

_ROW_PX = 60
# Below the row's middle, where the value and its interval are.
_DOTS_PX = (38, 52)
_STATIC_PX = 700
_LONGEST_BASELINE = 24
_ALIGNMENTS: tuple[Literal["left", "center", "right"], ...] = ("left", "center", "right")
_GREY = "#767676"
# Okabe and Ito's palette (2008), told apart with any colour vision; the shapes tell as much without colour.
_LOOKS = {
    FASTER: ("#0072B2", "triangle-up"),
    SLOWER: ("#D55E00", "triangle-down"),
    NO_DIFFERENCE: (_GREY, "circle"),
    TOO_FEW: (_GREY, "diamond"),
    NOT_COMPARED: ("#009E73", "square"),
}
_SVG_ELEMENTS = frozenset(("svg", "g", "path", "text", "line", "rect", "defs", "clipPath", "tspan", "title"))
_NEAR_EDGE = 0.3
_LINEAR_BELOW = 3.0


@dataclasses.dataclass(frozen=True)
class Plot:
    """One chart: its title, a sentence for who cannot see it, its Vega-Lite specification and the same as SVG."""

    title: str
    description: str
    spec: dict[str, Any]
    svg: Markup


def plots(summary: Summary, selection: Selection) -> list[Plot]:
    """Draw the selected groups, all with the same logarithmic axis so that they can be compared by eye."""
    cases = [case for group in selection.groups for _, case in group.rows]
    dots = {
        (case.host, case.case_id): evenly(
            summary.block_values.get((case.host, case.case_id), []), selection.dots_per_case
        )
        for case in cases
    }
    domain = _domain(summary, cases, [value for found in dots.values() for _, value in found])
    return [_plot(summary, group, dots, domain) for group in selection.groups]


def _plot(
    summary: Summary, group: Group, dots: dict[tuple[str, str], list[tuple[int, float]]], domain: tuple[float, float]
) -> Plot:
    names = [visible(label) for label, _ in group.rows]
    rows = [_row(summary, name, case, domain) for name, (_, case) in zip(names, group.rows, strict=True)]
    points = [
        {
            "row": name,
            "Case": name,
            "block": block,
            "value": value,
            "Block": str(block),
            "Value": _value_text(summary, value),
        }
        for name, (_, case) in zip(names, group.rows, strict=True)
        for block, value in dots[case.host, case.case_id]
    ]
    chart = _chart(_Axes(summary, names, domain), rows, points)
    description = f"{group.title}. " + "; ".join(f"{row['Case']}: {row['label']}" for row in rows)
    static = chart.properties(width=_STATIC_PX, description=visible(description)).to_dict()
    static["datasets"] = _datasets(rows, points)
    svg = _checked(vl_convert.vegalite_to_svg(static, vl_version=VEGA_LITE))
    return Plot(group.title, visible(description), {**static, "width": "container"}, svg)


def _row(summary: Summary, name: str, case: CaseSummary, domain: tuple[float, float]) -> dict[str, Any]:
    value = value_of(case, summary)
    interval = case.ratio_ci if summary.has_baseline else case.median_ci
    what = f"ns per {operation(summary.workload)}"
    statuses = ", ".join(f"{status} {count}" for status, count in case.statuses.items()) or "no outcome yet"
    row: dict[str, Any] = {"row": name, "Case": name, "Trials": statuses, "verdict": case.verdict}
    if case.median_ns:
        row["Time"] = f"{nanoseconds_text(case.median_ns, case.median_ci)} {what}"
    if value is None:
        reason = case.endings[0].status if not case.n and case.endings else case.note
        return {**row, "value": domain[0], "label": reason, "is_missing": True, "align": "left"}
    text = ratio_text(value, interval) if summary.has_baseline else f"{nanoseconds_text(value, interval)} ns"
    share = math.log(value / domain[0]) / math.log(domain[1] / domain[0])
    return {
        **row,
        "value": value,
        "low": interval.low if interval else value,
        "high": interval.high if interval else value,
        "label": f"{text}, {case.verdict}" if summary.has_baseline else text,
        "Value": text,
        "CI": interval_text(value, interval) or "too few blocks",
        "Blocks": str(case.ratio_n if summary.has_baseline else case.n),
        "Verdict": case.verdict,
        "align": "left" if share < _NEAR_EDGE else "right" if share > 1 - _NEAR_EDGE else "center",
    }


def _value_text(summary: Summary, value: float) -> str:
    digits = 3 - math.floor(math.log10(value))
    return f"{rounded(value, digits)}{'x' if summary.has_baseline else ' ns'}"


@dataclasses.dataclass(frozen=True)
class _Axes:
    """The two axes all layers of a chart share."""

    summary: Summary
    names: list[str]
    domain: tuple[float, float]

    @property
    def quantity(self) -> str:
        if not self.summary.has_baseline:
            return f"ns per {operation(self.summary.workload)}"
        return f"Speed relative to {visible(clipped(levels_phrase(self.summary.baseline), _LONGEST_BASELINE))}"

    def x(self, field: str = "value") -> alt.X:
        suffix = " + 'x'" if self.summary.has_baseline else ""
        axis = alt.Axis(
            values=ticks(*self.domain), labelExpr=f"format(datum.value, ','){suffix}", labelOverlap="greedy", grid=True
        )
        scale = alt.Scale(type="log", domain=list(self.domain), nice=False)
        return alt.X(f"{field}:Q", title=f"{self.quantity} (log scale)", axis=axis, scale=scale)

    def y(self) -> alt.Y:
        return alt.Y(
            "row:N",
            title=None,
            sort=self.names,
            scale=alt.Scale(padding=0),
            axis=alt.Axis(labelLimit=150, ticks=False, domain=False),
        )


def _chart(axes: _Axes, rows: list[dict[str, Any]], points: list[dict[str, Any]]) -> alt.LayerChart:
    layers: list[alt.Chart] = []
    if axes.summary.has_baseline:
        rule = _on("baseline").mark_rule(strokeDash=[4, 3], color=_GREY, size=1.5)
        layers.append(rule.encode(x=axes.x()))
    if points:
        offset = alt.YOffset("block:Q", scale=alt.Scale(range=list(_DOTS_PX)))
        tips = [_tip("Case"), _tip("Block"), _tip("Value", axes.quantity)]
        dots = _on("blocks").mark_circle(size=26, opacity=0.65, color=_GREY)
        layers.append(dots.encode(x=axes.x(), y=axes.y(), yOffset=offset, tooltip=tips))
    layers += _measured(axes, _with_value(rows))
    layers += _labels(axes, rows)
    chart: alt.LayerChart = (
        alt.layer(*layers)
        .properties(height=_ROW_PX * len(axes.names), autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
        .configure(background="transparent", font="system-ui, sans-serif")
        .configure_axis(labelFontSize=12, titleFontSize=12, titleFontWeight="normal")
        .configure_view(stroke=None)
    )
    return chart


def _on(dataset: str) -> alt.Chart:
    # By name, for Altair copies and checks whatever is inside a chart once for each of its layers.
    return alt.Chart(alt.NamedData(name=dataset))


def _tip(field: str, title: str = "") -> alt.Tooltip:
    return alt.Tooltip(f"{field}:N", title=title or field)


def _datasets(rows: list[dict[str, Any]], points: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    labels = {str(align): [row for row in rows if row["align"] == align] for align in _ALIGNMENTS}
    return {"baseline": [{"value": 1}], "blocks": points, "measured": _with_value(rows), **labels}


def _with_value(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if not row.get("is_missing")]


def _measured(axes: _Axes, rows: list[dict[str, Any]]) -> list[alt.Chart]:
    """Draw intervals, and over them the values, which answer to the pointer."""
    if not rows:
        return []
    has_baseline = axes.summary.has_baseline
    looks = _LOOKS if has_baseline else dict.fromkeys(_LOOKS, _LOOKS[NOT_COMPARED])
    used = [verdict for verdict in looks if any(row["verdict"] == verdict for row in rows)]
    colours, shapes = (alt.Scale(domain=used, range=[looks[verdict][part] for verdict in used]) for part in (0, 1))
    colour = alt.Color("verdict:N", legend=None, scale=colours)
    shape = alt.Shape("verdict:N", legend=None, scale=shapes)
    tips = [_tip("Case"), _tip("Value", axes.quantity), _tip("CI", "95 % CI"), _tip("Blocks")]
    tips += [_tip("Time"), _tip("Verdict")] if has_baseline else []
    tips.append(_tip("Trials"))
    base = _on("measured")
    interval = base.mark_rule(size=3).encode(x=axes.x("low"), x2="high:Q", y=axes.y(), color=colour, tooltip=tips)
    point = base.mark_point(size=110, filled=True, opacity=1)
    return [interval, point.encode(x=axes.x(), y=axes.y(), color=colour, shape=shape, tooltip=tips)]


def _labels(axes: _Axes, rows: list[dict[str, Any]]) -> list[alt.Chart]:
    layers: list[alt.Chart] = []
    for align in _ALIGNMENTS:
        if any(row["align"] == align for row in rows):
            text = _on(align).mark_text(align=align, dy=-15, fontSize=12, fontWeight=600, limit=260)
            layers.append(text.encode(x=axes.x(), y=axes.y(), text="label:N"))
    return layers


def _domain(summary: Summary, cases: Sequence[CaseSummary], values: list[float]) -> tuple[float, float]:
    intervals = [case.ratio_ci if summary.has_baseline else case.median_ci for case in cases]
    ends = [end for interval in intervals if interval for end in (interval.low, interval.high)]
    every = [*values, *ends, *([1.0] if summary.has_baseline else [])] or [1.0]
    low, high = min(every), max(every)
    margin = max(math.log(high / low) * 0.06, 0.01)
    return low * math.exp(-margin), high * math.exp(margin)


def ticks(low: float, high: float) -> list[float]:
    """Choose round numbers for a logarithmic axis: 1, 2, 5 a decade, or even steps where both ends are close."""
    if high / low < _LINEAR_BELOW:
        rough = (high - low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
        return [_clean(index * step) for index in range(math.ceil(low / step), math.floor(high / step) + 1)]
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(decades) <= 4 else (1,)  # noqa: PLR2004 - more would not fit a telephone's width
    found = [factor * 10.0**decade for decade in decades for factor in factors]
    return [_clean(value) for value in found if low <= value <= high]


def _clean(value: float) -> float:
    return float(f"{value:.6g}")


def _checked(svg: str) -> Markup:
    """Pass a drawing on as markup once it is well-formed and holds nothing but shapes and text."""
    for element in ET.fromstring(svg).iter():  # noqa: S314 - the drawing is our own converter's
        name = str(element.tag).rpartition("}")[2]
        handlers = [key for key in element.attrib if key.lower().startswith("on") or key.endswith("href")]
        if name not in _SVG_ELEMENTS or handlers:
            raise ValueError(f"the chart's SVG holds <{name}> {handlers}, which no chart needs")
    return Markup(svg)  # noqa: S704 - checked above
