"""Answers what a change of conditions does to each method, where the baseline names no method."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pageswap.analysis.verdicts import FASTER, SLOWER, TOO_FEW
from pageswap.answers.against_baseline import (
    ContenderVerdict,
    baseline_findings,
    baseline_name,
    contender_verdicts,
    grouped,
    hosts_disagree,
    moves_pages,
    overall,
)
from pageswap.answers.corruption import Corrupted, corrupted
from pageswap.answers.record import MIXED
from pageswap.text.levels import levels_phrase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pageswap.analysis.summary import CaseSummary, Summary
    from pageswap.answers.record import Finding


@dataclasses.dataclass(frozen=True)
class Change:
    """One change of conditions, from ``old`` to ``new``, and who gains and loses by it."""

    new: str
    old: str
    groups: list[tuple[str, list[ContenderVerdict]]]


@dataclasses.dataclass(frozen=True)
class Gain:
    """What the headline is made of."""

    verdict: str
    against: str
    corrupt: tuple[Corrupted, ...]
    changes: list[Change]
    hosts_disagree: bool
    too_few: int


def gain(summary: Summary) -> tuple[Gain, list[Finding]]:
    """Return the facts of the headline, and the findings they come from."""
    pairs = [
        (case, dataclasses.replace(finding, subject=new, against=old))
        for case, finding in baseline_findings(summary)
        if moves_pages(summary, case)
        for new, old in [change_of(summary, case)]
    ]
    contenders: list[ContenderVerdict] = []
    changes = []
    ordered = sorted(pairs, key=lambda pair: change_order(summary, pair[0]))
    for new, old in dict.fromkeys((finding.subject, finding.against) for _, finding in ordered):
        own = [(case, finding) for case, finding in pairs if (finding.subject, finding.against) == (new, old)]
        names = [_who(summary, case) for case, _ in own]
        joined = contender_verdicts([finding for _, finding in own], names, names)
        contenders += joined
        changes.append(Change(new, old, grouped(joined)))
    facts = Gain(
        verdict=overall(contenders),
        against=baseline_name(summary),
        corrupt=corrupted(summary),
        changes=sorted((change for change in changes if change.groups), key=_is_open),
        hosts_disagree=hosts_disagree([finding for _, finding in pairs]),
        too_few=max((case.ratio_n for case, finding in pairs if finding.verdict == TOO_FEW), default=0),
    )
    return facts, [finding for _, finding in pairs]


def _is_open(change: Change) -> bool:
    """Say whether nothing is decided of a change; what is decided comes first."""
    return not {FASTER, SLOWER, MIXED} & {verdict for verdict, _ in change.groups}


def change_of(summary: Summary, case: CaseSummary) -> tuple[str, str]:
    """Name what was changed to what, and from what."""
    names = [name for name, level in summary.baseline.items() if case.levels.get(name) != level]
    return _phrase(case.levels, names), _phrase(summary.baseline, names)


def change_order(summary: Summary, case: CaseSummary) -> tuple[int, list[int]]:
    """Return what changes are sorted by: one factor alone before several, in the order that the baseline has them."""
    places = [place for place, (name, level) in enumerate(summary.baseline.items()) if case.levels.get(name) != level]
    return len(places), places


def _phrase(levels: Mapping[str, Any], names: list[str]) -> str:
    return levels_phrase({name: levels[name] for name in names if name in levels})


def _who(summary: Summary, case: CaseSummary) -> str:
    return str(case.levels.get("method", summary.workload))
