"""How far a run's answer is to be trusted: what speaks against it, each with a code, and the level that follows."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.host.environment import doubts
from pageswap.agent.journal.job import OK
from pageswap.analysis.checks.stability import CHANGES, LACKS
from pageswap.analysis.verdicts import TOO_FEW
from pageswap.answers.record import BAD, DOUBTFUL, GOOD, NOTHING_MEASURED, Reason, Trust
from pageswap.answers.words import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pageswap.analysis.findings import Findings
    from pageswap.analysis.summary import HostsSummary, Summary

    Doubt = tuple[str, str, dict[str, Any]]

# Shares of the measured trials, and a noise floor as a ratio, from which on they are worth a word.
MOST: Final = 0.5
SOME: Final = 0.1
LARGE_FLOOR: Final = 1.1
# What each host may have, beside the doubts of the table of conditions.
_STEAL: Final = "steal"
_BALANCING: Final = "numa_balancing"
_SCATTERED: Final = "several_nodes"


def trust(summary: HostsSummary, findings: Findings, environments: Mapping[str, Mapping[str, Any]]) -> Trust:
    """Judge a run: bad by any one reason that is so, else doubtful by any, else good."""
    return told([*_of_trials(summary, findings), *_of_figures(summary), *_of_hosts(findings, environments)])


def told(found: Iterable[Doubt]) -> Trust:
    """Put what speaks against an answer in words, the worst first."""
    ordered = sorted(found, key=lambda each: each[0] != BAD)
    why = tuple(Reason(code, say("trust", facts.get("words", code), facts)) for _, code, facts in ordered)
    return Trust(ordered[0][0] if ordered else GOOD, why)


def _of_trials(summary: Summary, findings: Findings) -> Iterator[Doubt]:
    measured = summary.statuses.get(OK, 0)
    if not measured:
        yield BAD, NOTHING_MEASURED, {}
        return
    if summary.disturbed >= SOME * measured:
        level = BAD if summary.disturbed > MOST * measured else DOUBTFUL
        yield level, "disturbed", {"trials": summary.disturbed, "of": measured}
    effects = Counter(each.effect for each in findings.undisturbed)
    if effects[CHANGES] or effects[LACKS]:
        yield DOUBTFUL, "verdicts_hang_on_disturbed", {"changed": effects[CHANGES], "short": effects[LACKS]}
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
    large = {host: each.ratio for host, each in summary.noise.items() if each.ratio and each.ratio >= LARGE_FLOOR}
    if large:
        named = list(large) if len(summary.hosts) > 1 else []
        yield DOUBTFUL, "noise_floor", {"hosts": named, "ratio": max(large.values())}
    if summary.silent:
        yield DOUBTFUL, "silent_hosts", {"hosts": list(summary.silent), "of": len(summary.hosts)}


def _of_hosts(findings: Findings, environments: Mapping[str, Mapping[str, Any]]) -> Iterator[Doubt]:
    """Yield what is amiss with hosts, each thing once with all of its hosts."""
    stolen = Counter(each.host for each in findings.disturbed if _STEAL in each.words)
    # What is amiss: a macro, its code and words, with the trials that it is about on each host.
    found: dict[tuple[str, str, str], dict[str, int]] = {}
    for host, environment in environments.items():
        own = [(("condition", key, why), 0) for key, why in doubts(environment).items()]
        if environment.get(_BALANCING) and len(environment.get("numa_nodes") or ()) > 1:
            own.append(((_BALANCING, _BALANCING, ""), 0))
        if host in findings.scattered:
            own.append(((_SCATTERED, _SCATTERED, ""), findings.scattered[host]))
        if host in stolen:
            own.append(((_STEAL, _STEAL, str(environment.get("hypervisor") or "")), stolen[host]))
        for key, trials in own:
            found.setdefault(key, {})[host] = trials
    for (macro, code, why), hosts in found.items():
        named = list(hosts) if len(environments) > 1 else []
        yield DOUBTFUL, code, {"words": macro, "hosts": named, "why": why, "trials": sum(hosts.values())}
