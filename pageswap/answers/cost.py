"""Answers what calls cost: each in multiples of the baseline's time, or where the baseline's own time goes."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Any

from pageswap.analysis.explanations.costs import CostPart, CostStack, call_stacks
from pageswap.analysis.trials.run_data import grouped_by, levels_key
from pageswap.answers.against_baseline import DECIDED, Compared, baseline_findings, case_finding, figures, where_of
from pageswap.answers.record import MIXED, PART, UNAVAILABLE, UNDECIDED, YES, Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pageswap.analysis.summary import CaseSummary, HostsSummary, Summary
    from pageswap.statistics.intervals import Interval


@dataclasses.dataclass(frozen=True)
class Cost(Compared):
    """What the headline is made of.

    ``calls`` are those found to take longer or shorter than the baseline on one host under the same conditions, the
    dearest first: where most of them were, of such places the plainest. ``parts`` are what the baseline's own time goes
    into, the largest first.
    """

    calls: list[Finding]
    parts: list[Finding]


def cost(summary: HostsSummary) -> Cost:
    """Compare calls with the baseline, and take that apart where it holds others of them."""
    pairs = baseline_findings(summary, functools.partial(case_finding, unit="longer"))
    multiples = [finding for _, finding in pairs]
    nested = [stack for stack in call_stacks(summary) if not stack.obstacle]
    stacks = [] if summary.corrupt else sorted(nested, key=lambda stack: _plainness(stack.levels))
    parts = [_part(summary, stack, part) for stack in stacks for part in stack.parts]
    decided = sorted((each for each in multiples if each.verdict in DECIDED), key=lambda each: _plainness(each.where))
    places = grouped_by(decided, lambda each: (each.host, levels_key(each.where)))
    calls = max(places.values(), key=len, default=[])
    able = [each for each in multiples if each.verdict != UNAVAILABLE]
    return Cost(
        # Dearer or cheaper is no yes or no: what is asked is told where each is decided.
        verdict=UNDECIDED if not decided else YES if len(decided) == len(able) else MIXED,
        findings=[*parts, *multiples],
        pairs=pairs,
        calls=sorted(calls, key=lambda each: each.ratio or 0.0),
        parts=sorted(parts[: len(stacks[0].parts)] if stacks else [], key=lambda each: -(each.ratio or 0.0)),
    )


def multiple(case: CaseSummary) -> tuple[float, Interval | None]:
    """Return a case's time in multiples of the baseline's: the inverse of its speed-up, and of the interval's ends."""
    return 1 / (case.ratio or math.nan), case.ratio_ci and case.ratio_ci.inverse()


def _plainness(levels: Mapping[str, Any]) -> tuple[int, bool]:
    """Order conditions: few threads and idle neighbours first."""
    threads = levels.get("threads", 1)
    return (threads if isinstance(threads, int) else 1), levels.get("neighbours", "idle") != "idle"


def _part(summary: Summary, stack: CostStack, part: CostPart) -> Finding:
    """Return a part of a call as a finding whose ratio is its share of the whole."""
    return Finding(
        host=stack.host,
        subject=part.name,
        against=stack.method,
        where=where_of(summary, stack.levels, ("method",)),
        verdict=PART,
        why=part.call,
        **figures(part.share, part.share_interval, PART, "share"),
    )
