"""How far a run's answer is to be trusted: what speaks against it, each with a code, and the level that follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.host.environment import doubts
from pageswap.analysis.verdicts import TOO_FEW
from pageswap.answers.record import BAD, DOUBTFUL, GOOD, NOTHING_MEASURED, Reason, Trust
from pageswap.answers.words import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pageswap.analysis.findings import Findings
    from pageswap.analysis.summary import HostsSummary, Summary

    Doubt = tuple[str, str, dict[str, Any]]

# Shares of the measured trials, and a noise floor as a ratio, from which on they are worth a word.
MOST: Final = 0.5
SOME: Final = 0.1
LARGE_FLOOR: Final = 1.1
_STEAL: Final = "steal"


def trust(summary: HostsSummary, findings: Findings, environments: Mapping[str, Mapping[str, Any]]) -> Trust:
    """Judge a run: bad by any one reason that is so, else doubtful by any, else good."""
    doubts = [*_of_trials(summary, findings), *_of_figures(summary), *_of_hosts(findings, environments)]
    level = BAD if any(each[0] == BAD for each in doubts) else DOUBTFUL if doubts else GOOD
    ordered = sorted(doubts, key=lambda each: each[0] != BAD)
    return Trust(level, tuple(Reason(code, say("trust", code, facts)) for _, code, facts in ordered))


def _of_trials(summary: Summary, findings: Findings) -> Iterator[Doubt]:
    measured = summary.statuses.get("ok", 0)
    if not measured:
        yield BAD, NOTHING_MEASURED, {}
        return
    if summary.disturbed > MOST * measured:
        yield BAD, "disturbed", {"trials": summary.disturbed, "of": measured}
    elif summary.disturbed >= SOME * measured:
        yield DOUBTFUL, "disturbed", {"trials": summary.disturbed, "of": measured}
    changed = sum(each.changes for each in findings.undisturbed)
    if changed:
        yield DOUBTFUL, "verdicts_hang_on_disturbed", {"comparisons": changed}
    if summary.corrupt:
        of_baseline = summary.baseline.get("method") in summary.corrupt
        yield (BAD if of_baseline else DOUBTFUL), "corrupt", {"methods": list(summary.corrupt), "baseline": of_baseline}
    lost = sum(ending.trials for case in summary.cases if case.n for ending in case.endings)
    if lost >= SOME * measured:
        yield DOUBTFUL, "lost_trials", {"trials": lost}
    if summary.missing:
        yield DOUBTFUL, "unfinished", {"trials": summary.missing}


def _of_figures(summary: HostsSummary) -> Iterator[Doubt]:
    few = sum(case.verdict == TOO_FEW for case in summary.cases)
    if few:
        yield DOUBTFUL, "few_blocks", {"comparisons": few}
    for host, floor in summary.noise.items():
        if floor.ratio and floor.ratio >= LARGE_FLOOR:
            yield DOUBTFUL, "noise_floor", {"host": host if len(summary.hosts) > 1 else "", "ratio": floor.ratio}
    if summary.silent:
        yield DOUBTFUL, "silent_hosts", {"hosts": list(summary.silent), "of": len(summary.hosts)}


def _of_hosts(findings: Findings, environments: Mapping[str, Mapping[str, Any]]) -> Iterator[Doubt]:
    stolen = {each.host for each in findings.disturbed if _STEAL in each.words}
    for host in stolen:
        kind = environments.get(host, {}).get("hypervisor")
        trials = sum(each.host == host and _STEAL in each.words for each in findings.disturbed)
        yield DOUBTFUL, "steal", {"host": host if len(environments) > 1 else "", "hypervisor": kind, "trials": trials}
    for host, environment in environments.items():
        for why in doubts(environment).values():
            yield DOUBTFUL, "condition", {"host": host if len(environments) > 1 else "", "why": why}
