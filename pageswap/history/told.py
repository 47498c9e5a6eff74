"""A history in words: the names of its series, and what is said of them, by templates/answers/history.lines.j2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pageswap.answers.words import lines
from pageswap.history.figures import RATIO
from pageswap.statistics.change_points import LEAST
from pageswap.statistics.intervals import Interval
from pageswap.text.numbers import figure_text, interval_text, percent_text
from pageswap.text.words import clipped, levels_phrase

if TYPE_CHECKING:
    from pageswap.history.series import History, Point, Series

MOST_TOLD: Final = 20
_LONGEST_NAME: Final = 120


def series_name(history: History, series: Series) -> str:
    """Name a case by what tells it from the others: its levels, its host where there are several, its machine."""
    parts = [levels_phrase(series.levels)]
    if history.has_several_hosts:
        parts.append(f"on {series.host}")
    if history.has_several_machines:
        parts.append(", ".join(filter(None, (*series.machine, *(f"{name} {value}" for name, value in series.work)))))
    return clipped(", ".join(filter(None, parts)), _LONGEST_NAME)


def sentences(history: History) -> list[str]:
    """Return what a history says, a line each: the headline, the changes, what is not one yet, what was not found."""
    names = {id(each): series_name(history, each) for each in history.series}
    return lines(
        "history.lines.j2",
        history=history,
        name_of=lambda series: names[id(series)],
        amount=amount_text,
        amounts=amounts_text,
        most=MOST_TOLD,
        least=LEAST,
    )


def amount_text(factor: float) -> str:
    """Print how far a factor is from 1, whichever way: ``12 %``, ``3.4x``."""
    return percent_text(max(factor, 1 / factor))


def amounts_text(low: float, high: float) -> str:
    """Print the ends of an interval of factors on one side of 1, the smaller change first: ``11 % to 14 %``."""
    return " to ".join(map(amount_text, sorted((low, high), key=lambda end: max(end, 1 / end))))


def point_text(series: Series, point: Point) -> tuple[str, str]:
    """Print a point's figure with its unit, and its interval."""
    ends = Interval(point.low, point.high) if point.low is not None and point.high is not None else None
    text = figure_text(point.value, ends)
    return f"{text}x" if series.quantity == RATIO else f"{text} ns", interval_text(point.value, ends)
