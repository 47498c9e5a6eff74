"""Answers from which size on each contender is faster than the baseline, by decided verdicts on both sides only."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any, Final

from pageswap.analysis.trials.run_data import grouped_by, levels_key
from pageswap.analysis.verdicts import FASTER
from pageswap.answers.against_baseline import COMPARED, DECIDED, Compared, baseline_findings, is_mover
from pageswap.answers.record import CORRUPT, MIXED, NO, UNAVAILABLE, UNDECIDED, YES, Finding
from pageswap.spec.experiment import SIZE_FACTORS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pageswap.analysis.summary import Summary

# How a contender's verdicts change with the size.
RISES: Final = "rises"
FALLS: Final = "falls"
ALL_FASTER: Final = "all faster"
ALL_SLOWER: Final = "all slower"
PARTLY: Final = "partly"
NEITHER: Final = "neither"
LACKING: Final = "lacking"
_ORDER: Final = (RISES, FALLS, ALL_FASTER, PARTLY, ALL_SLOWER, NEITHER, LACKING)


@dataclasses.dataclass(frozen=True)
class Curve:
    """One contender on one host over all sizes, or several with the same course.

    ``course`` is how its verdicts change over ``sizes``, all that were asked for. Where it is `RISES` or `FALLS`,
    ``last`` is the largest size below the change that was decided the one way and ``first`` the smallest from which on
    all are decided the other; else these are the smallest and the largest size measured. ``decided`` has the sizes of
    each decided verdict, ``elsewhere`` counts the others. ``is_settled``: every size up to ``last`` was decided alike.
    """

    names: tuple[str, ...]
    hosts: tuple[str, ...]
    where: dict[str, Any]
    course: str
    last: int
    first: int
    sizes: list[int]
    decided: dict[str, list[int]]
    elsewhere: int
    is_settled: bool


@dataclasses.dataclass(frozen=True)
class Crossover(Compared):
    """What the headline is made of; ``axis`` is the size that varies."""

    axis: str
    curves: list[Curve]


def crossover(summary: Summary) -> Crossover:
    """Describe how the verdicts of each contender change with the size; there is a finding a size."""
    axis = next((name for name in SIZE_FACTORS if name in summary.varying), SIZE_FACTORS[0])
    pairs = [(case, finding) for case, finding in baseline_findings(summary) if is_mover(summary, case)]
    findings = [finding for _, finding in pairs]
    series = grouped_by(findings, lambda each: (each.subject, each.host, levels_key(each.where, without=(axis,))))
    curves = [curve(own, axis) for own in series.values() if own[0].verdict != CORRUPT]
    able = {each.subject for each in findings if each.verdict != UNAVAILABLE}
    courses = {each.course for each in curves if able.intersection(each.names)}
    found = Crossover(
        verdict=_verdict(courses, has_corrupt=bool(summary.corrupt)),
        findings=findings,
        pairs=pairs,
        axis=axis,
        curves=_joined(curves, len(summary.hosts)),
    )
    return dataclasses.replace(found, verdict=MIXED) if found.hosts_disagree else found


def curve(findings: Sequence[Finding], axis: str) -> Curve:
    """Describe how the verdicts of one contender change with the size; ``findings`` are those of one host."""
    verdicts = dict(sorted((int(each.where.get(axis, 0)), each.verdict) for each in findings))
    compared = {size: verdict for size, verdict in verdicts.items() if verdict in COMPARED}
    decided = {word: [size for size, verdict in compared.items() if verdict == word] for word in DECIDED}
    course, last, first = _course(compared, is_whole=len(compared) == len(verdicts))
    return Curve(
        names=(findings[0].subject,),
        hosts=(findings[0].host,),
        where={name: level for name, level in findings[0].where.items() if name != axis},
        course=course,
        last=last,
        first=first,
        sizes=list(verdicts),
        decided=decided,
        elsewhere=len(verdicts) - sum(map(len, decided.values())),
        is_settled=len({verdict for size, verdict in compared.items() if size <= last}) == 1,
    )


def _course(verdicts: Mapping[int, str], *, is_whole: bool) -> tuple[str, int, int]:
    """Return the course of the sizes' verdicts, and the two sizes between which it changes."""
    if not verdicts:
        return LACKING, 0, 0
    sizes = list(verdicts)
    known = [(size, verdict) for size, verdict in verdicts.items() if verdict in DECIDED]
    words = [verdict for _, verdict in known]
    if not words:
        return NEITHER, sizes[0], sizes[-1]
    changes = [below for (below, one), (_, other) in itertools.pairwise(known) if one != other]
    # The sizes, from the largest down, from which on every verdict is the last one.
    above = list(itertools.takewhile(lambda size: verdicts[size] == words[-1], reversed(sizes)))
    if len(changes) == 1 and above and is_whole:
        return (RISES if words[-1] == FASTER else FALLS), changes[0], above[-1]
    if not changes and len(words) == len(verdicts) and is_whole:
        return (ALL_FASTER if words[0] == FASTER else ALL_SLOWER), sizes[0], sizes[-1]
    return PARTLY, sizes[0], sizes[-1]


def _verdict(courses: set[str], *, has_corrupt: bool) -> str:
    """Return yes where all change places, no where none does and all is decided, both as far as nothing is amiss."""
    if not courses - {NEITHER, LACKING}:
        return UNDECIDED
    if not has_corrupt and courses <= {RISES, FALLS}:
        return YES
    return NO if not has_corrupt and courses <= {ALL_FASTER, ALL_SLOWER} else MIXED


def _joined(curves: Sequence[Curve], hosts: int) -> list[Curve]:
    """Put curves with the same course together: contenders on the same hosts, or hosts of the same contender."""
    joined = []
    for own in grouped_by(curves, lambda each: (each.names, _course_key(each))).values():
        on = tuple(dict.fromkeys(host for each in own for host in each.hosts))
        joined.append(dataclasses.replace(own[0], hosts=on if len(on) < hosts else ()))
    alike = grouped_by(joined, lambda each: (each.hosts, _course_key(each))).values()
    merged = [dataclasses.replace(own[0], names=tuple(name for each in own for name in each.names)) for own in alike]
    return sorted(merged, key=lambda each: _ORDER.index(each.course))


def _course_key(each: Curve) -> tuple[object, ...]:
    ends = (each.last, each.first, each.is_settled) if each.course != LACKING else ()
    decided = (repr(each.decided), each.elsewhere) if each.course == PARTLY else ()
    return each.course, ends, decided, levels_key(each.where)
