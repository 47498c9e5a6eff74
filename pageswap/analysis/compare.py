"""Compares two runs, or two hosts, case by case: how the time of each changed, and whether a gate on that trips."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pageswap.analysis import comparability
from pageswap.analysis.comparability import DOES_NOT_STAND, RESERVATIONS, STANDS, Difference, Verdict
from pageswap.analysis.intervals import Interval
from pageswap.analysis.measured import Measured, Part, Side, levels_key
from pageswap.analysis.shift import shift
from pageswap.analysis.summary import FASTER, NO_DIFFERENCE, NOT_COMPARED, SLOWER, TOO_FEW
from pageswap.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.analysis.measured import Floats

RATIO: Final = "ratio"
TIME: Final = "time"
QUANTITIES: Final = (RATIO, TIME)
_SEVERITY: Final = (DOES_NOT_STAND, RESERVATIONS, STANDS)


@dataclasses.dataclass(frozen=True)
class HostPair:
    """Two hosts whose cases are compared, how their conditions and their runs' differ, and what that is worth."""

    base: str
    new: str
    differences: tuple[Difference, ...]
    verdict: Verdict


@dataclasses.dataclass(frozen=True)
class Change:
    """How one case's time changed: a factor, above 1 is slower, with its 95 % interval; None is not known.

    ``change`` is of the compared quantity; ``time_change`` always of the plain time per operation, in ``base_ns`` and
    ``new_ns``, which holds what the machine itself did meanwhile. ``detectable`` is the smallest change, as a factor
    above 1, that this comparison could have found. ``over_limit`` says that the gate trips on it.
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


@dataclasses.dataclass(frozen=True)
class Gate:
    """What `--fail-above` decided: ``limit`` is the largest slowdown let through, 0.05 is 5 %.

    ``passed`` is None when nothing could be decided; ``text`` says why.
    """

    limit: float
    judged: int
    tripped: int
    passed: bool | None
    text: str


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two sides compared; ``by`` is the quantity, ``by_text`` why that one, ``only_*`` the cases of one side alone."""

    base: Side
    new: Side
    by: str
    by_text: str
    verdict: Verdict
    pairs: tuple[HostPair, ...]
    varying: tuple[str, ...]
    cases: tuple[Change, ...]
    only_base: tuple[dict[str, Any], ...]
    only_new: tuple[dict[str, Any], ...]
    gate: Gate | None


def compare(base: Part, new: Part, *, by: str | None = None, limit: float | None = None) -> Comparison:
    """Compare two runs, or one host of each, matching cases by their levels; warm-ups and replicas take no part.

    ``by`` is "ratio": each case's time relative to its own run's baseline, block by block, so that what slowed all of a
    run cancels; or "time": as it was measured. None takes ratios where both runs have the same baseline. Blocks of two
    runs have nothing in common but their number, so runs are compared unpaired (`shift`, on logarithms). ``limit``
    is the gate's: 0.05 lets slowdowns through until the interval's low end is above 5 %. Raises UsageError when nothing
    matches.
    """
    ours, theirs = Measured(base), Measured(new)
    pairs = _host_pairs(ours, theirs)
    quantity, by_text = _quantity(ours, theirs, by)
    found = tuple(_pair(ours, theirs, *pair) for pair in pairs)
    cases = tuple(change for pair in pairs for change in _changes(ours, theirs, pair, quantity, limit))
    if not cases:
        raise UsageError(
            f"{base.name} and {new.name} have no case in common: cases are matched by all their levels; "
            "compare runs of one experiment, made with the same --set"
        )
    matched = {levels_key(change.levels) for change in cases}
    worst = min((pair.verdict for pair in found), key=lambda verdict: _SEVERITY.index(verdict.word))
    levels = [change.levels for change in cases]
    return Comparison(
        base=ours.side(pair[0] for pair in pairs),
        new=theirs.side(pair[1] for pair in pairs),
        by=quantity,
        by_text=by_text,
        verdict=worst,
        pairs=found,
        varying=tuple(n for n in levels[0] if len({str(each.get(n)) for each in levels}) > 1) or ("method",),
        cases=cases,
        only_base=tuple(dict(each) for each in ours.levels.values() if levels_key(each) not in matched),
        only_new=tuple(dict(each) for each in theirs.levels.values() if levels_key(each) not in matched),
        gate=None if limit is None else _gate(limit, cases, worst),
    )


def _host_pairs(base: Measured, new: Measured) -> list[tuple[str, str]]:
    """Match hosts by name; a host that was named, or the only one of its run, is matched whatever its name."""
    hosts = []
    for side in (base, new):
        if side.part.host is not None and side.part.host not in side.hosts:
            raise UsageError(
                f"{side.part.name}: this run has no host '{side.part.host}'; it has {', '.join(side.hosts)}"
            )
        hosts.append((side.part.host,) if side.part.host is not None else side.hosts)
    ours, theirs = hosts
    if len(ours) == 1 and len(theirs) == 1:
        return [(ours[0], theirs[0])]
    both = [(host, host) for host in ours if host in theirs]
    if not both:
        raise UsageError(
            f"{base.part.name} measured {', '.join(ours)} and {new.part.name} {', '.join(theirs)}: "
            "no host is in both; name one of each, as RUN:HOST"
        )
    return both


def _quantity(base: Measured, new: Measured, by: str | None) -> tuple[str, str]:
    if by is not None and by not in QUANTITIES:
        raise UsageError(f"--by {by}: expected one of {', '.join(QUANTITIES)}")
    if by == TIME:
        return TIME, "times as they were measured, as --by asks for"
    obstacle = ""
    if not base.baseline or not new.baseline:
        obstacle = "a run has no baseline"
    elif base.baseline != new.baseline:
        obstacle = "the two runs have different baselines"
    elif not any(case_id != its for case_id, its in new.baseline_of.items() if its):
        obstacle = "the baseline is the only case"
    if not obstacle:
        text = "times relative to each run's own baseline in the same block, so that what slowed a whole run cancels"
        return RATIO, text
    if by == RATIO:
        raise UsageError(f"--by ratio: {obstacle}; use --by time")
    return TIME, f"times as they were measured, for {obstacle}"


def _pair(base: Measured, new: Measured, base_host: str, new_host: str) -> HostPair:
    environments = base.part.run_data.environments(), new.part.run_data.environments()
    found = [
        *comparability.differences(environments[0].get(base_host, {}), environments[1].get(new_host, {})),
        *comparability.run_differences(base.meta, new.meta),
    ]
    ordered = tuple(sorted(found, key=lambda each: not each.matters))
    return HostPair(base_host, new_host, ordered, comparability.verdict(ordered))


def _changes(base: Measured, new: Measured, hosts: tuple[str, str], quantity: str, limit: float | None) -> list[Change]:
    base_host, new_host = hosts
    theirs = {levels_key(levels): case_id for case_id, levels in new.levels.items()}
    found = []
    for case_id, levels in base.levels.items():
        other = theirs.get(levels_key(levels))
        if other is None:
            continue
        samples = base.time(base_host, case_id), new.time(new_host, other)
        times = _estimate(*samples)
        is_baseline = base.baseline_of[case_id] == case_id
        ratios = _estimate(base.ratio(base_host, case_id), new.ratio(new_host, other)) if quantity == RATIO else times
        change, ci = ratios
        verdict, note = _word(ci)
        if change is None:
            verdict, note = NOT_COMPARED, _why_not(samples, (base, base_host, case_id), (new, new_host, other))
        elif verdict == TOO_FEW:
            note = f"{len(samples[0])} and {len(samples[1])} blocks; at least four each are needed"
        is_over = ci is not None and limit is not None and ci.low > 1 + limit
        if is_baseline and quantity == RATIO and verdict == SLOWER and not (times[1] and times[1].low > 1):
            # Its yardstick are the other cases: without a longer time of its own, it is they that became faster.
            is_over, verdict, note = False, NO_DIFFERENCE, "the others became faster relative to it, it not slower"
        found.append(
            Change(
                base_host=base_host,
                new_host=new_host,
                levels=dict(levels),
                is_baseline=is_baseline,
                verdict=verdict,
                note=note,
                base_n=len(samples[0]),
                new_n=len(samples[1]),
                base_ns=_median_ns(samples[0]),
                new_ns=_median_ns(samples[1]),
                change=change,
                change_ci=ci,
                time_change=times[0],
                time_ci=times[1],
                detectable=None if change is None or ci is None else max(ci.high / change, change / ci.low),
                over_limit=is_over,
            )
        )
    return found


def _estimate(base: Floats, new: Floats) -> tuple[float | None, Interval | None]:
    if not len(base) or not len(new):
        return None, None
    point, interval = shift(base, new)
    return math.exp(point), None if interval is None else Interval(math.exp(interval.low), math.exp(interval.high))


def _word(interval: Interval | None) -> tuple[str, str]:
    if interval is None:
        return TOO_FEW, ""
    return (SLOWER if interval.low > 1 else FASTER if interval.high < 1 else NO_DIFFERENCE), ""


def _why_not(samples: tuple[Floats, Floats], *places: tuple[Measured, str, str]) -> str:
    for sample, (side, host, case_id) in zip(samples, places, strict=True):
        if not len(sample):
            return f"not measured in {side.part.name}: {side.endings.get((host, case_id), 'no outcome yet')}"
    return "its baseline was not measured in the same blocks"


def _gate(limit: float, cases: Sequence[Change], verdict: Verdict) -> Gate:
    judged = sum(change.change_ci is not None for change in cases)
    tripped = sum(change.over_limit for change in cases)
    percent = f"{limit * 100:g} %"
    if verdict.word == DOES_NOT_STAND:
        return Gate(
            limit, judged, tripped, None, f"nothing is decided, as the comparison does not stand: {verdict.text}"
        )
    if not judged:
        text = "nothing is decided: no case has the four blocks on each side that an interval needs"
        return Gate(limit, judged, tripped, None, text)
    rest = f"; {len(cases) - judged} could not be judged" if judged < len(cases) else ""
    if tripped:
        text = f"{tripped} of {judged} cases are slower by more than {percent}, even at the interval's low end{rest}"
        return Gate(limit, judged, tripped, passed=False, text=text)
    text = f"no case of {judged} is shown to be slower by more than {percent}{rest}"
    return Gate(limit, judged, tripped, passed=True, text=text)


def _median_ns(logs: Floats) -> float | None:
    return math.exp(float(np.median(logs))) if len(logs) else None
