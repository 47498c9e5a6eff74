"""Answers a run of single calls: what one costs in multiples of the baseline, or where the baseline's time goes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from pageswap.analysis.checks.pairwise import Paired, paired
from pageswap.analysis.explanations.contests import floors_of
from pageswap.analysis.explanations.cost_stacks import call_stacks
from pageswap.analysis.verdicts import BASELINE, NO_DIFFERENCE, TOO_FEW
from pageswap.answers.phrases import (
    LONGEST_HOST,
    apart,
    baseline_name,
    bracketed,
    contestants,
    noted,
    sentence,
    time_of,
    where,
)
from pageswap.answers.standing import by_contender
from pageswap.statistics.intervals import MINIMUM_N, Interval
from pageswap.text.levels import levels_phrase
from pageswap.text.lists import clipped, listed, plural
from pageswap.text.numbers import decimals, end_text, ratio_text, rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.analysis.explanations.cost_stacks import CostPart, CostStack
    from pageswap.analysis.summary import CaseSummary, Summary

_CALLS_NAMED: Final = 10
_CONDITIONS_NAMED: Final = 4
_MOST: Final = 0.5


def is_of_costs(summary: Summary) -> bool:
    """Say whether a run compares what calls cost: there the times are what is asked, not the speeds."""
    return summary.workload == "call" and set(summary.baseline) == {"method"}


def multiple(case: CaseSummary) -> tuple[float, Interval | None]:
    """Give a case's time in multiples of the baseline's: the inverse of its speed-up, and of the interval's ends."""
    ci = case.ratio_ci
    return 1 / (case.ratio or math.nan), Interval(1 / ci.high, 1 / ci.low) if ci else None


def call_costs(summary: Summary) -> list[str]:
    """Take the baseline apart where the run has the calls inside it, else compare what each call costs."""
    if not is_of_costs(summary):
        return []
    return _apart(summary) or _multiples(summary)


def _multiples(summary: Summary) -> list[str]:
    compared = [case for case in contestants(summary) if case.ratio and case.verdict != BASELINE]
    bases = [case for case in summary.cases if case.verdict == BASELINE and case.median_ns]
    if not compared or not bases:
        return []
    name = baseline_name(summary)
    times = sorted(bases, key=lambda case: case.median_ns or 0.0)
    took = time_of(times[0]) if len(times) == 1 else f"{time_of(times[0])} to {time_of(times[-1])}"
    groups = by_contender(summary, compared)
    ordered = sorted(groups.items(), key=lambda item: -max(case.ratio or 0.0 for case in item[1]))
    shown = ordered if len(ordered) <= _CALLS_NAMED else [*ordered[: _CALLS_NAMED // 2], *ordered[-_CALLS_NAMED // 2 :]]
    costs = [f"{call} {_times(cases)}" for call, cases in shown]
    left = len(ordered) - len(shown)
    more = [f"{plural(left, 'call')} between these {'is' if left == 1 else 'are'} listed below."] if left else []
    first = f"{where(summary, compared)}one {name} took {took}; in multiples of it, the others took: {', '.join(costs)}"
    return [noted(first), *more]


def _times(cases: Sequence[CaseSummary]) -> str:
    """Print a cost as a multiple of the baseline's."""
    ordered = sorted(cases, key=lambda case: -(case.ratio or 0.0))
    texts = list(dict.fromkeys(bracketed(*multiple(case), ratio_text) for case in (ordered[0], ordered[-1])))
    verdicts = {case.verdict for case in cases}
    note = ""
    if TOO_FEW in verdicts:
        note = f" (fewer than the {MINIMUM_N} blocks that an interval needs)"
    elif NO_DIFFERENCE in verdicts:
        note = " (no difference found)" if len(verdicts) == 1 else " (in part no difference found)"
    return f"{' to '.join(texts)}{note}"


def _apart(summary: Summary) -> list[str]:
    """Say what the call's time goes into under the plainest condition, then how that changes under the others."""
    stacks = sorted(call_stacks(summary), key=_plainness)
    if not stacks:
        return []
    first, *others = (stack for stack in stacks if stack.host == stacks[0].host)
    case = next(case for case in summary.cases if (case.host, case.case_id) == (first.host, first.case_id))
    parts = sorted(first.parts, key=lambda part: -(part.share or 0.0))
    conditions = {name: first.levels[name] for name in summary.varying if name != "method" and name in first.levels}
    head = (
        f"with {listed([levels_phrase({name: level}) for name, level in conditions.items()])}, " if conditions else ""
    )
    host = f"on {clipped(first.host, LONGEST_HOST)} " if len(summary.hosts) > 1 else ""
    text = f"{where(summary, [case])}{host}{head}of the {time_of(case)} of one {first.method}, {_parts(parts)}"
    later = [_condition(summary, first, *pair) for pair in _slowdowns(summary, first, others[:_CONDITIONS_NAMED])]
    formulas = listed([f"{part.name} is {part.call.replace(' - ', ' less ')}" for part in first.parts])
    hosts = len({stack.host for stack in stacks}) - 1
    return [
        noted(text),
        *([noted("; ".join(later))] if later else []),
        sentence(f"Here {formulas}, block by block"),
        *([] if parts[0].interval else [f"That is of fewer than the {MINIMUM_N} blocks that an interval needs."]),
        *([f"{plural(hosts, 'more host')} {'is' if hosts == 1 else 'are'} taken apart below."] if hosts else []),
    ]


def _plainness(stack: CostStack) -> tuple[int, bool]:
    """Order conditions: few threads and idle neighbours first."""
    threads = stack.levels.get("threads", 1)
    return (threads if isinstance(threads, int) else 1), stack.levels.get("neighbours", "idle") != "idle"


def _slowdowns(summary: Summary, first: CostStack, others: Sequence[CostStack]) -> list[tuple[CostStack, Paired]]:
    """Compare how long one call took under each other condition, block by block.

    The time of an operation is that of all threads together: one of n threads waits n times as long for its own.
    """
    if not others:
        return []
    rows = {key: row for row, key in enumerate(summary.matrix.keys)}
    logs = np.log(summary.matrix.fast_ns)
    threads = float(first.levels.get("threads", 1))
    longer = np.stack(
        [
            logs[rows[each.host, each.case_id]]
            - logs[rows[first.host, first.case_id]]
            + math.log(float(each.levels.get("threads", 1)) / threads)
            for each in others
        ]
    )
    cases = {(case.host, case.case_id): case for case in summary.cases}
    pairs = [(cases[first.host, first.case_id], cases[each.host, each.case_id]) for each in others]
    judged = paired(longer, floors_of(summary, pairs), len(others))
    return [pair for pair in zip(others, judged, strict=True) if pair[1].n]


def _condition(summary: Summary, first: CostStack, other: CostStack, found: Paired) -> str:
    what, _ = apart(summary, other.levels, first.levels)
    largest = max(other.parts, key=lambda part: part.share or 0.0)
    figure = bracketed(found.ratio, found.interval, ratio_text)
    if found.interval is None:
        long = f"so far took {figure} as long"
    elif found.differs:
        long = f"took {figure} as long"
    else:
        long = f"was not found to take longer or shorter ({figure})"
    return f"with {what} a call {long}, {_share(largest)}{_doubt(largest)} of it {largest.name}"


def _parts(parts: Sequence[CostPart]) -> str:
    """Say what each part is of the whole, the verb once; a part that may be nothing is said to be so."""
    texts: list[str] = []
    for part in parts:
        ns = rounded(part.ns, 2 - math.floor(math.log10(part.ns))) if part.ns > 0 else "0"
        texts.append(f"{ns} ns ({_share(part)}{_doubt(part)}){'' if texts else ' are'} {part.name}")
    return listed(texts)


def _doubt(part: CostPart) -> str:
    is_open = part.share_interval is not None and part.share_interval.low <= 0
    return ", not told from nothing" if is_open else ""


def _share(part: CostPart) -> str:
    share = 100 * (part.share or 0.0)
    ends = part.share_interval
    interval = Interval(100 * ends.low, 100 * ends.high) if ends else None
    places = min(1, max(0, decimals(share, interval)))
    if interval is None:
        return f"{rounded(share, places)} %"
    low, high = (end_text(end, places) if end > 0 else rounded(end, places) for end in (interval.low, interval.high))
    return f"{rounded(share, places)} % [{low} to {high}]"
