"""What answers are made of: where they hold, what is compared with what, and figures with their intervals."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from pageswap.native import is_control
from pageswap.text.levels import level_phrase, levels_phrase
from pageswap.text.lists import clipped, listed
from pageswap.text.numbers import decimals, end_text, interval_text, nanoseconds_text, ratio_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pageswap.analysis.summary import CaseSummary, Summary
    from pageswap.statistics.intervals import Interval

HOSTS_NAMED = 4
LONGEST_HOST = 60
# An interval after a speed-up, a time or a share; names of methods and hosts have no number before a bracket.
_BRACKETED = re.compile(r"\d(?:x| ns| %|[ A-Za-z/]{0,6}) \[[\d<-]")
_WITHIN = "within the noise floor"
_BASE_PAGE = 4096
# What pages are is no condition of a call, nor of growing one block.
_WITHOUT_PAGES = ("call", "grow")


def contestants(summary: Summary) -> list[CaseSummary]:
    """Leave out what moves nothing, unless that is what the experiment is about."""
    moving = [case for case in summary.cases if not is_control(summary.families.get(str(case.levels.get("method"))))]
    is_about_controls = is_control(summary.families.get(str(summary.baseline.get("method"))))
    return list(summary.cases) if is_about_controls or not moving else moving


def where(summary: Summary, cases: Iterable[CaseSummary]) -> str:
    """Begin an answer: the processors, and the sizes that all cases share."""
    hosts = list(dict.fromkeys(case.host for case in cases)) or list(summary.hosts)
    names = [summary.cpus.get(host) or f"host {host}" for host in hosts]
    distinct = list(dict.fromkeys(names))
    if len(distinct) == 1:
        place = distinct[0] if len(hosts) == 1 else f"{len(hosts):,} hosts with {distinct[0]}"
    elif len(hosts) <= HOSTS_NAMED:
        place = listed([f"{name} ({host})" for name, host in zip(names, hosts, strict=True)])
    else:
        place = f"{len(hosts):,} hosts with {len(distinct):,} kinds of processor"
    sizes = [level_phrase(name, summary.fixed[name]) for name in ("page_size", "region_size") if _says(summary, name)]
    return f"On {clipped(place, 200)}{', with ' + ' in '.join(sizes) if sizes else ''}: "


def _says(summary: Summary, size: str) -> bool:
    is_usual = size == "page_size" and summary.workload in _WITHOUT_PAGES and summary.fixed.get(size) == _BASE_PAGE
    return size in summary.fixed and not is_usual


def contender(summary: Summary, case: CaseSummary) -> str:
    """Name what is compared: the levels that a case has for those of the baseline."""
    return levels_phrase({name: case.levels.get(name) for name in summary.baseline})


def baseline_name(summary: Summary) -> str:
    """Name what it is compared with."""
    return levels_phrase(summary.baseline)


def place(summary: Summary, case: CaseSummary, besides: Iterable[str]) -> str:
    """Say where a figure was measured, as far as that differs within the run; begins with a space when there is any."""
    words = levels_phrase(
        {name: case.levels[name] for name in summary.varying if name in case.levels and name not in set(besides)}
    )
    host = f" on {clipped(case.host, LONGEST_HOST)}" if len(summary.hosts) > 1 else ""
    return f"{' with ' + words if words else ''}{host}"


def figure(case: CaseSummary, then: str) -> str:
    """Print a ratio, what comes after it, and its interval."""
    if case.ratio is None:
        return "no known ratio"
    ci = f" (95 % CI {interval_text(case.ratio, case.ratio_ci)})" if case.ratio_ci else ""
    return f"{ratio_text(case.ratio, case.ratio_ci)} {then}".rstrip() + ci


def bracketed(value: float, interval: Interval | None, text: Callable[[float, Interval | None], str]) -> str:
    """Print a figure with its interval in brackets, as one of several in a sentence."""
    ends = f" [{interval_text(value, interval)}]" if interval else ""
    return f"{text(value, interval)}{ends}"


def ratio_of(case: CaseSummary) -> str:
    """Print a case's ratio with its interval in brackets."""
    return bracketed(case.ratio, case.ratio_ci, ratio_text) if case.ratio is not None else "no known ratio"


def time_of(case: CaseSummary) -> str:
    """Print a case's time with its interval in brackets."""
    return bracketed(case.median_ns or 0.0, case.median_ci, lambda ns, ci: f"{nanoseconds_text(ns, ci)} ns")


def held_back(cases: Iterable[CaseSummary]) -> str:
    """Say what kept differences from being called such although the intervals exclude 1; begins with a comma.

    Nothing where every interval holds 1 and so says itself why no difference was found.
    """
    every = list(cases)
    reasons = Counter(case.held for case in every if case.held)
    if len(reasons) > 1:
        # Each host has a noise floor of its own.
        reasons = Counter(_WITHIN if case.held.startswith(_WITHIN) else case.held for case in every if case.held)
    if not reasons:
        return ""
    if len(reasons) == 1 and reasons.total() == len(every):
        return f", {next(iter(reasons))}"
    (reason, count), *more = reasons.items()
    return f", {listed([f'{count:,} of them {reason}', *(f'{count:,} {reason}' for reason, count in more)])}"


def ends(cases: Iterable[CaseSummary]) -> tuple[CaseSummary, CaseSummary]:
    """Give the cases with the smallest and the largest ratio."""
    ordered = sorted(cases, key=lambda case: case.ratio or 0)
    return ordered[0], ordered[-1]


def span(cases: Sequence[CaseSummary]) -> str:
    """Print one ratio, or the smallest and the largest of several, each interval within the brackets."""
    low, high = ends(cases)
    if low is high:
        return ratio_of(low)
    intervals = [case.ratio_ci for case in cases if case.ratio_ci]
    texts = list(dict.fromkeys(ratio_text(case.ratio or 0, case.ratio_ci) for case in (low, high)))
    if not intervals:
        return " to ".join(texts)
    return f"{' to '.join(texts)} [{_hull(low, high, intervals)}]"


def speeds(cases: Sequence[CaseSummary]) -> str:
    """Print the ratio of one case, or the smallest and largest of several, with what their intervals span."""
    low, high = ends(cases)
    if low is high:
        return figure(low, "its speed")
    intervals = [case.ratio_ci for case in cases if case.ratio_ci]
    texts = list(dict.fromkeys(ratio_text(case.ratio or 0, case.ratio_ci) for case in (low, high)))
    if not intervals:
        return f"{' to '.join(texts)} its speed"
    return f"{' to '.join(texts)} its speed (95 % CIs within {_hull(low, high, intervals)})"


def _hull(low: CaseSummary, high: CaseSummary, intervals: Sequence[Interval]) -> str:
    places = min(decimals(case.ratio or 0, case.ratio_ci) for case in (low, high))
    first, last = min(part.low for part in intervals), max(part.high for part in intervals)
    return f"{end_text(first, places)} to {end_text(last, places)}"


def apart(summary: Summary, levels: Mapping[str, Any], others: Mapping[str, Any]) -> tuple[str, str]:
    """Name two combinations of levels by what tells them apart, in the order of the run's factors."""
    names = [name for name in summary.varying if levels.get(name) != others.get(name)] or list(summary.baseline)
    ours, theirs = ({name: side[name] for name in names if name in side} for side in (levels, others))
    return levels_phrase(ours), levels_phrase(theirs)


def sentence(text: str) -> str:
    """Make a sentence of clauses."""
    text = text.strip().rstrip(",;.")
    return text[0].upper() + text[1:] + "."


def noted(text: str) -> str:
    """Make a sentence that says what its brackets are, where figures have their intervals in such."""
    return sentence(f"{text.strip().rstrip(',;.')} (95 % CIs in brackets)" if _BRACKETED.search(text) else text)
