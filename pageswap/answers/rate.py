"""Answers how many bytes a second the memory allows at best, exchanged and streamed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from pageswap.analysis.verdicts import TOO_FEW
from pageswap.answers.against_baseline import baseline_name, case_finding, contender_name, moves_pages, where_of
from pageswap.answers.corruption import Corrupted, corrupted
from pageswap.answers.record import CORRUPT, MEASURED, UNDECIDED, YES, Finding
from pageswap.answers.words import say
from pageswap.statistics.intervals import MINIMUM_N, Interval

if TYPE_CHECKING:
    from pageswap.analysis.summary import CaseSummary, Summary

# It moves no pages, but bytes.
_STREAM: Final = "stream_copy"


@dataclasses.dataclass(frozen=True)
class Best:
    """The highest rate of one kind under one set of conditions."""

    host: str
    method: str
    where: dict[str, object]
    bytes_per_s: float


@dataclasses.dataclass(frozen=True)
class Rate:
    """What the headline is made of: the best of each condition, pages exchanged and streamed, the highest first."""

    workload: str
    verdict: str
    corrupt: tuple[Corrupted, ...]
    exchanged: list[Best]
    streamed: list[Best]
    too_few: int


def rate(summary: Summary) -> tuple[Rate, list[Finding]]:
    """Return the facts of the headline, and the findings they come from: ``times`` holds each case's rate."""
    able = [case for case in summary.cases if moves_pages(summary, case) or _is_stream(case)]
    cases = [case for case in able if case.bytes_per_s or not case.n or _is_corrupt(summary, case)]
    findings = [_finding(summary, case) for case in cases]
    known = [case for case in cases if case.bytes_per_s and not _is_corrupt(summary, case)]
    most = max((case.n for case in known), default=0)
    facts = Rate(
        workload=summary.workload,
        verdict=UNDECIDED if most < MINIMUM_N else YES,
        corrupt=corrupted(summary),
        exchanged=_best(summary, [case for case in known if not _is_stream(case)]),
        streamed=_best(summary, [case for case in known if _is_stream(case)]),
        too_few=most if most < MINIMUM_N else 0,
    )
    return facts, findings


def _is_stream(case: CaseSummary) -> bool:
    return case.levels.get("method") == _STREAM


def _is_corrupt(summary: Summary, case: CaseSummary) -> bool:
    return case.levels.get("method") in summary.corrupt


def _best(summary: Summary, cases: list[CaseSummary]) -> list[Best]:
    """Return the case of the highest rate under each condition."""
    found: dict[tuple[str, str], Best] = {}
    for case in cases:
        where, rate_now = where_of(summary, case), case.bytes_per_s or 0.0
        key = case.host, repr(sorted(where.items()))
        if key not in found or found[key].bytes_per_s < rate_now:
            found[key] = Best(case.host, contender_name(summary, case), where, rate_now)
    return sorted(found.values(), key=lambda best: -best.bytes_per_s)


def _finding(summary: Summary, case: CaseSummary) -> Finding:
    """Return a case's rate, its interval from the time's, beside its speed against the baseline."""
    against = baseline_name(summary)
    found = case_finding(summary, case, contender_name(summary, case), against)
    if not case.bytes_per_s or found.verdict == CORRUPT:
        return dataclasses.replace(found, times="")
    ns, ci = case.median_ns or 1.0, case.median_ci
    ends = Interval(case.bytes_per_s * ns / ci.high, case.bytes_per_s * ns / ci.low) if ci else None
    return dataclasses.replace(
        found,
        times=say("findings", "rate", case.bytes_per_s, ends),
        verdict=MEASURED if case.n >= MINIMUM_N else TOO_FEW,
        why="" if case.n >= MINIMUM_N else say("findings", "too_few", [case]),
    )
