"""How contenders stand against the baseline, in clauses: each by itself where they are few, by verdict where not."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from pageswap.analysis.verdicts import FASTER, NO_DIFFERENCE, SLOWER, TOO_FEW
from pageswap.answers.phrases import (
    baseline_name,
    contender,
    ends,
    figure,
    held_back,
    place,
    ratio_of,
    sentence,
    span,
    speeds,
)
from pageswap.statistics.intervals import MINIMUM_N
from pageswap.text.lists import listed, plural
from pageswap.text.numbers import LARGEST_SAID, percent_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.analysis.summary import CaseSummary, Summary

CONTENDERS_NAMED: Final = 3
_CASES_NAMED: Final = 2
_NAMED_BY_VERDICT: Final = 3
_MIXED: Final = "mixed"


def by_contender(summary: Summary, cases: Sequence[CaseSummary]) -> dict[str, list[CaseSummary]]:
    """Put the cases of each contender together."""
    groups: dict[str, list[CaseSummary]] = {}
    for case in cases:
        groups.setdefault(contender(summary, case), []).append(case)
    return groups


def clause(summary: Summary, name: str, cases: Sequence[CaseSummary]) -> str:
    """Say how one contender stands against the baseline, naming the cases by verdict where these differ."""
    base = baseline_name(summary)
    verdicts = Counter(case.verdict for case in cases)
    if verdicts[TOO_FEW] == len(cases):
        most = max(case.ratio_n for case in cases)
        head = f"too few blocks to say whether {name} is faster than {base} ({most} compared, {MINIMUM_N} needed)"
        return f"{head}, so far it ran at {speeds(cases)}"
    if len(verdicts) > 1:
        return _mixed(summary, name, cases, verdicts)
    (verdict,) = verdicts
    everywhere = _everywhere(len(cases))
    if verdict == NO_DIFFERENCE:
        head = f"no difference found between {name} and {base}{everywhere}, at {speeds(cases)}"
        return f"{head}{held_back(cases)}{_smallest(cases)}"
    return f"{name} was {verdict} than {base}{everywhere}, at {speeds(cases)}"


def _mixed(summary: Summary, name: str, cases: Sequence[CaseSummary], verdicts: Counter[str]) -> str:
    """Name the few cases of a verdict, count the many; what was decided stands first."""
    base = baseline_name(summary)
    heads = {
        FASTER: f"{name} was faster than {base}",
        SLOWER: f"{name} was slower than {base}",
        NO_DIFFERENCE: f"no difference found between {name} and {base}",
        TOO_FEW: f"too few blocks for {name} and {base}",
    }
    later = {
        FASTER: "faster",
        SLOWER: "slower",
        NO_DIFFERENCE: "no difference found",
        TOO_FEW: "too few blocks",
    }
    parts: list[str] = []
    left = len(cases)
    for verdict in (each for each in heads if verdicts[each]):
        found = [case for case in cases if case.verdict == verdict]
        if len(found) <= _CASES_NAMED:
            places = [place(summary, case, summary.baseline).strip() for case in found]
            why = [held_back([case]) for case in found]
            is_shared = len(found) > 1 and len(set(why)) == 1
            at = [f"{ratio_of(case)}{'' if is_shared else each}" for case, each in zip(found, why, strict=True)]
            text = listed([f"{where} ({figures})" for where, figures in zip(places, at, strict=True)])
            text += why[0].replace(", ", ", both ", 1) if is_shared else ""
        else:
            is_rest = len(found) == left and left < len(cases)
            share = f"the other {len(found)}" if is_rest else f"{len(found)} of {plural(len(cases), 'comparison')}"
            text = f"in {share} ({span(found)}{held_back(found)})"
        left -= len(found)
        parts.append(f"{(later if parts else heads)[verdict]} {text}")
    return ", ".join(parts)


def _smallest(cases: Sequence[CaseSummary]) -> str:
    """Say what difference would have been found, the worst case counting: "none found" is not "the same"."""
    largest = max((case.smallest for case in cases if case.smallest), default=None)
    if largest and largest > LARGEST_SAID:
        return f", where only a difference of more than {percent_text(LARGEST_SAID)} would have been found"
    return f", where a difference of {percent_text(largest)} would have been found" if largest else ""


def _everywhere(comparisons: int) -> str:
    return {1: "", 2: " in both comparisons"}.get(comparisons, f" in all {comparisons} comparisons")


def extremes(summary: Summary, name: str, cases: Sequence[CaseSummary]) -> list[str]:
    """Say where a contender's smallest and largest ratios were found, when the two are surely different."""
    low, high = ends(cases)
    if not low.ratio_ci or not high.ratio_ci or low.ratio_ci.high >= high.ratio_ci.low:
        return []
    # Both stand in the sentence before, each with its place.
    if len({case.verdict for case in cases}) == len(cases):
        return []
    both = [figure(case, place(summary, case, summary.baseline).strip()) for case in (low, high)]
    return [sentence(f"For {name} the speed ranged from {both[0]} to {both[1]}")]


def standings(summary: Summary, cases: Sequence[CaseSummary], noun: str = " alternatives") -> str:
    """Sum many contenders up by their verdicts: names where these are few, counts where not, and the range of each."""
    groups = by_contender(summary, cases)
    found: dict[str, list[str]] = {}
    for name, own in groups.items():
        verdicts = {case.verdict for case in own}
        found.setdefault(next(iter(verdicts)) if len(verdicts) == 1 else _MIXED, []).append(name)
    base = baseline_name(summary)
    clauses: list[str] = []
    for verdict in (FASTER, _MIXED, SLOWER, NO_DIFFERENCE, TOO_FEW):
        names = found.get(verdict, [])
        if not names:
            continue
        own = [case for name in names for case in groups[name]]
        who, at = _who(names, len(groups), noun), span(own)
        if verdict in (FASTER, SLOWER):
            than = "" if clauses else f" than {base}"
            clauses.append(f"{who} ran {verdict}{than}, at {at}")
        elif verdict == NO_DIFFERENCE:
            clauses.append(f"no difference from {base} was found for {who}, at {at}{held_back(own)}")
        elif verdict == TOO_FEW:
            clauses.append(f"there were too few blocks for {who}, so far at {at}")
        elif len(names) <= CONTENDERS_NAMED:
            clauses += [clause(summary, name, groups[name]) for name in names]
        else:
            shares = f"{_shares(own)}{held_back(case for case in own if case.verdict == NO_DIFFERENCE)}"
            clauses.append(f"{len(names)} of {len(groups)} depend on the case: {shares}, at {at}")
    return "; ".join(clauses)


def _shares(cases: Sequence[CaseSummary]) -> str:
    words = {
        FASTER: "faster in {}",
        SLOWER: "slower in {}",
        NO_DIFFERENCE: "no difference found in {}",
        TOO_FEW: "too few blocks in {}",
    }
    counts = Counter(case.verdict for case in cases)
    parts = [text.format(counts[verdict]) for verdict, text in words.items() if counts[verdict]]
    return f"{', '.join(parts)} of {plural(len(cases), 'comparison')}"


def _who(names: Sequence[str], of: int, noun: str) -> str:
    if len(names) <= _NAMED_BY_VERDICT:
        return listed(list(names))
    return f"all {of}{noun}" if len(names) == of else f"{len(names)} of {of}{noun}"
