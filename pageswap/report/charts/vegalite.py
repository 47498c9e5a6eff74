"""What all charts share: Vega-Lite parts, axes with round ticks, colours with shapes, and what a chart is."""

from __future__ import annotations

import dataclasses
import itertools
import math
import textwrap
from typing import TYPE_CHECKING, Any, TypeVar

from pageswap.text.numbers import interval_text
from pageswap.text.words import clipped, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pageswap.statistics.intervals import Interval

T = TypeVar("T")
Spec = dict[str, Any]

STATIC_PX = 700
GREY = "#767676"
# Okabe and Ito's palette (2008) without yellow, which white paper swallows; told apart with any colour vision.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#767676", "#8C510A")
# As many shapes, so that a series is known without colour too.
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-left", "triangle-right")
# These print what stands on an axis in the unit that suits it: nanoseconds, bytes a second, multiples, percents.
_WITH_PREFIX = "replace(format(datum.value / {}, '~s'), regexp('^[0-9.]+'), '$& ') + '{}'"
TIME_LABEL, RATE_LABEL = _WITH_PREFIX.format("1e9", "s"), _WITH_PREFIX.format("1", "B/s")
COUNT_LABEL = "format(datum.value, ',')"
MULTIPLE_LABEL = f"{COUNT_LABEL} + 'x'"
# Far from 1 a speed is told by how many times it is faster or slower, as in the page's words.
SPEED_LABEL = (
    "datum.value <= 0.5 ? format(1 / datum.value, ',.3~r') + 'x slower'"
    f" : {MULTIPLE_LABEL} + (datum.value >= 2 ? ' faster' : '')"
)
PERCENT_LABEL = "abs(datum.value - 1) < 1e-9 ? '0 %' : format((datum.value - 1) * 100, '+~r') + ' %'"
LABELS_APART = {"labelOverlap": "greedy", "labelSeparation": 6}
_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_LINEAR_BELOW = 3.0
_GUTTER_PX = (60, 230)
_PX_A_LETTER = 8.0
# Room between the right end of a chart and a name there.
_END_PX = 24
_WIDE = frozenset("mwMW@%")
_LONGEST_DESCRIPTION = 1_500
_AXIS_PX = 90
_LINE_PX = 15
# So near the end of a horizontal axis a label moves inwards rather than out of the chart.
_FLUSH_PX = 40
_ENTRY_PX = 40


@dataclasses.dataclass(frozen=True)
class Plot:
    """One chart: its title, a sentence for who cannot see it, its Vega-Lite specification."""

    title: str
    description: str
    spec: Spec

    def fixed(self) -> Spec:
        """Return the specification for a drawing of fixed width, whose marks need no words: the drawing has them."""
        return {**self.spec, "width": STATIC_PX, "config": {**self.spec["config"], "aria": False}}


def plot(  # noqa: PLR0913 - what a chart is made of
    title: str,
    told: Iterable[str],
    layers: Sequence[Spec],
    datasets: Mapping[str, Any],
    height: int,
    *,
    series: Sequence[str] = (),
) -> Plot:
    """Make a chart of layers that each name one of the datasets, without those whose dataset is empty.

    What has no glyph is shown by its name.
    ``told`` is what it shows in words, for who cannot see it; a line end in them is one in a row's label.
    ``series`` are the names in its legend, which gets as many columns as fit.
    """
    entry = _ENTRY_PX + _PX_A_LETTER * max((len(name) for name in series), default=0)
    axes = [each["encoding"].get("y", {}).get("axis") or {} for each in layers]
    left = max((axis.get("maxExtent", _AXIS_PX) for axis in axes), default=_AXIS_PX)
    description = clipped(visible(f"{title}. {'; '.join(told)}".replace("\n", ": ")), _LONGEST_DESCRIPTION)
    spec = {
        "$schema": _SCHEMA,
        "description": description,
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "padding": {"left": 5, "top": 5, "right": 9, "bottom": 5},
        "background": "transparent",
        "config": {
            "font": "system-ui, sans-serif",
            "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "titlePadding": 8},
            "legend": {
                "labelFontSize": 12,
                "orient": "top",
                "title": None,
                "symbolSize": 90,
                "labelLimit": 260,
                "columnPadding": 18,
                "columns": max(1, int((STATIC_PX - left) // entry)),
            },
            "view": {"stroke": None},
        },
        # For the page's script, which knows how wide the chart really is.
        "usermeta": {"axisPx": left, "entryPx": entry},
        "layer": [each for each in layers if datasets.get(each["data"].get("name"), True)] or list(layers),
        "datasets": {
            name: [{key: visible(text) if isinstance(text, str) else text for key, text in row.items()} for row in rows]
            for name, rows in datasets.items()
        },
    }
    return Plot(title, description, spec)


def end_labels(x: Spec, **places: Spec) -> Spec:
    """Return the layer of the dataset "ends": what lines or marks are, to the right of the chart where that is wide."""
    text = {"type": "text", "align": "left", "baseline": "middle", "dx": _END_PX, "fontSize": 12}
    return layer("ends", text, x=x, **places, text={"field": "end", "type": "nominal"})


def spread(places: Sequence[float], apart: float, highest: float) -> list[float]:
    """Return places along an axis from 0 to ``highest``, moved as little as leaves ``apart`` between neighbours."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = list(places)
    for below, index in itertools.pairwise(order):
        moved[index] = max(moved[index], moved[below] + apart)
    limit = highest
    for index in reversed(order):
        moved[index] = min(moved[index], limit)
        limit = moved[index] - apart
    return moved


def layer(data: str, mark: Spec, **encoding: Any) -> Spec:  # noqa: ANN401 - channels are Vega-Lite's own documents
    """Make a layer that draws a dataset with a mark."""
    return {"data": {"name": data}, "mark": mark, "encoding": encoding}


def log_axis(field: str, title: str, domain: tuple[float, float], label: str, anchor: str = "middle") -> Spec:
    """Return a logarithmic position with round ticks; `label` is the Vega expression that prints datum.value.

    ``anchor`` "end" lets a long title reach below the labels of rows.
    """
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "axis": {
            "values": ticks(*domain),
            "labelExpr": label,
            **LABELS_APART,
            "labelFlush": _FLUSH_PX if anchor == "end" else False,
            "grid": True,
            "titleAnchor": anchor,
        },
        "scale": {"type": "log", "domain": list(domain), "nice": False},
    }


def nominal(field: str, domain: Sequence[str], looks: Sequence[Any], *, has_legend: bool = True) -> Spec:
    """Return a channel that shows each name of a field by its own look: a colour, a shape, a size."""
    kind = "ordinal" if any(isinstance(look, int) for look in looks) else "nominal"
    scale = {"domain": list(domain), "range": list(looks[: len(domain)])}
    channel: Spec = {"field": field, "type": kind, "scale": scale}
    return channel if has_legend else {**channel, "legend": None}


def reference_line(x: Spec) -> Spec:
    """Return a dashed line across all rows where nothing differs: at a ratio of 1."""
    rule = {"type": "rule", "strokeDash": [4, 3], "color": GREY, "size": 1.5}
    return {"data": {"values": [{x["field"]: 1}]}, "mark": rule, "encoding": {"x": x}}


def figure(value: float, interval: Interval | None, text: str, few: str = "too few blocks") -> dict[str, Any]:
    """Return a figure with its interval as a row of data: numbers for `figure_layers`, words for a tooltip."""
    low, high = (interval.low, interval.high) if interval else (value, value)
    return {"value": value, "low": low, "high": high, "Value": text, "CI": interval_text(value, interval) or few}


def figure_layers(data: str, along: str, channels: Mapping[str, Any], size: int = 110) -> list[Spec]:
    """Return the layers of figures made by `figure`: a bar over each interval, and above it a mark.

    ``channels`` has the positions "x" and "y", the figures lying along one of them, and what else the marks show.
    """
    bar = {**channels, along: {**channels[along], "field": "low"}, f"{along}2": {"field": "high"}}
    point = {"type": "point", "filled": True, "opacity": 1, "size": size}
    del bar["shape"]
    return [layer(data, {"type": "rule", "strokeWidth": size / 40}, **bar), layer(data, point, **channels)]


def wrapped(name: str) -> str:
    """Break a name into lines for which a row's label has room, between words."""
    return "\n".join(textwrap.wrap(name, int(_GUTTER_PX[1] / _PX_A_LETTER)))


def row_height(names: Sequence[str], least: int) -> int:
    """Return the height of each row in pixels: the least, or what the label with the most lines needs."""
    return max(least, _LINE_PX * (1 + max((name.count("\n") for name in names), default=0)) + 8)


def row_axis(names: Sequence[str], all_names: Sequence[str] = (), *, is_centred: bool = True) -> Spec:
    """Return one band for each name, in this order; a line end in a name is one in its label.

    Labels get room by their letters, not by their measured width, which differs between the drawing's fonts and the
    reader's; ``all_names`` are those of all charts that are to be in line with this one.
    A label is centred on its row's middle, or begins there.
    """
    lines_of_all = [line for name in (*names, *all_names) for line in name.split("\n")]
    longest = max((len(line) + sum(letter in _WIDE for letter in line) / 2 for line in lines_of_all), default=0.0)
    lines = max((name.count("\n") for name in names), default=0)
    gutter = min(max(longest * _PX_A_LETTER, _GUTTER_PX[0]), _GUTTER_PX[1])
    return {
        "field": "row",
        "type": "nominal",
        "title": None,
        "sort": list(names),
        "scale": {"padding": 0},
        "axis": {
            "labelExpr": "split(datum.value, '\\n')",
            "labelLimit": gutter,
            "minExtent": gutter + 10,
            "maxExtent": gutter + 10,
            "labelLineHeight": _LINE_PX,
            "labelOffset": -lines * _LINE_PX / 2 if is_centred else 0,
            "labelPadding": 10,
            "ticks": False,
            "domain": False,
        },
    }


def tips(*fields: str | tuple[str, str]) -> list[Spec]:
    """Return a tooltip's lines: fields, or (field, title)."""
    pairs = [(field, field) if isinstance(field, str) else field for field in fields]
    return [{"field": field, "title": title, "type": "nominal"} for field, title in pairs]


def around(values: Sequence[float], *, always: Sequence[float] = (), share: float = 0.06) -> tuple[float, float]:
    """Return a logarithmic axis's domain around positive values, with a margin."""
    every = [*values, *always] or [1.0]
    low, high = min(every), max(every)
    margin = max(math.log(high / low) * share, 0.01)
    return low * math.exp(-margin), high * math.exp(margin)


def ticks(low: float, high: float) -> list[float]:
    """Choose round numbers for a logarithmic axis: 1, 2, 5 a decade, or even steps where both ends are close."""
    if high / low < _LINEAR_BELOW:
        rough = (high - low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
        found = [index * step for index in range(math.ceil(low / step), math.floor(high / step) + 1)]
    else:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        factors = (1, 2, 5) if len(decades) <= 4 else (1,)  # noqa: PLR2004 - more would not fit a telephone's width
        found = [factor * 10.0**decade for decade in decades for factor in factors]
    # As their decimals say, without what binary fractions add.
    return [float(f"{value:.6g}") for value in found if low <= value <= high]


def evenly(items: Sequence[T], most: int) -> list[T]:
    """Return at most so many of a sequence's items, evenly spaced, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[index * (len(items) - 1) // max(1, most - 1)] for index in range(most)]
