"""What an answer does not cover: cases without a figure, trials that were lost, trials still to come."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pageswap.analysis.verdicts import NOT_COMPARED
from pageswap.answers.record import MOST_FINDINGS, Caveat
from pageswap.answers.words import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pageswap.analysis.summary import CaseSummary, Ending, Summary


def caveats(summary: Summary, findings: int) -> Iterator[Caveat]:
    """Yield each of them, no ending left out: every status with its count and all its reasons.

    ``findings`` is how many the answer has.
    """
    if summary.corrupt:
        cases = [case for case in summary.cases if case.levels.get("method") in summary.corrupt]
        yield _caveat("corrupt", cases, {"methods": summary.corrupt})
    unmeasured = [case for case in summary.cases if not case.n and case.endings]
    if unmeasured:
        of = {"cases": len(unmeasured), "of": len(summary.cases), "endings": _endings(unmeasured)}
        yield _caveat("not_measured", unmeasured, of)
    uncompared = [case for case in summary.cases if case.n and case.verdict == NOT_COMPARED and summary.has_baseline]
    if uncompared:
        notes = list(dict.fromkeys(case.note for case in uncompared))
        yield _caveat("not_compared", uncompared, {"cases": len(uncompared), "notes": notes})
    short = [case for case in summary.cases if case.n and case.endings]
    if short:
        yield _caveat("lost_trials", short, {"endings": _endings(short)})
    if summary.warmup_endings:
        yield _caveat("lost_warmups", [], {"endings": _joined(summary.warmup_endings)})
    if summary.silent and len(summary.silent) < len(summary.hosts):
        silent = [case for case in summary.cases if case.host in summary.silent]
        yield _caveat("silent_hosts", silent, {"hosts": list(summary.silent)})
    if summary.missing:
        yield _caveat("unfinished", [], {"trials": summary.missing})
    if findings > MOST_FINDINGS:
        yield _caveat("findings", [], {"findings": findings, "most": MOST_FINDINGS})


def _caveat(kind: str, cases: Iterable[CaseSummary], facts: dict[str, Any]) -> Caveat:
    return Caveat(kind, say("caveats", kind, facts), tuple(dict.fromkeys(case.case_id for case in cases)))


def _endings(cases: Iterable[CaseSummary]) -> list[tuple[str, int, list[tuple[str, int]]]]:
    return _joined([ending for case in cases for ending in case.endings])


def _joined(endings: Sequence[Ending]) -> list[tuple[str, int, list[tuple[str, int]]]]:
    """Return each status with the number of its trials, and each of its reasons with the same."""
    found: dict[str, Counter[str]] = {}
    for ending in endings:
        found.setdefault(ending.status, Counter())[ending.reason] += ending.trials
    return [(status, reasons.total(), reasons.most_common()) for status, reasons in found.items()]
