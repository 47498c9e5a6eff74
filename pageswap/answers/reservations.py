"""What an answer does not cover: cases without a figure, trials that were lost, trials still to come."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pageswap.analysis.verdicts import NOT_COMPARED
from pageswap.answers.phrases import HOSTS_NAMED, LONGEST_HOST, sentence
from pageswap.text.levels import level_phrase, level_text, levels_phrase
from pageswap.text.lists import clipped, listed, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.analysis.summary import CaseSummary, Summary

_REASONS_NAMED = 3
_REASON_LENGTH = 240
_METHODS_NAMED = 3


def reservations(summary: Summary) -> list[str]:
    """Give a sentence for each of them."""
    sentences = []
    unmeasured = [case for case in summary.cases if not case.n and case.endings]
    if unmeasured:
        share = f"{len(unmeasured)} of {plural(len(summary.cases), 'case')}"
        sentences.append(sentence(f"{share} could not be measured: {_grouped(summary, unmeasured)}"))
    uncompared = [case for case in summary.cases if case.n and case.verdict == NOT_COMPARED and summary.has_baseline]
    if uncompared:
        notes = listed(list(dict.fromkeys(case.note for case in uncompared))[:_REASONS_NAMED])
        sentences.append(sentence(f"{plural(len(uncompared), 'measured case')} could not be compared: {notes}"))
    lost = Counter[str]()
    for case in summary.cases:
        lost.update({ending.status: ending.trials for ending in case.endings if case.n})
    if lost:
        words = listed([f"{count:,} {status}" for status, count in lost.items()])
        total = plural(sum(lost.values()), "trial")
        sentences.append(
            f"{total} of the measured cases did not end ok and {'are' if sum(lost.values()) > 1 else 'is'} "
            f"left out: {words}."
        )
    if summary.silent and len(summary.silent) < len(summary.hosts):
        named = [clipped(host, LONGEST_HOST) for host in summary.silent[:HOSTS_NAMED]]
        more = len(summary.silent) - len(named)
        hosts = listed([*named, *([plural(more, "more host")] if more else [])])
        sentences.append(f"Nothing has come from {hosts}.")
    if summary.missing:
        sentences.append(f"This run is not finished: {plural(summary.missing, 'trial')} without an outcome yet.")
    return sentences


def _grouped(summary: Summary, cases: Sequence[CaseSummary]) -> str:
    """Join cases that ended alike, and name the first few kinds of ending with their reasons."""
    alike: dict[tuple[str, str], list[CaseSummary]] = {}
    for case in cases:
        alike.setdefault((case.endings[0].status, case.endings[0].reason), []).append(case)
    named = []
    for (status, reason), members in list(alike.items())[:_REASONS_NAMED]:
        text = clipped(reason, _REASON_LENGTH).rstrip(".")
        named.append(f"{_members(summary, members)} ({status}{': ' + text if text else ''})")
    more = sum(len(members) for members in list(alike.values())[_REASONS_NAMED:])
    return "; ".join(named) + (f"; and {more:,} more, listed below" if more else "")


def _members(summary: Summary, members: Sequence[CaseSummary]) -> str:
    """Name cases by the levels they share, of those that vary in the run."""
    shared: dict[str, Any] = {
        name: members[0].levels[name]
        for name in summary.varying
        if all(member.levels[name] == members[0].levels[name] for member in members)
    }
    methods = list(dict.fromkeys(str(member.levels["method"]) for member in members if "method" in member.levels))
    if "method" in shared:
        first = level_phrase("method", shared.pop("method"))
    elif "method" in summary.varying and 1 < len(methods) <= _METHODS_NAMED:
        first = f"{plural(len(members), 'case')} of {listed([level_text('method', name) for name in methods])}"
    else:
        first = plural(len(members), "case")
    several = (
        f" in {len(members)} cases"
        if "method" in members[0].levels and len(members) > 1 and " case" not in first
        else ""
    )
    hosts = list(dict.fromkeys(member.host for member in members))
    on = (
        f" on {listed([clipped(host, LONGEST_HOST) for host in hosts[:HOSTS_NAMED]])}" if len(summary.hosts) > 1 else ""
    )
    return f"{first}{' with ' + levels_phrase(shared) if shared else ''}{several}{on}"
