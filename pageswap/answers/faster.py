"""Answers whether each contender is faster than the baseline."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pageswap.analysis.verdicts import TOO_FEW
from pageswap.answers.against_baseline import (
    ContenderVerdict,
    baseline_findings,
    baseline_name,
    contender_name,
    contender_verdicts,
    grouped,
    hosts_disagree,
    moves_pages,
    overall,
)
from pageswap.answers.corruption import Corrupted, corrupted

if TYPE_CHECKING:
    from pageswap.analysis.summary import Summary
    from pageswap.answers.record import Finding


@dataclasses.dataclass(frozen=True)
class Faster:
    """What the headline is made of: contenders by verdict, those that move no page beside others apart from them.

    ``too_few`` is the most blocks that any comparison has of those that have too few, 0 where none has.
    """

    verdict: str
    against: str
    corrupt: tuple[Corrupted, ...]
    groups: list[tuple[str, list[ContenderVerdict]]]
    staying: list[tuple[str, list[ContenderVerdict]]]
    hosts_disagree: bool
    too_few: int


def faster(summary: Summary) -> tuple[Faster, list[Finding]]:
    """Return the facts of the headline, and the findings they come from."""
    pairs = baseline_findings(summary)
    findings = [finding for _, finding in pairs]
    moving = [contender_name(summary, case) for case, _ in pairs if moves_pages(summary, case)]
    contenders = contender_verdicts(findings, moving)
    movers = grouped(each for each in contenders if each.moves)
    staying = grouped(each for each in contenders if not each.moves)
    few = [case.ratio_n for case, finding in pairs if finding.verdict == TOO_FEW]
    facts = Faster(
        verdict=overall(contenders),
        against=baseline_name(summary),
        corrupt=corrupted(summary),
        groups=movers or staying,
        staying=staying if movers else [],
        hosts_disagree=hosts_disagree(findings),
        too_few=max(few, default=0),
    )
    return facts, findings
