"""Answers how many bytes a second the memory allows at best, exchanged and streamed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from pageswap.analysis.trials.run_data import levels_key
from pageswap.analysis.verdicts import TOO_FEW
from pageswap.answers.against_baseline import case_finding, is_mover
from pageswap.answers.record import CORRUPT, MEASURED, UNDECIDED, YES, Finding
from pageswap.answers.words import say
from pageswap.statistics.intervals import MINIMUM_N

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pageswap.analysis.summary import CaseSummary, Summary

# It moves no pages, but bytes.
_STREAM: Final = "stream_copy"
# A case's rate, in bytes a second, and its finding.
Best = tuple[float, Finding]


@dataclasses.dataclass(frozen=True)
class Rate:
    """What the headline is made of: the best of each condition, pages exchanged and streamed, the highest first."""

    verdict: str
    findings: list[Finding]
    exchanged: list[Best]
    streamed: list[Best]
    most_blocks: int


def rate(summary: Summary) -> Rate:
    """Find the best rates; ``times`` of a finding holds its case's."""
    able = [case for case in summary.cases if is_mover(summary, case) or _is_stream(case)]
    pairs = [(case, _finding(summary, case)) for case in able]
    pairs = [(case, found) for case, found in pairs if case.bytes_per_s or not case.n or found.verdict == CORRUPT]
    known = [(case, found) for case, found in pairs if case.bytes_per_s and found.verdict != CORRUPT]
    most = max((case.n for case, _ in known), default=0)
    return Rate(
        verdict=UNDECIDED if most < MINIMUM_N else YES,
        findings=[found for _, found in pairs],
        exchanged=_best((case.bytes_per_s or 0.0, found) for case, found in known if not _is_stream(case)),
        streamed=_best((case.bytes_per_s or 0.0, found) for case, found in known if _is_stream(case)),
        most_blocks=most,
    )


def _is_stream(case: CaseSummary) -> bool:
    return case.levels.get("method") == _STREAM


def _best(rates: Iterable[Best]) -> list[Best]:
    """Return the highest rate under each condition."""
    found: dict[object, Best] = {}
    for each in sorted(rates, key=lambda item: -item[0]):
        found.setdefault((each[1].host, levels_key(each[1].where)), each)
    return list(found.values())


def _finding(summary: Summary, case: CaseSummary) -> Finding:
    """Return a case's rate, its interval from the time's, beside its speed against the baseline."""
    found = case_finding(summary, case)
    if not case.bytes_per_s or found.verdict == CORRUPT:
        return dataclasses.replace(found, times="")
    ends = case.median_ci and case.median_ci.inverse(case.bytes_per_s * (case.median_ns or 1.0))
    return dataclasses.replace(
        found,
        times=say("findings", "rate", case.bytes_per_s, ends),
        verdict=MEASURED if case.n >= MINIMUM_N else TOO_FEW,
        why="" if case.n >= MINIMUM_N else say("findings", "too_few", [case]),
    )
