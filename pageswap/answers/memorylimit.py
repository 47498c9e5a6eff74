"""Answers a run of workload `limit`: how many bytes a second the memory allowed at best, exchanged and streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pageswap.analysis.explanations.contests import Contest, contests
from pageswap.answers.fastest import name_of, place_of
from pageswap.answers.phrases import noted, where
from pageswap.native import is_control
from pageswap.statistics.intervals import Interval
from pageswap.text.lists import listed, plural
from pageswap.text.numbers import decimals, interval_text, rounded

if TYPE_CHECKING:
    from pageswap.analysis.summary import CaseSummary, Summary

_CONDITIONS_NAMED: Final = 4
_PREFIXES: Final = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def limit_rates(summary: Summary) -> list[str]:
    """Give the best rate under each condition, then by which methods it was reached as far as these could be told.

    A stream copy is no competitor: it moves no pages. Nothing where nothing was measured, or in another workload.
    """
    if summary.workload != "limit":
        return []
    kinds = [
        ("exchanged", [case for case in summary.cases if case.bytes_per_s and not _is_stream(summary, case)]),
        ("copied as a stream", [case for case in summary.cases if case.bytes_per_s and _is_stream(summary, case)]),
    ]
    parts: list[str] = []
    by: list[str] = []
    left = 0
    for word, cases in kinds:
        held = contests(summary, cases)
        best = [each.winners[0] for each in held] or cases
        if best:
            parts.append(f"{word} at {listed([_rate(summary, case) for case in best[:_CONDITIONS_NAMED]])}")
            left += max(0, len(best) - _CONDITIONS_NAMED)
        if word == kinds[0][0]:
            by = [_by(summary, each) for each in held[:_CONDITIONS_NAMED]]
    if not parts:
        return []
    first = noted(f"{where(summary, summary.cases)}at best, pages were {', and '.join(parts)}")
    more = [f"{plural(left, 'more case')} {'is' if left == 1 else 'are'} listed below."] if left else []
    return [first, *([noted(f"Exchanges were fastest {'; '.join(by)}")] if by else []), *more]


def _is_stream(summary: Summary, case: CaseSummary) -> bool:
    return is_control(summary.families.get(str(case.levels.get("method"))))


def _by(summary: Summary, held: Contest) -> str:
    """Name who reached the best rate of a contest, and who could not be told from it."""
    names = [name_of(summary, case) for case in held.winners]
    others = f", not told from {listed(names[1:], 'or')}" if len(names) > 1 else ""
    return " ".join(part for part in (place_of(summary, held), f"by {names[0]}{others}") if part)


def _rate(summary: Summary, case: CaseSummary) -> str:
    """Print bytes a second, its interval from the time's, and where it was reached."""
    rate, ns = case.bytes_per_s or 0.0, case.median_ns or 1.0
    factor, prefix = next((pair for pair in _PREFIXES if rate >= pair[0]), (1.0, ""))
    rate /= factor
    ci = Interval(rate * ns / case.median_ci.high, rate * ns / case.median_ci.low) if case.median_ci else None
    text = f"{rounded(rate, decimals(rate, ci))} {prefix}B/s"
    levels = {name: case.levels[name] for name in summary.varying if name != "method" and name in case.levels}
    held = Contest(case.host, levels, (case,), (), None, is_known=True)
    ends = f"[{interval_text(rate, ci)}]" if ci else ""
    return " ".join(part for part in (text, ends, place_of(summary, held)) if part)
