"""A comparison of two runs in words: changes as percentages of time, and the finding in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pageswap.answers.words import lines
from pageswap.statistics.intervals import Interval
from pageswap.text.numbers import decimals, holding, kept_apart, percent_text, with_digits
from pageswap.text.words import level_text, levels_phrase

if TYPE_CHECKING:
    from pageswap.comparison.changes import Change
    from pageswap.comparison.comparison import Comparison

NUMBERS: Final = ("base, ns", "new, ns", "time", "95 % interval", "could find")
_TIME_DIGITS: Final = 3


def slowdown_text(change: float | None, interval: Interval | None) -> str:
    """Print a change of time as ``+10.2 %``, to as many digits as its interval knows; nothing for None."""
    if change is None:
        return ""
    return f"{_signed(100 * (change - 1), _places(change, interval) if interval else 0)} %"


def slowdown_interval_text(change: float | None, interval: Interval | None) -> str:
    """Print the interval of a change as ``+8.9 to +11.6 %``; nothing without one."""
    if change is None or interval is None:
        return ""
    places, ends = _places(change, interval), (100 * (end - 1) for end in (interval.low, interval.high))
    # An end that rounding would bring to zero would be on neither side.
    return " to ".join(_signed(end, kept_apart(end, places, (0.0,))) for end in ends) + " %"


def time_text(ns: float | None) -> str:
    """Print a time in ns to three digits, as many as a median over a few blocks deserves; nothing for None."""
    return with_digits(ns, _TIME_DIGITS) if ns else ""


def change_heads(comparison: Comparison) -> list[str]:
    """Return the heads of the columns of `change_cells`: the names first, then `NUMBERS`."""
    return [*(["host"] if len(comparison.pairs) > 1 else []), *comparison.varying, *NUMBERS]


def change_cells(comparison: Comparison, change: Change) -> list[str]:
    """Return a case's cells of a table, but for its verdict."""
    return [
        *([change.new_host] if len(comparison.pairs) > 1 else []),
        *(level_text(name, change.levels.get(name)) for name in comparison.varying),
        time_text(change.base_ns),
        time_text(change.new_ns),
        slowdown_text(change.change, change.change_ci),
        slowdown_interval_text(change.change, change.change_ci),
        percent_text(change.detectable) if change.detectable else "",
    ]


def findings(comparison: Comparison) -> list[str]:
    """Return the finding, how much could have been found, whether the comparison stands, and the gate's decision."""
    words = {"change_text": slowdown_text, "change_interval_text": slowdown_interval_text}
    return lines("comparison.lines.j2", comparison=comparison, case_phrase=_case_phrase, **words)


def _case_phrase(comparison: Comparison, change: Change) -> str:
    """Name a case by what varies in the comparison, and its host where there are several."""
    levels = levels_phrase({name: change.levels[name] for name in comparison.varying if name in change.levels})
    return f"{levels} on {change.new_host}" if len(comparison.pairs) > 1 else levels


def _places(change: float, interval: Interval) -> int:
    """Say how many decimals of percents are known; of nearly nothing no more than of a larger change."""
    percent, ends = 100 * (change - 1), Interval(100 * (interval.low - 1), 100 * (interval.high - 1))
    return holding(percent, ends, decimals(max(abs(percent), (ends.high - ends.low) / 2), ends), (0.0,))


def _signed(percent: float, places: int) -> str:
    text = f"{round(percent, places):+,.{max(0, places)}f}"
    return text if any(digit in text for digit in "123456789") else text.lstrip("+-")
