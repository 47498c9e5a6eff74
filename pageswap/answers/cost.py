"""Answers what calls cost: each in multiples of the baseline's time, or where the baseline's own time goes."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from pageswap.analysis.explanations.cost_stacks import CostPart, CostStack, call_stacks
from pageswap.analysis.verdicts import FASTER, SLOWER, TOO_FEW
from pageswap.answers.against_baseline import baseline_findings, baseline_name
from pageswap.answers.corruption import Corrupted, corrupted
from pageswap.answers.record import MIXED, PART, UNAVAILABLE, UNDECIDED, YES, Finding
from pageswap.answers.words import say
from pageswap.spec.asks import COST
from pageswap.statistics.intervals import Interval

if TYPE_CHECKING:
    from pageswap.analysis.summary import CaseSummary, Summary


@dataclasses.dataclass(frozen=True)
class Cost:
    """What the headline is made of.

    ``calls`` are those found to take longer or shorter than the baseline, the dearest first, each with the finding of
    its plainest condition; ``parts`` what the baseline's own time goes into, the largest first.
    """

    verdict: str
    against: str
    corrupt: tuple[Corrupted, ...]
    calls: list[Finding]
    undecided: int
    parts: list[Finding]
    too_few: int


def cost(summary: Summary) -> tuple[Cost, list[Finding]]:
    """Return the facts of the headline, and the findings they come from."""
    pairs = baseline_findings(summary)
    multiples = [
        dataclasses.replace(
            each, times=say("findings", "longer", each.ratio, each.low, each.high) if each.ratio else ""
        )
        for _, each in pairs
    ]
    # Without intervals, or with a call that took longer than the one it is inside, the parts are no shares.
    nested = [stack for stack in call_stacks(summary) if all(_is_share(part) for part in stack.parts)]
    stacks = [] if summary.corrupt else sorted(nested, key=_plainness)
    parts = [finding for stack in stacks for finding in _parts(summary, stack)]
    decided = [each for each in multiples if each.verdict in (FASTER, SLOWER)]
    plainest: dict[str, Finding] = {}
    for each in decided:
        plainest.setdefault(each.subject, each)
    able = [each for each in multiples if each.verdict != UNAVAILABLE]
    few = [case.ratio_n for case, each in pairs if each.verdict == TOO_FEW]
    facts = Cost(
        # Dearer or cheaper is no yes or no: what is asked is told where each is decided.
        verdict=UNDECIDED if not decided else YES if len(decided) == len(able) else MIXED,
        against=baseline_name(summary),
        corrupt=corrupted(summary),
        calls=sorted(plainest.values(), key=lambda each: each.ratio or 0.0),
        undecided=len(multiples) - len(decided),
        parts=sorted(parts[: len(stacks[0].parts)] if stacks else [], key=lambda each: -(each.ratio or 0.0)),
        too_few=max(few, default=0),
    )
    return facts, [*parts, *multiples]


def is_of_costs(summary: Summary) -> bool:
    """Say whether a run compares what calls cost: there the times are what is asked, not the speeds."""
    return summary.asks == COST


def multiple(case: CaseSummary) -> tuple[float, Interval | None]:
    """Return a case's time in multiples of the baseline's: the inverse of its speed-up, and of the interval's ends."""
    ci = case.ratio_ci
    return 1 / (case.ratio or math.nan), Interval(1 / ci.high, 1 / ci.low) if ci else None


def _is_share(part: CostPart) -> bool:
    return part.share is not None and part.share_interval is not None and 0 <= part.share <= 1


def _plainness(stack: CostStack) -> tuple[int, bool]:
    """Order conditions: few threads and idle neighbours first."""
    threads = stack.levels.get("threads", 1)
    return (threads if isinstance(threads, int) else 1), stack.levels.get("neighbours", "idle") != "idle"


def _parts(summary: Summary, stack: CostStack) -> list[Finding]:
    """Return each part of a call as a finding whose ratio is its share of the whole."""
    where = {name: stack.levels[name] for name in summary.varying if name != "method" and name in stack.levels}
    found = []
    for part in stack.parts:
        ends = part.share_interval
        low, high = (ends.low, ends.high) if ends else (None, None)
        found.append(
            Finding(
                host=stack.host,
                subject=part.name,
                against=stack.method,
                where=where,
                ratio=part.share,
                low=low,
                high=high,
                times=say("findings", "share", part.share) if part.share is not None else "",
                verdict=PART,
                why=part.call,
            )
        )
    return found
