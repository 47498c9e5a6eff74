"""How each case's time changed from one side, its runs on a host, to another: figures, and the verdict they bear."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pageswap.analysis.trials.run_data import levels_key
from pageswap.analysis.verdicts import NO_DIFFERENCE, NOT_COMPARED, SLOWER, TOO_FEW, judge
from pageswap.answers.words import say
from pageswap.comparison.measured_run import Measured
from pageswap.comparison.run_groups import Group, Place, Shift, shifts
from pageswap.statistics.run_to_run import OF_RATIOS, OF_TIMES
from pageswap.statistics.trimmed_means import holm

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from pageswap.statistics.intervals import Interval
    from pageswap.statistics.medians import Floats

RATIO: Final = "ratio"
TIME: Final = "time"
QUANTITIES: Final = (RATIO, TIME)
# What stood against a change of the baseline's time, beside what `judge` says.
_MACHINE: Final = "machine"


# The runs of each side, of which the first one's cases are compared.
Runs = tuple[Measured, ...]
Sides = tuple[Runs, Runs]
# The host of each side.
Hosts = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class Pairs:
    """What is compared: two sides, their hosts, and earlier runs under the conditions of either, a group each."""

    sides: Sides
    hosts: Sequence[Hosts]
    earlier: Sequence[Runs] = ()


@dataclasses.dataclass(frozen=True)
class Change:
    """How one case's time changed: a factor, above 1 is slower, with its 95 % interval; None is not known.

    ``change`` is of the compared quantity, for the baseline of its time; ``time_change`` is always of the time per
    operation, which holds what the machine itself did meanwhile. ``base_ns`` and ``new_ns`` are that time's medians.
    ``detectable`` is the smallest change, as a factor above 1, that this comparison could have found. ``over_limit``
    says that the case is over the gate's limit. ``is_covered``: the interval contains what varies from run to run;
    else each side is one visit, and a change may be what differs between two of them. ``may_trip``: each side has two
    runs, or earlier runs say what varies, so that a gate may be tripped by it.
    """

    base_host: str
    new_host: str
    levels: dict[str, Any]
    is_baseline: bool
    verdict: str
    note: str
    base_n: int
    new_n: int
    base_ns: float | None
    new_ns: float | None
    change: float | None
    change_ci: Interval | None
    time_change: float | None
    time_ci: Interval | None
    detectable: float | None
    over_limit: bool = False
    is_covered: bool = False
    may_trip: bool = False


@dataclasses.dataclass(frozen=True)
class _Draft:
    """A case of both sides before it is judged.

    ``samples`` are the logarithms of its time in each run of each side; ``evidence`` are the shifts that must agree,
    ``noise`` is a logarithm, ``unmeasured`` names the sides without a sample, each with how its trials ended.
    """

    hosts: Hosts
    levels: dict[str, Any]
    is_baseline: bool
    samples: tuple[list[Floats], ...]
    time: Shift
    evidence: tuple[Shift, ...]
    noise: float
    unmeasured: list[tuple[str, str]]
    is_covered: bool
    may_trip: bool


def changes(pairs: Sequence[Pairs], quantity: str, limit: float | None) -> list[tuple[Change, ...]]:
    """Return how each case changed that both sides of a pair have, judged together with those of all other pairs.

    ``limit`` is the gate's.
    """
    drafts = [[draft for hosts in each.hosts for draft in _drafts(each, hosts, quantity)] for each in pairs]
    words = iter(_words([draft for own in drafts for draft in own]))
    return [tuple(_change(draft, next(words), limit) for draft in own) for own in drafts]


def _drafts(pairs: Pairs, hosts: Hosts, quantity: str) -> list[_Draft]:
    """Compare every case that the sides have in common on two hosts."""
    base, new = ([run for run in side if run.measured(host)] for side, host in zip(pairs.sides, hosts, strict=True))
    lead = base[0]
    common = [key for key in lead.case_of if all(key in run.case_of for run in (*base, *new))]
    ours, theirs = Group(base, hosts[0]), Group(new, hosts[1])
    earlier = [
        Group([run for run in group if run.measured(host)], host)
        for group in pairs.earlier
        for host in dict.fromkeys(hosts)
    ]
    earlier = [group for group in earlier if len(group.runs) > 1]
    yardsticks = {key: _yardsticks(lead, key, [ours, theirs]) for key in common}
    times = shifts([group.samples(common, "time") for group in (ours, theirs, *earlier)], OF_TIMES)
    ratios = shifts([group.ratios(common, yardsticks) for group in (ours, theirs, *earlier)], OF_RATIOS)
    # A baseline's own, as all that is compared with it is what its ratio is to.
    baselines = [key for key in common if lead.baseline_of[lead.case_of[key]] == lead.case_of[key]]
    fast_times = shifts([group.samples(baselines, "fast_time") for group in (ours, theirs, *earlier)], OF_TIMES)
    fast = dict(zip(baselines, fast_times, strict=True))
    found = []
    for row, key in enumerate(common):
        case_id = lead.case_of[key]
        is_baseline = lead.baseline_of[case_id] == case_id
        evidence: tuple[Shift, ...] = (times[row],)
        if quantity == RATIO:
            # A baseline has no yardstick. Its own time is shown, and it must have changed relative to its other cases
            # as well, or it is the machine that did.
            has_others = not math.isnan(ratios[row].point)
            evidence = (ratios[row],) if not is_baseline else (fast[key], ratios[row]) if has_others else (fast[key],)
        sides = ours.places(key), theirs.places(key)
        found.append(
            _Draft(
                hosts=hosts,
                levels=dict(lead.levels[case_id]),
                is_baseline=is_baseline,
                samples=tuple([each.run.time(*each[1:]) for each in side] for side in sides),
                time=times[row],
                evidence=evidence,
                # Independent errors of logarithms add by their squares.
                noise=math.hypot(*(_middle([each.run.noise(*each[1:]) for each in side]) for side in sides)),
                unmeasured=[told for side in sides if (told := _ending(side))],
                is_covered=any(len(group.runs) > 1 for group in (ours, theirs, *earlier)),
                may_trip=bool(earlier) or all(len(group.runs) > 1 for group in (ours, theirs)),
            )
        )
    return found


def _yardsticks(lead: Measured, key: Hashable, sides: Sequence[Group]) -> list[Hashable]:
    """Return what a case's time is relative to: its baseline, or for a baseline all that are compared with it.

    A case that only one side measured would shift the middle of that side alone.
    """
    case_id = lead.case_of[key]
    baseline = lead.baseline_of[case_id]
    if baseline == case_id:
        wanted = [other for other, its in lead.baseline_of.items() if its == case_id != other]
    else:
        wanted = [baseline] if baseline else []
    keys = [levels_key(lead.levels[other]) for other in wanted]
    return [
        other
        for other in keys
        if all(other in run.case_of for group in sides for run in group.runs)
        and all(len(place.run.time(*place[1:])) for group in sides for place in group.places(other))
    ]


def _middle(noises: Sequence[float]) -> float:
    known = [noise for noise in noises if not math.isnan(noise)]
    return float(np.median(known)) if known else math.nan


def _ending(side: Sequence[Place]) -> tuple[str, str] | None:
    """Name a side that has no sample of a case, and how its trials ended; None where it has one."""
    if any(len(each.run.time(*each[1:])) for each in side):
        return None
    first = side[0]
    return first.run.part.name, first.run.endings.get((first.host, first.case_id), "")


def _words(drafts: Sequence[_Draft]) -> list[list[tuple[str, str]]]:
    """Judge each case's evidence by the rules of all comparisons; return the verdicts and what stood against each."""
    found = [each for draft in drafts for each in draft.evidence]
    # More time is slower, but judged is speed.
    point, low, high = -np.array([(each.point, each.high, each.low) for each in found]).reshape(-1, 3).T
    floors = np.array([draft.noise for draft in drafts for _ in draft.evidence])
    # A baseline has two pieces of evidence, both needed, and is one comparison.
    family = sum(not math.isnan(draft.evidence[0].p) for draft in drafts)
    p = holm(np.array([each.p for each in found]), family)
    judged = iter(zip(*judge((point, low, high), floors, p), strict=True))
    return [[next(judged) for _ in draft.evidence] for draft in drafts]


def _change(draft: _Draft, words: list[tuple[str, str]], limit: float | None) -> Change:
    factor, ci = draft.evidence[0].factor, draft.evidence[0].interval
    noise = math.exp(draft.noise) if draft.noise > 0 else 1.0
    verdict, obstacle = words[0]
    found = {word for word, _ in words}
    if factor is None or TOO_FEW in found:
        verdict = NOT_COMPARED if factor is None else TOO_FEW
    elif len(found) > 1 and verdict != NO_DIFFERENCE:
        verdict, obstacle = NO_DIFFERENCE, _MACHINE
    counts = tuple(sum(map(len, runs)) for runs in draft.samples)
    base_ns, new_ns = (_time_ns(runs) for runs in draft.samples)
    return Change(
        base_host=draft.hosts[0],
        new_host=draft.hosts[1],
        levels=draft.levels,
        is_baseline=draft.is_baseline,
        verdict=verdict,
        note=say("comparison", "note", verdict, obstacle, counts, noise, draft.unmeasured, draft.is_covered),
        base_n=counts[0],
        new_n=counts[1],
        base_ns=base_ns,
        new_ns=new_ns,
        change=factor,
        change_ci=ci,
        time_change=draft.time.factor,
        time_ci=draft.time.interval,
        detectable=None if factor is None or ci is None else max(ci.high / factor, factor / ci.low, noise),
        over_limit=limit is not None
        and factor is not None
        and factor > noise
        and all(each.low > math.log1p(limit) for each in draft.evidence)
        # Of several runs the gate asks what the words ask: the correction, too.
        and (not draft.is_covered or verdict == SLOWER),
        is_covered=draft.is_covered,
        may_trip=draft.may_trip,
    )


def _time_ns(runs: Sequence[Floats]) -> float | None:
    """Return the median of the medians of runs."""
    known = [float(np.median(logs)) for logs in runs if len(logs)]
    return math.exp(float(np.median(known))) if known else None
