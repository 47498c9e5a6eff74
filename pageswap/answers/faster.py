"""Answers whether each contender is faster than the baseline, or what a change of conditions does to each method."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pageswap.analysis.verdicts import FASTER, NO_DIFFERENCE, NOT_COMPARED, NOT_MEASURED, SLOWER, TOO_FEW
from pageswap.answers.against_baseline import DECIDED, Compared, baseline_findings, case_finding, is_mover
from pageswap.answers.record import CORRUPT, MIXED, NO, UNAVAILABLE, UNDECIDED, YES, Finding
from pageswap.text.words import levels_phrase

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pageswap.analysis.summary import CaseSummary, Summary

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
        counts = Counter(each.verdict for each in self.findings)
        return [(word, counts[word]) for word in _ORDER if word in counts]

    @property
    def by_host(self) -> list[tuple[str, list[str]]]:
        """The hosts of each verdict, where each host has but one and they differ; else nothing."""
        hosts = dict.fromkeys(each.host for each in self.findings)
        joint = {host: _joint(each for each in self.findings if each.host == host) for host in hosts}
        found = set(joint.values())
        if len(found) == 1 or MIXED in found:
            return []
        return [(word, [host for host, own in joint.items() if own == word]) for word in _ORDER if word in found]


Groups = list[tuple[str, list[Contender]]]


@dataclasses.dataclass(frozen=True)
class Faster(Compared):
    """What the headline is made of: contenders by verdict, those that move no page beside others apart from them."""

    groups: Groups
    staying: Groups


def faster(summary: Summary) -> Faster:
    """Judge each contender over all of its findings."""
    pairs = baseline_findings(summary)
    found: dict[str, Contender] = {}
    for case, finding in pairs:
        name, moves = finding.subject, is_mover(summary, case)
        found.setdefault(name, Contender(name, [], moves)).findings.append(finding)
    movers = grouped(each for each in found.values() if each.moves)
    staying = grouped(each for each in found.values() if not each.moves)
    return Faster(
        verdict=overall(list(found.values())),
        findings=[finding for _, finding in pairs],
        pairs=pairs,
        groups=movers or staying,
        staying=staying if movers else [],
    )


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


def grouped(contenders: Iterable[Contender]) -> Groups:
    """Put contenders of the same verdict together, decided ones first; the corrupt are named apart from them."""
    told = [(each.verdict, each) for each in contenders]
    groups = [(word, [each for verdict, each in told if verdict == word]) for word in _ORDER if word != CORRUPT]
    return [group for group in groups if group[1]]


@dataclasses.dataclass(frozen=True)
class Change:
    """One change of conditions, from ``old`` to ``new``, and who gains and loses by it."""

    new: str
    old: str
    groups: Groups


@dataclasses.dataclass(frozen=True)
class Gain(Compared):
    """What the headline is made of: the changes of which something is decided first."""

    changes: list[Change]


def gain(summary: Summary) -> Gain:
    """Judge each change of conditions for each method over all of its findings."""
    every = baseline_findings(summary, lambda run, case: case_finding(run, case, *change_of(run, case)))
    pairs = [pair for pair in every if is_mover(summary, pair[0])]
    found: dict[tuple[str, str], dict[str, Contender]] = {}
    for case, finding in sorted(pairs, key=lambda pair: change_order(summary, pair[0])):
        who = str(case.levels.get("method", summary.workload))
        own = found.setdefault((finding.subject, finding.against), {})
        own.setdefault(who, Contender(who, [])).findings.append(finding)
    changes = [Change(new, old, grouped(own.values())) for (new, old), own in found.items()]
    closed = [each for each in changes if {*DECIDED, MIXED} & {verdict for verdict, _ in each.groups}]
    return Gain(
        verdict=overall([each for own in found.values() for each in own.values()]),
        findings=[finding for _, finding in pairs],
        pairs=pairs,
        changes=closed + [each for each in changes if each.groups and each not in closed],
    )


def change_of(summary: Summary, case: CaseSummary) -> tuple[str, str]:
    """Name what was changed to what, and from what."""
    old = {name: level for name, level in summary.baseline.items() if case.levels.get(name) != level}
    new: dict[str, Any] = {name: case.levels[name] for name in old if name in case.levels}
    return levels_phrase(new), levels_phrase(old)


def change_order(summary: Summary, case: CaseSummary) -> tuple[int, list[int]]:
    """Return what changes are sorted by: one factor alone before several, in the order that the baseline has them."""
    places = [place for place, (name, level) in enumerate(summary.baseline.items()) if case.levels.get(name) != level]
    return len(places), places
