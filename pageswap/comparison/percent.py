"""A comparison of two runs in words: changes as percentages of time, and the finding in a sentence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pageswap.analysis.verdicts import FASTER, NO_DIFFERENCE, NOT_COMPARED, SLOWER, TOO_FEW
from pageswap.statistics.intervals import Interval
from pageswap.text.levels import levels_phrase
from pageswap.text.lists import listed, plural
from pageswap.text.numbers import decimals, rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.comparison.comparison import Change, Comparison

_NAMED = 3


def percent_text(change: float | None, interval: Interval | None) -> str:
    """Print a change of time as ``+10.2 %``, to as many digits as its interval knows; nothing for None."""
    if change is None:
        return ""
    percent, ends = _percents(change, interval)
    return f"{_signed(percent, _places(percent, ends) if ends else 0)} %"


def percent_interval_text(change: float | None, interval: Interval | None) -> str:
    """Print the interval of a change as ``+8.9 to +11.6 %``; nothing without one."""
    if change is None or interval is None:
        return ""
    percent, ends = _percents(change, interval)
    places = _places(percent, ends) if ends else 0
    return " to ".join(_end(end, places) for end in (ends.low, ends.high)) + " %" if ends else ""


def time_text(ns: float | None) -> str:
    """Print a time in ns to three digits, as many as a median over a few blocks deserves; nothing for None."""
    return "" if not ns else rounded(ns, 2 - math.floor(math.log10(ns)))


def detectable_text(change: Change) -> str:
    """Print the smallest change that could have been found as ``1.8 %``."""
    return "" if change.detectable is None else _size_text(change.detectable)


def case_phrase(comparison: Comparison, change: Change) -> str:
    """Name a case by what varies in the comparison, and its host where there are several."""
    levels = levels_phrase({name: change.levels[name] for name in comparison.varying if name in change.levels})
    return f"{levels} on {change.new_host}" if len(comparison.pairs) > 1 else levels


def findings(comparison: Comparison) -> list[str]:
    """Give the finding, how much could have been found, whether the comparison stands, and the gate's decision."""
    cases = comparison.cases
    of = {word: [c for c in cases if c.verdict == word] for word in (SLOWER, FASTER, NO_DIFFERENCE, TOO_FEW)}
    counted = [f"{len(of[word])} {word}{_figures(comparison, of[word])}" for word in (SLOWER, FASTER) if of[word]]
    if of[NO_DIFFERENCE]:
        counted.append(f"no difference found in {len(of[NO_DIFFERENCE])}")
    if of[TOO_FEW]:
        counted.append(f"too few blocks to tell in {len(of[TOO_FEW])}")
    if uncompared := sum(change.verdict == NOT_COMPARED for change in cases):
        counted.append(f"{uncompared} not compared")
    sentences = [f"Of {plural(len(cases), 'case')}: {'; '.join(counted)}."]
    sizes = sorted(change.detectable for change in cases if change.detectable)
    if sizes:
        ends = list(dict.fromkeys(_size_text(size) for size in (sizes[0], sizes[-1])))
        sentences.append(f"The smallest change that could have been found was {' to '.join(ends)}, by case.")
    if only := [f"{len(part)} only in {side}" for side, part in _alone(comparison) if part]:
        sentences.append(f"Cases without a partner: {listed(only)}.")
    sentences.append(f"The comparison {comparison.verdict.word}. {comparison.verdict.text}")
    if comparison.gate:
        word = {True: "passed", False: "tripped", None: "undecided"}[comparison.gate.passed]
        sentences.append(f"Gate {word}: {comparison.gate.text.rstrip('.')}.")
    return sentences


def _alone(comparison: Comparison) -> list[tuple[str, tuple[dict[str, object], ...]]]:
    return [(comparison.base.name, comparison.only_base), (comparison.new.name, comparison.only_new)]


def _figures(comparison: Comparison, cases: Sequence[Change]) -> str:
    """Name the cases that changed most."""
    ordered = sorted(cases, key=lambda change: abs((change.change or 1) - 1), reverse=True)
    named = [
        f"{case_phrase(comparison, change)} {percent_text(change.change, change.change_ci)} "
        f"({percent_interval_text(change.change, change.change_ci)})"
        for change in ordered[:_NAMED]
    ]
    more = f"; {len(cases) - _NAMED} more" if len(cases) > _NAMED else ""
    return f": {'; '.join(named)}{more}"


def _percents(change: float, interval: Interval | None) -> tuple[float, Interval | None]:
    if interval is None:
        return (change - 1) * 100, None
    return (change - 1) * 100, Interval((interval.low - 1) * 100, (interval.high - 1) * 100)


def _places(percent: float, ends: Interval) -> int:
    """Say how many decimals are known; a change of nearly nothing is known no better than a larger one."""
    return decimals(max(abs(percent), (ends.high - ends.low) / 2), ends)


def _end(end: float, places: int) -> str:
    # An end that rounding would bring to zero would be on neither side.
    while end and not round(end, places):
        places += 1
    return f"{round(end, places):+,.{max(0, places)}f}"


def _size_text(factor: float) -> str:
    percent = (factor - 1) * 100
    return f"{rounded(percent, 1 - math.floor(math.log10(percent))) if percent > 0 else '0'} %"


def _signed(percent: float, places: int) -> str:
    text = f"{round(percent, places):+,.{max(0, places)}f}"
    return text if any(digit in text for digit in "123456789") else text.lstrip("+-")
