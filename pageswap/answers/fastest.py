"""Answers which is the fastest under each of the conditions, and what could not be told from it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pageswap.analysis.explanations.contests import Contest, Rival, compared_factors, contests
from pageswap.analysis.trials.run_data import levels_key
from pageswap.analysis.verdicts import NOT_COMPARED, NOT_MEASURED, SLOWER, TOO_FEW
from pageswap.answers.against_baseline import case_finding, contestants, figures, is_mover, where_of
from pageswap.answers.record import CORRUPT, FASTEST, MIXED, NOT_TOLD_APART, UNDECIDED, YES, Finding
from pageswap.answers.words import say
from pageswap.statistics.intervals import MINIMUM_N
from pageswap.text.words import levels_phrase

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pageswap.analysis.summary import CaseSummary, HostsSummary, Summary


Place = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Winners:
    """Contests that ended alike: who was not told from the fastest, of how many; ``is_known`` with enough blocks.

    ``places`` are the levels of each contest, and under "host" its host. ``shared`` are those that these contests and
    no others have.
    """

    names: tuple[str, ...]
    of: int
    is_known: bool
    places: list[Place]
    shared: Place

    @property
    def is_sole(self) -> bool:
        """Say whether one was told from all others."""
        return self.is_known and len(self.names) == 1


@dataclasses.dataclass(frozen=True)
class Fastest:
    """What the headline is made of.

    ``contests`` were held, ``most_blocks`` is the most any pair has; ``missing`` were not measured somewhere.
    """

    verdict: str
    findings: list[Finding]
    groups: list[Winners]
    missing: list[str]
    contests: int
    hosts_disagree: bool
    most_blocks: int


def fastest(summary: HostsSummary) -> Fastest:
    """Hold a contest under each of the conditions; what moves no page, or moved one wrongly, takes no part."""
    able = [case for case in contestants(summary) if is_mover(summary, case)]
    held = contests(summary, movers(summary))
    found = {(case.host, case.case_id): finding for each in held for case, finding in _contest_findings(summary, each)}
    findings = [found.get((case.host, case.case_id)) or _unheld(summary, case) for case in able]
    groups = _groups(summary, held)
    ended = {each.subject: each.verdict for each in findings if each.verdict in (NOT_MEASURED, CORRUPT)}
    return Fastest(
        verdict=_verdict(groups, is_whole=not ended),
        findings=findings,
        groups=groups,
        missing=[name for name, verdict in ended.items() if verdict == NOT_MEASURED],
        contests=len(held),
        hosts_disagree=_hosts_disagree(groups),
        most_blocks=max((rival.n for each in held for rival in each.rivals), default=0),
    )


def movers(summary: Summary) -> list[CaseSummary]:
    """Return the cases that may win: what moves no page, or moved one wrongly, takes no part."""
    able = (case for case in contestants(summary) if is_mover(summary, case))
    return [case for case in able if case.levels.get("method") not in summary.corrupt]


def _name(summary: Summary, case: CaseSummary) -> str:
    return levels_phrase({name: case.levels.get(name) for name in compared_factors(summary)})


def _baseline(summary: Summary) -> str:
    """Name the baseline where it is a competitor too."""
    return levels_phrase(summary.baseline) if "method" in summary.baseline else ""


def _contest_findings(summary: Summary, held: Contest) -> Iterator[tuple[CaseSummary, Finding]]:
    leader, unbeaten = _name(summary, held.first), [rival for rival in held.rivals if not rival.is_beaten]
    verdict = FASTEST if not unbeaten else NOT_TOLD_APART if held.is_known else TOO_FEW
    why = _why(verdict, unbeaten, [_name(summary, rival.case) for rival in unbeaten])
    first = dataclasses.replace(_own_finding(summary, held.first), verdict=verdict, why=why)
    if verdict == TOO_FEW and first.ratio is not None:
        # What was told of the baseline is not told of those that it competes with.
        first = dataclasses.replace(first, **figures(first.ratio, held.first.ratio_ci, verdict))
    yield held.first, first
    for rival in held.rivals:
        verdict = SLOWER if rival.is_beaten else NOT_TOLD_APART if rival.n >= MINIMUM_N else TOO_FEW
        finding = Finding(
            host=held.host,
            subject=_name(summary, rival.case),
            against=_baseline(summary) if rival.is_by_baseline else leader,
            where=held.levels,
            verdict=verdict,
            why=_why(verdict, [rival], [leader]),
            **figures(rival.ratio, rival.interval, verdict),
        )
        yield rival.case, finding


def _why(verdict: str, rivals: Sequence[Rival], names: Sequence[str]) -> str:
    return "" if verdict in (FASTEST, SLOWER) else say("findings", verdict.replace(" ", "_"), rivals, names)


def _own_finding(summary: Summary, case: CaseSummary) -> Finding:
    """Return what a case's comparison with the baseline found, where that competes; else nothing but how it ended."""
    found = case_finding(summary, case, _name(summary, case), _baseline(summary))
    if found.against and case.ratio is not None:
        return found
    where = where_of(summary, case.levels, compared_factors(summary))
    return dataclasses.replace(found, against="", where=where, ratio=None, low=None, high=None, times="")


def _unheld(summary: Summary, case: CaseSummary) -> Finding:
    found = _own_finding(summary, case)
    if case.n and found.verdict != CORRUPT:
        found = dataclasses.replace(found, verdict=NOT_COMPARED, why=say("findings", "alone"))
    return found


def _groups(summary: Summary, held: Sequence[Contest]) -> list[Winners]:
    """Put contests with the same winners together, those of most contests first."""
    groups: dict[tuple[object, ...], Winners] = {}
    for each in held:
        cases = [each.first, *(rival.case for rival in each.rivals if not rival.is_beaten)]
        names = tuple(_name(summary, case) for case in cases)
        # Of how many one is the fastest, no word tells. With too few blocks nobody is beaten: then the one ahead is all
        # there is to tell contests apart by.
        of = 1 + len(each.rivals) if len(names) > 1 else 0
        key = (frozenset(names), of) if each.is_known else (names[0],)
        group = groups.setdefault(key, Winners(names, 1 + len(each.rivals), each.is_known, [], {}))
        group.places.append({"host": each.host, **each.levels})
    every = [place for group in groups.values() for place in group.places]
    known = [dataclasses.replace(group, shared=_shared(group.places, every)) for group in groups.values()]
    return sorted(known, key=lambda group: (not group.is_sole, not group.is_known, -len(group.places)))


def _shared(own: Sequence[Place], every: Sequence[Place]) -> Place:
    """Return the levels that these contests and no others have in common, nothing where there are none such."""
    common = {name: level for name, level in own[0].items() if all(each.get(name) == level for each in own)}
    if sum(common.items() <= place.items() for place in every) != len(own):
        return {}
    return {name: level for name, level in common.items() if any(each.get(name) != level for each in every)}


def _verdict(groups: Sequence[Winners], *, is_whole: bool) -> str:
    """Return yes where the same one was told from all others in every contest, and nothing failed to compete."""
    if not any(group.is_sole for group in groups):
        return UNDECIDED
    return YES if is_whole and len({group.names for group in groups}) == 1 else MIXED


def _hosts_disagree(groups: Sequence[Winners]) -> bool:
    """Say whether under the same conditions hosts have no winner in common."""
    winners: dict[object, list[set[str]]] = {}
    for group in groups:
        for place in group.places if group.is_known else ():
            winners.setdefault(levels_key(place, without=("host",)), []).append(set(group.names))
    return any(not set.intersection(*found) for found in winners.values())
