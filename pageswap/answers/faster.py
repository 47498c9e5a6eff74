"""Answers whether each contender is faster than the baseline: the verdict over all of its findings, and over all."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Final

from pageswap.analysis.verdicts import FASTER, NO_DIFFERENCE, NOT_COMPARED, NOT_MEASURED, SLOWER, TOO_FEW
from pageswap.answers.against_baseline import DECIDED, baseline_findings, contender_name, is_mover, most_blocks
from pageswap.answers.record import CORRUPT, MIXED, NO, UNAVAILABLE, UNDECIDED, YES, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pageswap.analysis.summary import Summary

_ORDER: Final = (FASTER, MIXED, SLOWER, NO_DIFFERENCE, TOO_FEW, NOT_COMPARED, NOT_MEASURED, UNAVAILABLE, CORRUPT)


@dataclasses.dataclass(frozen=True)
class Contender:
    """One contender with all of its findings; ``moves``: it brings pages elsewhere."""

    subject: str
    findings: list[Finding]
    moves: bool = True

    @property
    def verdict(self) -> str:
        """Return what all of its findings end with, `MIXED` where some are decided, else what is known at most."""
        return _joint(self.findings)

    @property
    def shares(self) -> list[tuple[str, int]]:
        """How many findings end with each verdict, what was decided first."""
        return sorted(Counter(each.verdict for each in self.findings).items(), key=lambda item: _ORDER.index(item[0]))

    @property
    def by_host(self) -> list[tuple[str, list[str]]]:
        """The hosts of each verdict, where each host has but one and they differ; else nothing."""
        own: dict[str, list[Finding]] = {}
        for each in self.findings:
            own.setdefault(each.host, []).append(each)
        found: dict[str, list[str]] = {}
        for host, findings in own.items():
            found.setdefault(_joint(findings), []).append(host)
        if len(found) == 1 or MIXED in found:
            return []
        return sorted(found.items(), key=lambda item: _ORDER.index(item[0]))


Groups = list[tuple[str, list[Contender]]]


@dataclasses.dataclass(frozen=True)
class Faster:
    """What the headline is made of: contenders by verdict, those that move no page beside others apart from them.

    ``most_blocks`` is the most that any comparison has.
    """

    verdict: str
    groups: Groups
    staying: Groups
    hosts_disagree: bool
    most_blocks: int


def faster(summary: Summary) -> tuple[Faster, list[Finding]]:
    """Return the facts of the headline, and the findings they come from."""
    pairs = baseline_findings(summary)
    found: dict[str, Contender] = {}
    for case, finding in pairs:
        name = contender_name(summary, case)
        found.setdefault(name, Contender(name, [], is_mover(summary, case))).findings.append(finding)
    movers = grouped(each for each in found.values() if each.moves)
    staying = grouped(each for each in found.values() if not each.moves)
    findings = [finding for _, finding in pairs]
    facts = Faster(
        verdict=overall(list(found.values())),
        groups=movers or staying,
        staying=staying if movers else [],
        hosts_disagree=hosts_disagree(findings),
        most_blocks=most_blocks(pairs),
    )
    return facts, findings


def _joint(findings: Iterable[Finding]) -> str:
    verdicts = {each.verdict for each in findings}
    if len(verdicts) == 1:
        return verdicts.pop()
    if verdicts & set(DECIDED):
        return MIXED
    return next((verdict for verdict in (NO_DIFFERENCE, TOO_FEW) if verdict in verdicts), NOT_COMPARED)


def overall(contenders: Sequence[Contender]) -> str:
    """Return the verdict of all contenders together.

    Yes or no only where each of them has the same one under every condition on every host. A contender that no host
    can run takes no part, nor does one that moves no page beside others that do.
    """
    able = [each for each in contenders if each.verdict != UNAVAILABLE]
    verdicts = {each.verdict for each in able if each.moves} or {each.verdict for each in able}
    if not verdicts & {*DECIDED, MIXED}:
        return UNDECIDED
    return {FASTER: YES, SLOWER: NO}.get(verdicts.pop(), MIXED) if len(verdicts) == 1 else MIXED


def hosts_disagree(findings: Iterable[Finding]) -> bool:
    """Say whether the same comparison was decided one way on one host and not so on another with enough blocks."""
    found: dict[tuple[str, str], set[str]] = {}
    for each in findings:
        if each.verdict in (*DECIDED, NO_DIFFERENCE):
            found.setdefault((each.subject, repr(sorted(each.where.items()))), set()).add(each.verdict)
    return any(len(verdicts) > 1 for verdicts in found.values())


def grouped(contenders: Iterable[Contender]) -> Groups:
    """Put contenders of the same verdict together, decided ones first; the corrupt are named apart from them."""
    found: dict[str, list[Contender]] = {}
    for each in contenders:
        if each.verdict != CORRUPT:
            found.setdefault(each.verdict, []).append(each)
    return sorted(found.items(), key=lambda item: _ORDER.index(item[0]))
