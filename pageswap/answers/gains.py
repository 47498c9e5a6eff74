"""Answers an experiment whose baseline names no method: what each method gains or loses by a change of conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pageswap.analysis.verdicts import BASELINE, FASTER, NO_DIFFERENCE, SLOWER, TOO_FEW
from pageswap.answers.phrases import LONGEST_HOST, apart, contestants, held_back, noted, ratio_of, span, where
from pageswap.text.levels import levels_phrase
from pageswap.text.lists import clipped, listed, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.analysis.summary import CaseSummary, Summary

_NAMED: Final = 6
_CHANGES_NAMED: Final = 4
_TEXTS: Final = {
    FASTER: "{who} ran faster{than} ({at})",
    SLOWER: "{who} ran slower{than} ({at})",
    NO_DIFFERENCE: "no difference{than} was found for {who} ({at})",
    TOO_FEW: "there were too few blocks for {who} ({at})",
}


def gains(summary: Summary) -> list[str]:
    """Say for each change who ran faster, slower, and not shown to differ; nothing where nothing was compared.

    A change that the question names by its factor comes first. Each stands in a sentence of its own.
    """
    compared = [case for case in contestants(summary) if case.ratio is not None and case.verdict != BASELINE]
    changes: dict[tuple[str, str], list[CaseSummary]] = {}
    for case in asked_change_first(summary, compared):
        changes.setdefault(_change(summary, case), []).append(case)
    sentences = [_sentence(summary, *words, cases) for words, cases in list(changes.items())[:_CHANGES_NAMED]]
    if not sentences:
        return []
    left = len(changes) - _CHANGES_NAMED
    more = [f"{plural(left, 'more change')} {'is' if left == 1 else 'are'} listed below."] if left > 0 else []
    return [noted(where(summary, compared) + sentences[0]), *map(noted, sentences[1:]), *more]


def asked_change_first(summary: Summary, cases: Sequence[CaseSummary]) -> list[CaseSummary]:
    """Put cases of the same change together, first those of one that the question names by its factor."""
    changes = list(dict.fromkeys(_change(summary, case) for case in cases))
    return sorted(cases, key=lambda case: (not _is_asked(summary, case), changes.index(_change(summary, case))))


def _change(summary: Summary, case: CaseSummary) -> tuple[str, str]:
    """Name what was changed, and from what."""
    return apart(summary, {name: case.levels.get(name) for name in summary.baseline}, summary.baseline)


def _is_asked(summary: Summary, case: CaseSummary) -> bool:
    question = summary.question.lower()
    return any(
        name.rstrip("s").replace("_", " ") in question and case.levels.get(name) != level
        for name, level in summary.baseline.items()
    )


def _sentence(summary: Summary, new: str, old: str, cases: Sequence[CaseSummary]) -> str:
    parts: list[str] = []
    for verdict, text in _TEXTS.items():
        found = [case for case in cases if case.verdict == verdict]
        if not found:
            continue
        against = "" if parts else f" from {old}" if verdict == NO_DIFFERENCE else f" than with {old}"
        if len(found) <= _NAMED:
            who = listed([_name(summary, case) for case in found])
            at = listed([f"{ratio_of(case)}{held_back([case])}" for case in found])
        else:
            who, at = f"{len(found)} of {len(cases)}", f"{span(found)}{held_back(found)}"
        parts.append(text.format(who=who, than=against, at=at))
    return f"with {new} {'; '.join(parts)}"


def _name(summary: Summary, case: CaseSummary) -> str:
    levels = {name: case.levels[name] for name in summary.varying if name in case.levels}
    words = levels_phrase({name: level for name, level in levels.items() if name not in summary.baseline})
    host = clipped(case.host, LONGEST_HOST) if len(summary.hosts) > 1 else ""
    return " on ".join(part for part in (words, host) if part) or "the rate"
