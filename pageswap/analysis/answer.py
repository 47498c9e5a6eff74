"""The experiment's question answered from its figures, in a sentence or two that claim no more than they show."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from pageswap.analysis.intervals import MINIMUM_N
from pageswap.analysis.summary import BASELINE, FASTER, NO_DIFFERENCE, NOT_COMPARED, SLOWER, TOO_FEW
from pageswap.analysis.turning import turning_points
from pageswap.analysis.wording import (
    clipped,
    decimals,
    end_text,
    interval_text,
    level_phrase,
    level_text,
    levels_phrase,
    listed,
    nanoseconds_text,
    operation,
    percent_text,
    plural,
    ratio_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pageswap.analysis.summary import CaseSummary, Summary

_CONTENDERS_NAMED = 3
_HOSTS_NAMED = 4
_REASONS_NAMED = 3
_REASON_LENGTH = 240
_CONTROL = "control"
_WORDS_OF_FAMILY = {"copy": ("copy", "copies", "memcpy"), "remap": ("remap",), "window": ("window",)}


def answer(summary: Summary) -> list[str]:
    """Give the answer, the first sentence being the finding and any others its limits.

    "faster" and "slower" stand only where the 95 % interval of the ratio excludes 1, "no difference found" elsewhere.
    A leading "yes" or "no" is given only when the question asks whether something is faster than the baseline and
    all that was compared agrees. Methods of the family ``control`` move nothing and take no part.
    """
    findings = [*_turning(summary), *_comparison(summary)] if summary.has_baseline else _ranking(summary)
    return [*findings, *_limits(summary)]


def _comparison(summary: Summary) -> list[str]:
    compared = [case for case in _contestants(summary) if case.ratio is not None and case.verdict != BASELINE]
    where = _where(summary, compared)
    if not compared:
        return [f"{where}nothing could be compared with {_baseline_name(summary)}."]
    asked_first = sorted(compared, key=lambda case: not _is_asked_for(summary, case))
    groups: dict[str, list[CaseSummary]] = {}
    for case in asked_first:
        groups.setdefault(_contender(summary, case), []).append(case)
    yes_or_no = _yes_or_no(summary, compared)
    if len(groups) <= _CONTENDERS_NAMED:
        clauses = [_clause(summary, name, cases) for name, cases in groups.items()]
        extremes = [sentence for name, cases in groups.items() for sentence in _extremes(summary, name, cases)]
        return [_sentence(where + yes_or_no + "; ".join(clauses)), *extremes]
    return [_sentence(where + yes_or_no + _overview(summary, groups))]


def _turning(summary: Summary) -> list[str]:
    """Say first where methods change places: that is what an experiment over page sizes is about."""
    points = turning_points(summary)
    return [_sentence(_where(summary, summary.cases) + "; ".join(points))] if points else []


def _is_asked_for(summary: Summary, case: CaseSummary) -> bool:
    words = _WORDS_OF_FAMILY.get(summary.families.get(str(case.levels.get("method")), ""), ())
    asked = summary.question.lower().partition(" than ")[0]
    return any(word in asked for word in words)


def _contestants(summary: Summary) -> list[CaseSummary]:
    """Leave out what moves nothing, unless that is what the experiment is about."""
    moving = [case for case in summary.cases if summary.families.get(str(case.levels.get("method"))) != _CONTROL]
    is_about_controls = summary.families.get(str(summary.baseline.get("method"))) == _CONTROL
    return list(summary.cases) if is_about_controls or not moving else moving


def _where(summary: Summary, cases: Iterable[CaseSummary]) -> str:
    hosts = list(dict.fromkeys(case.host for case in cases)) or list(summary.hosts)
    names = [summary.cpus.get(host) or f"host {host}" for host in hosts]
    distinct = list(dict.fromkeys(names))
    if len(distinct) == 1:
        place = distinct[0] if len(hosts) == 1 else f"{len(hosts)} hosts with {distinct[0]}"
    elif len(hosts) <= _HOSTS_NAMED:
        place = listed([f"{name} ({host})" for name, host in zip(names, hosts, strict=True)])
    else:
        place = f"{len(hosts)} hosts with {len(distinct)} kinds of processor"
    sizes = [level_phrase(name, summary.fixed[name]) for name in ("page_size", "region_size") if name in summary.fixed]
    return f"On {clipped(place, 200)}{', with ' + ' in '.join(sizes) if sizes else ''}: "


def _contender(summary: Summary, case: CaseSummary) -> str:
    return levels_phrase({name: case.levels.get(name) for name in summary.baseline})


def _baseline_name(summary: Summary) -> str:
    return levels_phrase(summary.baseline)


def _place(summary: Summary, case: CaseSummary, besides: Iterable[str]) -> str:
    """Say where a figure was measured, as far as that differs within the run; begins with a space when there is any."""
    words = levels_phrase({name: case.levels[name] for name in summary.varying if name not in set(besides)})
    host = f" on {clipped(case.host, 60)}" if len(summary.hosts) > 1 else ""
    return f"{' with ' + words if words else ''}{host}"


def _figure(case: CaseSummary, then: str) -> str:
    """Print a ratio, what comes after it, and its interval."""
    if case.ratio is None:
        return "no known ratio"
    ci = f" (95 % CI {interval_text(case.ratio, case.ratio_ci)})" if case.ratio_ci else ""
    return f"{ratio_text(case.ratio, case.ratio_ci)} {then}".rstrip() + ci


def _clause(summary: Summary, name: str, cases: Sequence[CaseSummary]) -> str:
    base = _baseline_name(summary)
    verdicts = Counter(case.verdict for case in cases)
    few = verdicts[TOO_FEW]
    if few == len(cases):
        most = max(case.ratio_n for case in cases)
        head = f"too few blocks to say whether {name} is faster than {base} ({most} compared, {MINIMUM_N} needed)"
        return f"{head}, so far it ran at {_range(cases)}"
    if len(verdicts) > 1:
        counts = [(FASTER, "faster in {}"), (SLOWER, "slower in {}"), (NO_DIFFERENCE, "no difference found in {}")]
        parts = [words.format(verdicts[verdict]) for verdict, words in counts if verdicts[verdict]]
        parts += [f"too few blocks in {few}"] if few else []
        head = f"{name} against {base} depends on the case: {', '.join(parts)} of {plural(len(cases), 'comparison')}"
        return f"{head}, at {_range(cases)}"
    (verdict,) = verdicts
    everywhere = _everywhere(len(cases))
    if verdict == NO_DIFFERENCE:
        return f"no difference found between {name} and {base}{everywhere}, at {_range(cases)}{_smallest(cases)}"
    return f"{name} was {verdict} than {base}{everywhere}, at {_range(cases)}"


def _smallest(cases: Sequence[CaseSummary]) -> str:
    """Say what difference would have been found, the worst case counting: "none found" is not "the same"."""
    largest = max((case.smallest for case in cases if case.smallest), default=None)
    return f", where one of {percent_text(largest)} would have been found" if largest else ""


def _everywhere(comparisons: int) -> str:
    return {1: "", 2: " in both comparisons"}.get(comparisons, f" in all {comparisons} comparisons")


def _ends(cases: Iterable[CaseSummary]) -> tuple[CaseSummary, CaseSummary]:
    """Give the cases with the smallest and the largest ratio."""
    ordered = sorted(cases, key=lambda case: case.ratio or 0)
    return ordered[0], ordered[-1]


def _range(cases: Sequence[CaseSummary]) -> str:
    """Print the ratio of one case, or the smallest and largest of several, with what their intervals span."""
    low, high = _ends(cases)
    if low is high:
        return _figure(low, "its speed")
    intervals = [case.ratio_ci for case in cases if case.ratio_ci]
    texts = list(dict.fromkeys(ratio_text(case.ratio or 0, case.ratio_ci) for case in (low, high)))
    if not intervals:
        return f"{' to '.join(texts)} its speed"
    places = min(decimals(case.ratio or 0, case.ratio_ci) for case in (low, high))
    span = [
        end_text(min(part.low for part in intervals), places),
        end_text(max(part.high for part in intervals), places),
    ]
    return f"{' to '.join(texts)} its speed (95 % CIs within {' to '.join(span)})"


def _extremes(summary: Summary, name: str, cases: Sequence[CaseSummary]) -> list[str]:
    """Say where a contender's smallest and largest ratios were found, when the two are surely different."""
    low, high = _ends(cases)
    if not low.ratio_ci or not high.ratio_ci or low.ratio_ci.high >= high.ratio_ci.low:
        return []
    ends = [_figure(case, _place(summary, case, summary.baseline).strip()) for case in (low, high)]
    return [_sentence(f"For {name} the speed ranged from {ends[0]} to {ends[1]}")]


def _overview(summary: Summary, groups: dict[str, list[CaseSummary]]) -> str:
    """Summarise more contenders than a sentence can name by how many won and which were the ends."""
    base = _baseline_name(summary)
    everywhere = [name for name, cases in groups.items() if all(case.verdict == FASTER for case in cases)]
    somewhere = [n for n, cases in groups.items() if n not in everywhere and any(c.verdict == FASTER for c in cases)]
    every = sorted((case for cases in groups.values() for case in cases), key=lambda case: case.ratio or 0)
    # The ends are chosen among what was shown to differ; where nothing was, they are only the ends of what was found.
    ordered = [case for case in every if case.verdict in (FASTER, SLOWER)] or every
    if not everywhere and not somewhere:
        head = f"none of {len(groups)} alternatives was shown to be faster than {base}"
    elif len(everywhere) == len(groups):
        head = f"all {len(groups)} alternatives ran faster than {base} in every case measured"
    else:
        named = f" ({listed(everywhere)})" if 0 < len(everywhere) <= _CONTENDERS_NAMED else ""
        counts = [f"{len(everywhere)} in every case measured{named}"] if everywhere else []
        counts += [f"{len(somewhere)} in a part of the cases"] if somewhere else []
        head = f"of {len(groups)} alternatives, {listed(counts)} ran faster than {base}"
    ends = []
    # One that was faster than the baseline is not the slowest where others were not shown to be.
    has_slowest = ordered[0] is every[0] or ordered[0].verdict == SLOWER
    for word, case in (("the fastest", ordered[-1]), *((("the slowest", ordered[0]),) if has_slowest else ())):
        figure = _figure(case, "its speed" + _place(summary, case, summary.baseline))
        ends.append(f"{word}, {_contender(summary, case)}, ran at {figure}")
    return f"{head}; {'; '.join(ends)}"


def _yes_or_no(summary: Summary, compared: Sequence[CaseSummary]) -> str:
    """Give "yes, " or "no, " when the question is whether something else than the baseline is faster than it."""
    match = re.fullmatch(r"(?:is|are|does|do|can|will)\s(.+)\sfaster\sthan\s(.+)\?", summary.question.strip().lower())
    family = summary.families.get(str(summary.baseline.get("method")), "")
    names = (*_WORDS_OF_FAMILY.get(family, ()), *(level_text(*pair).lower() for pair in summary.baseline.items()))
    if not match or any(name in match[1] for name in names) or not any(name in match[2] for name in names):
        return ""
    # A question about remapping is decided by what remaps, whatever else was measured beside it.
    asked = {kind for kind, words in _WORDS_OF_FAMILY.items() if any(word in match[1] for word in words)}
    decisive = [c for c in compared if not asked or summary.families.get(str(c.levels.get("method"))) in asked]
    verdicts = {case.verdict for case in decisive}
    if verdicts == {FASTER}:
        return "yes, "
    return "no, " if verdicts == {SLOWER} else ""


def _ranking(summary: Summary) -> list[str]:
    """Answer an experiment without a baseline by its extremes."""
    measured = sorted((case for case in _contestants(summary) if case.median_ns), key=lambda case: case.median_ns or 0)
    if not measured:
        return [f"{_where(summary, [])}nothing could be measured."]
    where, what = _where(summary, measured), operation(summary.workload)
    if len(measured) == 1:
        return [_sentence(f"{where}{_timed(summary, measured[0])} per {what}")]
    ends = [_timed(summary, case) for case in (measured[0], measured[-1])]
    sentence = _sentence(f"{where}the smallest median time per {what} was {ends[0]}, the largest {ends[1]}")
    return [sentence, "The experiment names no baseline, so no ratios are given."]


def _timed(summary: Summary, case: CaseSummary) -> str:
    time_ns = case.median_ns or 0
    ci = f" (95 % CI {interval_text(time_ns, case.median_ci)})" if case.median_ci else ""
    return f"{nanoseconds_text(time_ns, case.median_ci)} ns{ci}{_place(summary, case, ())}"


def _limits(summary: Summary) -> list[str]:
    """Say what the finding does not cover: cases without a figure, trials lost, trials still to come."""
    sentences = []
    unmeasured = [case for case in summary.cases if not case.n and case.endings]
    if unmeasured:
        share = f"{len(unmeasured)} of {plural(len(summary.cases), 'case')}"
        sentences.append(_sentence(f"{share} could not be measured: {_grouped(summary, unmeasured)}"))
    uncompared = [case for case in summary.cases if case.n and case.verdict == NOT_COMPARED and summary.has_baseline]
    if uncompared:
        notes = listed(list(dict.fromkeys(case.note for case in uncompared))[:_REASONS_NAMED])
        sentences.append(_sentence(f"{plural(len(uncompared), 'measured case')} could not be compared: {notes}"))
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
    elif "method" in summary.varying and 1 < len(methods) <= _CONTENDERS_NAMED:
        first = f"{plural(len(members), 'case')} of {listed([level_text('method', name) for name in methods])}"
    else:
        first = plural(len(members), "case")
    several = (
        f" in {len(members)} cases"
        if "method" in members[0].levels and len(members) > 1 and " case" not in first
        else ""
    )
    hosts = list(dict.fromkeys(member.host for member in members))
    on = f" on {listed([clipped(host, 60) for host in hosts[:_HOSTS_NAMED]])}" if len(summary.hosts) > 1 else ""
    return f"{first}{' with ' + levels_phrase(shared) if shared else ''}{several}{on}"


def _sentence(text: str) -> str:
    text = text.strip().rstrip(",;")
    return text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")
