"""Each case against its baseline as a finding: what is compared, under which conditions, and what came of it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.journal import job
from pageswap.agent.workloads import find_workload
from pageswap.analysis.trials.run_data import levels_key
from pageswap.analysis.verdicts import FASTER, NO_DIFFERENCE, NOT_MEASURED, SLOWER, TOO_FEW
from pageswap.answers.record import CORRUPT, UNAVAILABLE, Finding
from pageswap.answers.words import say
from pageswap.native import is_control, moves_pages
from pageswap.text.words import clipped, levels_phrase

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from pageswap.analysis.summary import CaseSummary, Summary
    from pageswap.statistics.intervals import Interval

DECIDED: Final = (FASTER, SLOWER)
COMPARED: Final = (*DECIDED, NO_DIFFERENCE, TOO_FEW)
# What a host cannot do, or what would not fit, is no failure.
_CANNOT: Final = frozenset((job.UNAVAILABLE, job.SKIPPED))
_LONGEST_REASON: Final = 240


@dataclasses.dataclass(frozen=True)
class Compared:
    """What is known of comparisons with the baseline: each case with its finding; ``findings`` are all of an answer."""

    verdict: str
    findings: list[Finding]
    pairs: list[tuple[CaseSummary, Finding]]

    @property
    def most_blocks(self) -> int:
        """Return the most blocks that any comparison has."""
        return max((case.ratio_n for case, found in self.pairs if found.verdict in COMPARED), default=0)

    @property
    def hosts_disagree(self) -> bool:
        """Say whether a comparison was decided one way on one host and not so on another with enough blocks."""
        known = [each for _, each in self.pairs if each.verdict in (*DECIDED, NO_DIFFERENCE)]
        found = {(each.subject, levels_key(each.where), each.verdict) for each in known}
        return len(found) > len({(subject, where) for subject, where, _ in found})


def contestants(summary: Summary) -> list[CaseSummary]:
    """Leave out what moves nothing, unless that is what the experiment is about."""
    moving = [case for case in summary.cases if not is_control(_family(summary, case.levels))]
    return list(summary.cases) if not moving or is_control(_family(summary, summary.baseline)) else moving


def is_mover(summary: Summary, case: CaseSummary) -> bool:
    """Say whether a case brings pages elsewhere, as far as its workload is about that."""
    return not find_workload(summary.workload).pages_moved or moves_pages(_family(summary, case.levels))


def _family(summary: Summary, levels: dict[str, Any]) -> str | None:
    return summary.families.get(str(levels.get("method")))


def contender_name(summary: Summary, case: CaseSummary) -> str:
    """Name what is compared: the levels that a case has for those of the baseline."""
    return levels_phrase({name: case.levels.get(name) for name in summary.baseline})


def where_of(summary: Summary, levels: dict[str, Any], compared: Container[str]) -> dict[str, Any]:
    """Return the conditions of a case: what varies in the run, but for the factors that are compared."""
    return {name: levels[name] for name in summary.varying if name not in compared and name in levels}


def figures(ratio: float | None, interval: Interval | None, verdict: str, unit: str = "") -> dict[str, Any]:
    """Return the fields of a finding that tell of its ratio; ``unit`` is the macro that puts it in words.

    Without one it is a speed, which is called faster or slower only where that was decided.
    """
    low, high = (interval.low, interval.high) if interval else (None, None)
    unit = unit or ("times" if verdict in DECIDED else "as_fast")
    times = "" if ratio is None else say("findings", unit, ratio, interval)
    return {"ratio": ratio, "low": low, "high": high, "times": times}


def case_finding(
    summary: Summary, case: CaseSummary, subject: str = "", against: str | None = None, unit: str = ""
) -> Finding:
    """Return what a case's comparison with its baseline found; named by the baseline's factors where it is not said."""
    verdict, why = case.verdict, case.held or case.note
    if verdict == NOT_MEASURED and case.endings:
        why = clipped(say("findings", "endings", case.endings), _LONGEST_REASON)
        verdict = UNAVAILABLE if set(case.statuses) <= _CANNOT else verdict
    if case.levels.get("method") in summary.corrupt:
        verdict, why = CORRUPT, say("findings", "corrupt", summary.corrupt[str(case.levels["method"])])
    return Finding(
        host=case.host,
        subject=subject or contender_name(summary, case),
        against=levels_phrase(summary.baseline) if against is None else against,
        where=where_of(summary, case.levels, summary.baseline),
        verdict=verdict,
        why=why,
        **figures(case.ratio, case.ratio_ci, verdict, unit),
    )


def baseline_findings(
    summary: Summary, made: Callable[[Summary, CaseSummary], Finding] = case_finding
) -> list[tuple[CaseSummary, Finding]]:
    """Return each contestant's case that is no baseline with its finding, in the run's order."""
    return [(case, made(summary, case)) for case in contestants(summary) if not summary.is_baseline(case)]
