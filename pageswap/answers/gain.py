"""Answers what a change of conditions does to each method, where the baseline names no method."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pageswap.answers.against_baseline import DECIDED, baseline_findings, case_finding, is_mover, most_blocks
from pageswap.answers.faster import Contender, Groups, grouped, hosts_disagree, overall
from pageswap.answers.record import MIXED
from pageswap.text.levels import levels_phrase

if TYPE_CHECKING:
    from pageswap.analysis.summary import CaseSummary, Summary
    from pageswap.answers.record import Finding


@dataclasses.dataclass(frozen=True)
class Change:
    """One change of conditions, from ``old`` to ``new``, and who gains and loses by it."""

    new: str
    old: str
    groups: Groups


@dataclasses.dataclass(frozen=True)
class Gain:
    """What the headline is made of: the changes of which something is decided first."""

    verdict: str
    changes: list[Change]
    hosts_disagree: bool
    most_blocks: int


def gain(summary: Summary) -> tuple[Gain, list[Finding]]:
    """Return the facts of the headline, and the findings they come from."""
    pairs = [pair for pair in baseline_findings(summary, _changed) if is_mover(summary, pair[0])]
    found: dict[tuple[str, str], dict[str, Contender]] = {}
    for case, finding in sorted(pairs, key=lambda pair: change_order(summary, pair[0])):
        who = str(case.levels.get("method", summary.workload))
        own = found.setdefault((finding.subject, finding.against), {})
        own.setdefault(who, Contender(who, [])).findings.append(finding)
    changes = [Change(new, old, grouped(own.values())) for (new, old), own in found.items()]
    closed = [each for each in changes if {*DECIDED, MIXED} & {verdict for verdict, _ in each.groups}]
    findings = [finding for _, finding in pairs]
    facts = Gain(
        verdict=overall([each for own in found.values() for each in own.values()]),
        changes=closed + [each for each in changes if each.groups and each not in closed],
        hosts_disagree=hosts_disagree(findings),
        most_blocks=most_blocks(pairs),
    )
    return facts, findings


def _changed(summary: Summary, case: CaseSummary) -> Finding:
    return case_finding(summary, case, *change_of(summary, case))


def change_of(summary: Summary, case: CaseSummary) -> tuple[str, str]:
    """Name what was changed to what, and from what."""
    old = {name: level for name, level in summary.baseline.items() if case.levels.get(name) != level}
    new: dict[str, Any] = {name: case.levels[name] for name in old if name in case.levels}
    return levels_phrase(new), levels_phrase(old)


def change_order(summary: Summary, case: CaseSummary) -> tuple[int, list[int]]:
    """Return what changes are sorted by: one factor alone before several, in the order that the baseline has them."""
    places = [place for place, (name, level) in enumerate(summary.baseline.items()) if case.levels.get(name) != level]
    return len(places), places
