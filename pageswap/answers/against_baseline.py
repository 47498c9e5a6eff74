"""Each case against its baseline as a finding, and contenders' verdicts over all of theirs."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Final

from pageswap.analysis.verdicts import (
    BASELINE,
    FASTER,
    NO_DIFFERENCE,
    NOT_COMPARED,
    NOT_MEASURED,
    SLOWER,
    TOO_FEW,
)
from pageswap.answers.record import CORRUPT, MIXED, NO, UNAVAILABLE, UNDECIDED, YES, Finding
from pageswap.answers.words import say
from pageswap.text.levels import levels_phrase
from pageswap.text.lists import clipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pageswap.analysis.summary import CaseSummary, Summary

DECIDED: Final = (FASTER, SLOWER)
COMPARED: Final = (FASTER, SLOWER, NO_DIFFERENCE, TOO_FEW)
_ORDER: Final = (FASTER, MIXED, SLOWER, NO_DIFFERENCE, TOO_FEW, NOT_COMPARED, NOT_MEASURED, UNAVAILABLE, CORRUPT)
_CONTROL: Final = "control"
_STAYING: Final = ("control", "window")
# What a host cannot do, or what would not fit, is no failure.
_CANNOT: Final = frozenset(("unavailable", "skipped"))
_LONGEST_REASON: Final = 240
# Workloads in which a method of the families above leaves every page where it is.
_OF_PAGES: Final = ("swap", "permute", "move", "limit")


@dataclasses.dataclass(frozen=True)
class ContenderVerdict:
    """One contender over all of its findings.

    ``counts`` has how many findings end with each verdict; ``hosts`` each host's verdict where it has but one.
    ``ends`` are the findings with the smallest and the largest ratio, none where no ratio is known.
    ``moves``: it brings pages elsewhere.
    """

    subject: str
    against: str
    verdict: str
    counts: dict[str, int]
    hosts: dict[str, str]
    ends: list[Finding]
    moves: bool

    @property
    def total(self) -> int:
        """How many findings there are."""
        return sum(self.counts.values())

    @property
    def shares(self) -> list[tuple[str, int]]:
        """How many findings end with each verdict, what was decided first."""
        return sorted(self.counts.items(), key=lambda item: _ORDER.index(item[0]))

    @property
    def by_host(self) -> list[tuple[str, list[str]]]:
        """The hosts of each verdict, where each host has but one and they differ; else nothing."""
        found: dict[str, list[str]] = {}
        for host, verdict in self.hosts.items():
            found.setdefault(verdict, []).append(host)
        if len(found) == 1 or MIXED in found:
            return []
        return sorted(found.items(), key=lambda item: _ORDER.index(item[0]))


def contestants(summary: Summary) -> list[CaseSummary]:
    """Leave out what moves nothing, unless that is what the experiment is about."""
    moving = [case for case in summary.cases if family_of(summary, case) != _CONTROL]
    is_about_controls = summary.families.get(str(summary.baseline.get("method"))) == _CONTROL
    return list(summary.cases) if is_about_controls or not moving else moving


def moves_pages(summary: Summary, case: CaseSummary) -> bool:
    """Say whether a case brings pages elsewhere, as far as its workload is about that."""
    return summary.workload not in _OF_PAGES or family_of(summary, case) not in _STAYING


def family_of(summary: Summary, case: CaseSummary) -> str | None:
    """Return the family of a case's method."""
    return summary.families.get(str(case.levels.get("method")))


def contender_name(summary: Summary, case: CaseSummary) -> str:
    """Name what is compared: the levels that a case has for those of the baseline."""
    return levels_phrase({name: case.levels.get(name) for name in summary.baseline})


def baseline_name(summary: Summary) -> str:
    """Name what contenders are compared with."""
    return levels_phrase(summary.baseline)


def where_of(summary: Summary, case: CaseSummary) -> dict[str, object]:
    """Return the conditions of a case: what varies in the run, but for what is compared."""
    return {name: case.levels[name] for name in summary.varying if name not in summary.baseline and name in case.levels}


def case_finding(summary: Summary, case: CaseSummary, subject: str, against: str) -> Finding:
    """Return what a case's comparison with its baseline found."""
    verdict, why = case.verdict, _why(case)
    if verdict == NOT_MEASURED and case.statuses and set(case.statuses) <= _CANNOT:
        verdict = UNAVAILABLE
    if case.levels.get("method") in summary.corrupt:
        verdict, why = CORRUPT, say("findings", "corrupt", summary.corrupt[str(case.levels["method"])])
    low, high = (case.ratio_ci.low, case.ratio_ci.high) if case.ratio_ci else (None, None)
    return Finding(
        host=case.host,
        subject=subject,
        against=against,
        where=where_of(summary, case),
        ratio=case.ratio,
        low=low,
        high=high,
        times="" if case.ratio is None else say("findings", "times", case.ratio, low, high),
        verdict=verdict,
        why=why,
    )


def _why(case: CaseSummary) -> str:
    if case.verdict == NOT_MEASURED and case.endings:
        return clipped(say("findings", "endings", case.endings), _LONGEST_REASON)
    return case.held or case.note


def baseline_findings(summary: Summary) -> list[tuple[CaseSummary, Finding]]:
    """Return each contestant's case that is no baseline with its finding, in the run's order."""
    against = baseline_name(summary)
    return [
        (case, case_finding(summary, case, contender_name(summary, case), against))
        for case in contestants(summary)
        if case.verdict != BASELINE and not is_baseline(summary, case)
    ]


def is_baseline(summary: Summary, case: CaseSummary) -> bool:
    """Say whether a case is one that others are compared with."""
    return summary.has_baseline and all(case.levels.get(name) == level for name, level in summary.baseline.items())


def contender_verdicts(
    findings: Sequence[Finding], moving: Iterable[str], names: Iterable[str] | None = None
) -> list[ContenderVerdict]:
    """Join the findings of each contender, those that no host could measure left out.

    ``moving`` are the contenders that move pages, ``names`` who each finding is of (its subject by default).
    """
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding, name in zip(findings, names or [finding.subject for finding in findings], strict=True):
        groups.setdefault((name, finding.against), []).append(finding)
    movers = set(moving)
    return [_joined(name, against, group, moves=name in movers) for (name, against), group in groups.items()]


def _joined(name: str, against: str, group: Sequence[Finding], *, moves: bool) -> ContenderVerdict:
    by_host: dict[str, list[Finding]] = {}
    for finding in group:
        by_host.setdefault(finding.host, []).append(finding)
    known = sorted((each for each in group if each.verdict in COMPARED), key=lambda each: each.ratio or 0.0)
    return ContenderVerdict(
        subject=name,
        against=against,
        verdict=_verdict(group),
        counts=dict(Counter(finding.verdict for finding in group)),
        hosts={host: _verdict(own) for host, own in by_host.items()},
        ends=[known[0], known[-1]] if known else [],
        moves=moves,
    )


def _verdict(group: Sequence[Finding]) -> str:
    """Return the verdict that all findings share, `MIXED` where some are decided, else what is known at most."""
    verdicts = {finding.verdict for finding in group}
    if len(verdicts) == 1:
        return verdicts.pop()
    if verdicts & {FASTER, SLOWER}:
        return MIXED
    return next((verdict for verdict in (NO_DIFFERENCE, TOO_FEW) if verdict in verdicts), NOT_COMPARED)


def overall(contenders: Sequence[ContenderVerdict]) -> str:
    """Return the verdict of all contenders together.

    Yes or no only where each of them has the same one under every condition on every host. A contender that no host
    can run takes no part, nor does one that moves no page beside others that do.
    """
    able = [each for each in contenders if each.verdict != UNAVAILABLE]
    verdicts = {each.verdict for each in able if each.moves} or {each.verdict for each in able}
    if not verdicts & {FASTER, SLOWER, MIXED}:
        return UNDECIDED
    if len(verdicts) > 1:
        return MIXED
    return {FASTER: YES, SLOWER: NO}.get(verdicts.pop(), MIXED)


def hosts_disagree(findings: Sequence[Finding]) -> bool:
    """Say whether the same comparison was decided one way on one host and not so on another with enough blocks."""
    found: dict[tuple[str, str], set[str]] = {}
    for finding in findings:
        if finding.verdict in (FASTER, SLOWER, NO_DIFFERENCE):
            found.setdefault((finding.subject, repr(sorted(finding.where.items()))), set()).add(finding.verdict)
    return any(len(verdicts) > 1 for verdicts in found.values())


def grouped(contenders: Iterable[ContenderVerdict]) -> list[tuple[str, list[ContenderVerdict]]]:
    """Put contenders of the same verdict together, decided ones first; the corrupt are named apart from them."""
    found: dict[str, list[ContenderVerdict]] = {}
    for each in contenders:
        if each.verdict != CORRUPT:
            found.setdefault(each.verdict, []).append(each)
    return sorted(found.items(), key=lambda item: _ORDER.index(item[0]))
