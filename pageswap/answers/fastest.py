"""Answers which method is the fastest: the winners of each contest, and how the others stand."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from pageswap.analysis.explanations.contests import Contest, compared_factors, contests, is_baseline
from pageswap.analysis.verdicts import BASELINE, FASTER
from pageswap.answers.phrases import LONGEST_HOST, baseline_name, contestants, noted, span, time_of, where
from pageswap.answers.standing import standings
from pageswap.statistics.intervals import MINIMUM_N
from pageswap.text.levels import levels_phrase
from pageswap.text.lists import clipped, listed, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.analysis.summary import CaseSummary, Summary

_GROUPS_NAMED: Final = 4
_WINNERS_NAMED: Final = 4
_PLACES_NAMED: Final = 4
_COUNTED: Final = 3


def fastest(summary: Summary) -> list[str]:
    """Say who won, then how the others stand against the baseline; nothing where nothing competed."""
    competitors = contestants(summary)
    held = contests(summary, competitors)
    if not held:
        return []
    first = noted(where(summary, competitors) + verdicts(summary, held))
    named = {name_of(summary, case) for each in held for case in each.winners}
    rest = [
        case
        for case in competitors
        if case.ratio is not None and case.verdict != BASELINE and name_of(summary, case) not in named
    ]
    others = standings(summary, rest, "") if rest else ""
    return [first, *([noted(f"Of the others, {others}")] if others else [])]


def verdicts(summary: Summary, held: Sequence[Contest]) -> str:
    """Name the winners of all contests, those with the same winners together."""
    alike: dict[tuple[object, ...], list[Contest]] = {}
    for each in held:
        names, faster = (
            frozenset(name_of(summary, case) for case in cases)
            for cases in (each.winners, [case for case in each.winners if case.verdict == FASTER])
        )
        alike.setdefault((names, faster, each.is_known), []).append(each)
    if len(alike) > _GROUPS_NAMED:
        return _counted(summary, held)
    if len(alike) == 1:
        everywhere = f" in all {len(held):,} cases" if len(held) > 1 else ""
        return _verdict(summary, held, everywhere)
    return "; ".join(f"{_places(summary, group, len(held))} {_verdict(summary, group, '')}" for group in alike.values())


def _verdict(summary: Summary, group: Sequence[Contest], everywhere: str) -> str:
    """Say who was the fastest in contests that have the same winners."""
    first = group[0]
    total = len(first.winners) + len(first.others)
    if not first.is_known:
        best = name_of(summary, first.winners[0])
        so_far = f"so far {best} was{everywhere}{_figures(summary, group, [best])}"
        return f"there were too few blocks to say which was fastest ({MINIMUM_N} needed), {so_far}"
    # What the run does not call faster than its baseline may be as fast as the first, but is not said to be.
    is_sure = [case is first.winners[0] or not case.ratio or case.verdict == FASTER for case in first.winners]
    sure = [case for case, is_one in zip(first.winners, is_sure, strict=True) if is_one]
    unsure = [case for case, is_one in zip(first.winners, is_sure, strict=True) if not is_one]
    if len(first.winners) == total:
        return f"none of the {total} was shown to be the fastest{everywhere}{_ranges(summary, group, first.winners)}"
    if any(is_baseline(summary, case) for case in first.winners):
        return _level(summary, group, everywhere)
    names = _names(summary, sure)
    text = f"{_some(names)} {'was' if len(names) == 1 else 'were'} fastest{everywhere}{_figures(summary, group, names)}"
    if len(names) > 1:
        best = names[0] if len(group) == 1 else "the one with the best figure"
        few = len(names) == 2  # noqa: PLR2004 - a pair
        text += ", with no difference found between these two" if few else f", with none of them told from {best}"
    if unsure:
        not_told = _some(_names(summary, unsure))
        text += f", but not told from {not_told}{_ranges(summary, group, unsure)}"
    return text


def _level(summary: Summary, group: Sequence[Contest], everywhere: str) -> str:
    """Say that nothing beat the baseline, alone or with what could not be told from it."""
    others = [case for case in group[0].winners if not is_baseline(summary, case)]
    if not others:
        return f"{baseline_name(summary)} was fastest{everywhere}"
    names = _some(_names(summary, others))
    head = f"nothing was shown to be faster than {baseline_name(summary)}{everywhere}"
    return f"{head}, from which {names} could not be told{_ranges(summary, group, others)}"


def _names(summary: Summary, cases: Sequence[CaseSummary]) -> list[str]:
    return list(dict.fromkeys(name_of(summary, case) for case in cases))


def _some(names: Sequence[str]) -> str:
    if len(names) <= _WINNERS_NAMED:
        return listed(list(names))
    return f"{names[0]} and {len(names) - 1} others"


def _figures(summary: Summary, group: Sequence[Contest], names: Sequence[str]) -> str:
    """Print what the named winners reached, beginning with a comma."""
    shown = list(names)[: 1 if len(names) > _WINNERS_NAMED else _WINNERS_NAMED]
    texts = []
    for name in shown:
        own = [case for each in group for case in each.winners if name_of(summary, case) == name]
        if any(case.ratio is None for case in own):
            return f", at {listed([time_of(each) for each in own])}" if len(own) == 1 else ""
        texts.append(span(own))
    if not texts:
        return ""
    return f", at {listed(texts)} {_possessive(baseline_name(summary))} speed"


def _ranges(summary: Summary, group: Sequence[Contest], winners: Sequence[CaseSummary]) -> str:
    """Print, in parentheses, the range of what a set of winners reached."""
    names = {name_of(summary, case) for case in winners}
    own = [
        case for each in group for case in each.winners if name_of(summary, case) in names and case.ratio is not None
    ]
    return f" ({span(own)})" if own else ""


def _possessive(name: str) -> str:
    return f"{name}'" if name.endswith("s") else f"{name}'s"


def name_of(summary: Summary, case: CaseSummary) -> str:
    """Name a competitor by the levels that tell it from the others."""
    return levels_phrase({name: case.levels.get(name) for name in compared_factors(summary)})


def _places(summary: Summary, group: Sequence[Contest], of: int) -> str:
    """Say under which conditions contests were held: ``with runs of 8 pages and runs of 64 pages``."""
    words = [place_of(summary, each) for each in group]
    if len(words) > _PLACES_NAMED:
        return f"in {len(words):,} of {plural(of, 'case')}"
    is_plain = not any("," in word for word in words)
    return listed([words[0], *(word.removeprefix("with ") if is_plain else word for word in words[1:])])


def place_of(summary: Summary, held: Contest) -> str:
    """Say under which conditions a contest was held: ``with 2 threads on lab1``, or nothing where there is but one."""
    host = f"on {clipped(held.host, LONGEST_HOST)}" if len(summary.hosts) > 1 else ""
    return " ".join(part for part in (f"with {levels_phrase(held.levels)}" if held.levels else "", host) if part)


def _counted(summary: Summary, held: Sequence[Contest]) -> str:
    """Count in how many contests a method was among the fastest, where there are too many to name."""
    known = [each for each in held if each.is_known]
    if not known:
        return f"there were too few blocks to say which was fastest ({MINIMUM_N} needed)"
    won = Counter(name for each in known for name in {name_of(summary, case) for case in each.winners})
    alone = Counter(name_of(summary, each.winners[0]) for each in known if len(each.winners) == 1)
    parts = []
    for name, times in won.most_common(_COUNTED):
        ahead = f", alone in {alone[name]:,}" if alone[name] else ""
        parts.append(f"{name} in {times:,} of {plural(len(known), 'case')}{ahead}")
    more = f"; {len(won) - _COUNTED} more in fewer" if len(won) > _COUNTED else ""
    return f"these were the fastest, or not told from it: {'; '.join(parts)}{more}"
