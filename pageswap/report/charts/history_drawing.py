"""A case over many runs as lines and dots: where each goes, in the units of a drawing; a template draws them."""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
from typing import TYPE_CHECKING, Final

from pageswap.history.figures import RATIO
from pageswap.report.charts.vegalite import around, ticks
from pageswap.text.numbers import with_digits
from pageswap.text.words import clipped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pageswap.history.series import Point, Series

WIDTH: Final = 760
HEIGHT: Final = 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 14, 12, 30
_MOST_TICKS: Final = 6
_DIGITS: Final = 3
# What a letter of a group's name takes where letters are largest, on a phone, with the space between two names.
_LETTER: Final = 14
_LONGEST_GROUP: Final = 40


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A series drawn: ``dots`` and ``bars`` are paths of SVG, the others lines with their labels.

    ``levels`` are (from, to, height) of each level, ``edges`` where it changes, ``marks`` where conditions did, each
    with the names of these; ``ticks`` are (height, text); ``ends`` the first and the last run's group.
    """

    dots: str
    bars: str
    levels: list[tuple[float, float, float]]
    edges: list[float]
    marks: list[float]
    ticks: list[tuple[float, str]]
    groups: list[tuple[float, str, str]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    bottom: int = HEIGHT - _BOTTOM


def drawing(series: Series) -> Drawing:
    """Place a series: runs evenly from left to right, figures on a logarithmic axis with round ticks."""
    points = series.points
    ends = [end for point in points for end in (point.value, point.low, point.high) if end]
    domain = around(ends)
    x, y = _across(len(points)), _up(domain)
    places = list(enumerate(points))
    bars = [f"M{x(place)} {y(each.low)}V{y(each.high)}" for place, each in places if each.low and each.high]
    edges = [change.place for change in series.changes]
    return Drawing(
        dots="".join(f"M{x(place)} {y(point.value)}h0" for place, point in places),
        bars="".join(bars),
        levels=[
            (x(start - 0.4), x(start + len(part) - 0.6), y(_middle(part)))
            for start, part in zip([0, *edges], series.parts, strict=True)
        ],
        edges=[x(place - 0.5) for place in edges],
        marks=[x(place - 0.5) for place, point in places if point.marks and place not in edges],
        ticks=[(y(tick), _tick_text(tick, series.quantity)) for tick in _thinned(ticks(*domain))],
        groups=_groups([point.group for point in points], x),
    )


def _across(count: int) -> Callable[[float], float]:
    step = (WIDTH - _LEFT - _RIGHT) / count
    return lambda place: round(_LEFT + (place + 0.5) * step, 1)


def _up(domain: tuple[float, float]) -> Callable[[float], float]:
    low, high = map(math.log, domain)
    room = HEIGHT - _TOP - _BOTTOM
    return lambda value: round(_TOP + room * (high - math.log(value)) / (high - low), 1)


def _groups(groups: Sequence[str], x: Callable[[float], float]) -> list[tuple[float, str, str]]:
    """Name each stretch of runs of one group below its middle; where a name lacks room the first and the last."""
    named, start = [], 0
    for name, own in itertools.groupby(groups):
        count = len(list(own))
        named.append((x(start + (count - 1) / 2), len(name) * _LETTER, clipped(name, _LONGEST_GROUP)))
        start += count
    sides = [(0.0, 0.0, ""), *named, (float(WIDTH), 0.0, "")]
    if all(right - left >= (one + other) / 2 for (left, one, _), (right, other, _) in itertools.pairwise(sides)):
        return [(place, "middle", name) for place, _, name in named]
    return [(_LEFT, "start", named[0][2]), (WIDTH - _RIGHT, "end", named[-1][2])]


def _middle(part: Sequence[Point]) -> float:
    return statistics.median(point.value for point in part)


def _thinned(values: Sequence[float]) -> Sequence[float]:
    return values[:: -(-len(values) // _MOST_TICKS)] if values else values


def _tick_text(value: float, quantity: str) -> str:
    text = with_digits(value, _DIGITS)
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{text}x" if quantity == RATIO else f"{text} ns"
