"""Says from which size on a method is faster than the baseline, when a size is what a run varies."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from pageswap.analysis.checks.crossovers import size_axis
from pageswap.analysis.verdicts import BASELINE, FASTER, NO_DIFFERENCE, SLOWER
from pageswap.answers.asked import meant
from pageswap.answers.phrases import contestants, held_back, noted, ratio_of, where
from pageswap.answers.standing import clause
from pageswap.text.levels import level_text
from pageswap.text.lists import listed, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.analysis.checks.crossovers import Crossover
    from pageswap.analysis.summary import CaseSummary, Summary

_NAMED: Final = 6
_SIZES_ASKED: Final = 5


def turning(summary: Summary) -> list[str]:
    """Say for each method where it changes places with the baseline as the size grows, or that it does not.

    Empty unless a run of one host varies just the method, which has a baseline, and a size, and either some method is
    faster than the baseline at a part of the sizes only or there are sizes enough to be what is asked about. That two
    change places is said where one is found to be faster on one side and slower on the other; who is only faster from a
    size on has just that said.
    """
    cases = {case.case_id: case.levels for case in summary.cases}
    axis = size_axis(cases)
    if len(summary.hosts) != 1 or set(summary.varying) != {"method", axis} or set(summary.baseline) != {"method"}:
        return []
    curves: dict[str, list[CaseSummary]] = {}
    for case in contestants(summary):
        if case.ratio is not None and case.verdict != BASELINE:
            curves.setdefault(str(case.levels["method"]), []).append(case)
    if not any(_varies(curve) or len(curve) >= _SIZES_ASKED for curve in curves.values()):
        return []
    base = summary.baseline["method"]
    crossed = {
        next(name for name in (each.a, each.b) if name != base): each
        for each in summary.crossovers
        if each.at_bytes is not None and base in (each.a, each.b)
    }
    # Who is asked about comes first, where the question names a family, and of these who changes places.
    first = meant(summary, list(curves)) or list(curves)
    clauses: tuple[list[str], list[str]] = ([], [])
    left = max(0, len(curves) - _NAMED)
    for name in sorted(curves, key=lambda name: (name not in first, name not in crossed))[:_NAMED]:
        curve = sorted(curves[name], key=lambda case: int(case.levels[axis]))
        clauses[name not in first].append(_clause(summary, axis, name, curve, crossed.get(name)))
    answers, others = ("; ".join(each) for each in clauses)
    beside = [noted(f"Beside these, {others}")] if others else []
    more = [f"{plural(left, 'more method')} {'is' if left == 1 else 'are'} listed below."] if left else []
    return [noted(where(summary, summary.cases) + answers), *beside, *_ranges(summary, axis, curves), *more]


def _varies(curve: Sequence[CaseSummary]) -> bool:
    """Say whether one is faster than the baseline at a part of the sizes."""
    return 0 < sum(case.verdict == FASTER for case in curve) < len(curve)


def _clause(summary: Summary, axis: str, name: str, curve: Sequence[CaseSummary], crossing: Crossover | None) -> str:
    base, verdicts = summary.baseline["method"], [case.verdict for case in curve]
    sizes = [level_text(axis, case.levels[axis]) for case in curve]
    if len(set(verdicts)) == 1 and verdicts[0] in (FASTER, SLOWER):
        return f"{name} was {verdicts[0]} than {base} at every size from {sizes[0]} to {sizes[-1]}"
    known = [verdict for verdict in verdicts if verdict in (FASTER, SLOWER)]
    is_turned = len(set(known)) > 1 and sum(a != b for a, b in itertools.pairwise(known)) == 1
    if crossing is not None and is_turned:
        return crossing.text
    if len(set(verdicts)) > 1 and known and set(known) == {FASTER} and set(verdicts) <= {FASTER, NO_DIFFERENCE}:
        at = [index for index, verdict in enumerate(verdicts) if verdict == FASTER]
        if at == list(range(at[0], len(curve))):
            below = f"no difference found below{held_back(curve[: at[0]])}"
            return f"{name} was faster than {base} from {sizes[at[0]]} on, with {below}"
        if len(at) > len(curve) // 2:
            rest = [size for index, size in enumerate(sizes) if index not in at]
            level = [case for case in curve if case.verdict == NO_DIFFERENCE]
            head = f"{name} was faster than {base} at every size from {sizes[0]} to {sizes[-1]}"
            return f"{head} but {listed(rest)}, where no difference was found{held_back(level)}"
    return clause(summary, name, curve)


def _ranges(summary: Summary, axis: str, curves: dict[str, list[CaseSummary]]) -> list[str]:
    """Say how far the speeds reach, from the smallest size to the largest."""
    parts = []
    for name, found in list(curves.items())[:_NAMED]:
        curve = sorted(found, key=lambda case: int(case.levels[axis]))
        low, high = curve[0], curve[-1]
        if low is not high:
            at = [f"{ratio_of(case)} at {level_text(axis, case.levels[axis])}" for case in (low, high)]
            parts.append(f"{name} ran at {at[0]} and {at[1]}")
    return [noted(f"In multiples of {summary.baseline['method']}'s speed, {'; '.join(parts)}")] if parts else []
