"""Compares two runs, or two hosts, case by case: how the time of each changed, and whether a gate on that trips."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pageswap.analysis.trials.levels import levels_key
from pageswap.analysis.verdicts import NO_DIFFERENCE, NOT_COMPARED, TOO_FEW, judge
from pageswap.answers.words import say
from pageswap.comparison import environments
from pageswap.comparison.environments import DOES_NOT_STAND, RESERVATIONS, STANDS, Difference, Verdict
from pageswap.comparison.gate import Gate, gate_of
from pageswap.comparison.sides import Measured, Part, Side
from pageswap.errors import UsageError
from pageswap.statistics.intervals import Interval
from pageswap.statistics.rank_tests import shift
from pageswap.statistics.trimmed_means import holm, two_sample_p

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pageswap.comparison.sides import Floats

RATIO: Final = "ratio"
TIME: Final = "time"
QUANTITIES: Final = (RATIO, TIME)
# What stood against a change of the baseline's time, beside what `judge` says.
_MACHINE: Final = "machine"
_SEVERITY: Final = (DOES_NOT_STAND, RESERVATIONS, STANDS)


@dataclasses.dataclass(frozen=True)
class HostPair:
    """Two hosts whose cases are compared, how their conditions and their runs' differ, and what that is worth.

    ``noise`` is how much two measurements of the same thing differ by chance, from the A/A controls of both: a factor,
    or None where a run has none.
    """

    base: str
    new: str
    noise: float | None
    differences: tuple[Difference, ...]
    verdict: Verdict


@dataclasses.dataclass(frozen=True)
class Change:
    """How one case's time changed: a factor, above 1 is slower, with its 95 % interval; None is not known.

    ``change`` is of the compared quantity, for the baseline of its time; ``time_change`` is always of the time per
    operation, which holds what the machine itself did meanwhile. ``base_ns`` and ``new_ns`` are that time's medians.
    ``detectable`` is the smallest change, as a factor above 1, that this comparison could have found. ``over_limit``
    says that the gate trips on it.
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

    ``by`` is "ratio": each case's time in the faster half of its rounds, relative to its own run's baseline, block by
    block, so that what slowed all of a run, or a part of a trial, cancels; or "time": as it was measured. None takes
    ratios where both runs have the same baseline. Blocks of two runs have nothing in common but their number, so runs
    are compared unpaired (`shift`, on logarithms). ``limit`` is the gate's: 0.05 lets slowdowns through until the
    interval's low end is above 5 %. Raises UsageError when nothing matches.
    """
    ours, theirs = Measured(base), Measured(new)
    pairs = _host_pairs(ours, theirs)
    quantity, obstacle = _quantity(ours, theirs, by)
    found = tuple(_pair(ours, theirs, pair) for pair in pairs)
    cases = _changes(ours, theirs, found, quantity, limit)
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
        by_text=say("comparison", "quantity", quantity, obstacle),
        verdict=worst,
        pairs=found,
        varying=tuple(n for n in levels[0] if len({str(each.get(n)) for each in levels}) > 1) or ("method",),
        cases=cases,
        only_base=tuple(dict(each) for each in ours.levels.values() if levels_key(each) not in matched),
        only_new=tuple(dict(each) for each in theirs.levels.values() if levels_key(each) not in matched),
        gate=None
        if limit is None
        else gate_of(limit, [each.over_limit if each.change_ci else None for each in cases], worst),
    )


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Give a comparison as a JSON object; changes are factors of time, above 1 is slower."""
    return dataclasses.asdict(comparison)


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
    """Choose what is compared; return it, and what stands against ratios, "" where nothing does."""
    if by is not None and by not in QUANTITIES:
        raise UsageError(f"--by {by}: expected one of {', '.join(QUANTITIES)}")
    obstacle = ""
    if by == TIME:
        return TIME, obstacle
    if not base.baseline or not new.baseline:
        obstacle = "a run has no baseline"
    elif base.baseline != new.baseline:
        obstacle = "the two runs have different baselines"
    elif not any(case_id != its for case_id, its in new.baseline_of.items() if its):
        obstacle = "the baseline is the only case"
    if obstacle and by == RATIO:
        raise UsageError(f"--by ratio: {obstacle}; use --by time")
    return TIME if obstacle else RATIO, obstacle


def _pair(base: Measured, new: Measured, hosts: tuple[str, str]) -> HostPair:
    ours, theirs = base.part.run_data.environments(), new.part.run_data.environments()
    found = [
        *environments.differences(ours.get(hosts[0], {}), theirs.get(hosts[1], {})),
        *environments.run_differences(base.meta, new.meta),
    ]
    ordered = tuple(sorted(found, key=lambda each: not each.matters))
    noise = math.exp(math.hypot(base.noise(hosts[0]), new.noise(hosts[1])))
    return HostPair(*hosts, None if math.isnan(noise) else noise, ordered, environments.verdict(ordered))


@dataclasses.dataclass(frozen=True)
class _Shift:
    """How far the second of two samples of logarithms lies from the first, and the p of there being no difference."""

    point: float
    low: float
    high: float
    p: float

    @property
    def factor(self) -> float | None:
        return None if math.isnan(self.point) else math.exp(self.point)

    @property
    def interval(self) -> Interval | None:
        return None if math.isnan(self.low) else Interval(math.exp(self.low), math.exp(self.high))


@dataclasses.dataclass(frozen=True)
class _Draft:
    """A case of both sides before it is judged; ``evidence`` are the shifts that must agree, ``noise`` a logarithm."""

    hosts: tuple[str, str]
    cases: tuple[str, str]
    samples: tuple[Floats, Floats]
    time: _Shift
    evidence: tuple[_Shift, ...]
    noise: float


def _changes(
    base: Measured, new: Measured, pairs: Sequence[HostPair], quantity: str, limit: float | None
) -> tuple[Change, ...]:
    theirs = {levels_key(levels): case_id for case_id, levels in new.levels.items()}
    partners = {
        case_id: theirs[key] for case_id, levels in base.levels.items() if (key := levels_key(levels)) in theirs
    }
    drafts = [
        _draft((base, new), (pair.base, pair.new), partners, case_id, quantity)
        for pair in pairs
        for case_id in partners
    ]
    words = _words(drafts)
    return tuple(_change((base, new), *each, limit) for each in zip(drafts, words, strict=True))


def _draft(
    sides: tuple[Measured, Measured],
    hosts: tuple[str, str],
    partners: Mapping[str, str],
    case_id: str,
    quantity: str,
) -> _Draft:
    base, new = sides
    cases = case_id, partners[case_id]
    samples = base.time(hosts[0], cases[0]), new.time(hosts[1], cases[1])
    time = _shift(*samples)
    ratio = _ratio(sides, hosts, partners, case_id)
    evidence: tuple[_Shift, ...] = (time,)
    if quantity == RATIO:
        # A baseline has no yardstick. Its own time is shown, and it must have changed relative to its other cases as
        # well, or it is the machine that did.
        fast = _shift(base.fast_time(hosts[0], cases[0]), new.fast_time(hosts[1], cases[1]))
        is_baseline = base.baseline_of[case_id] == case_id
        evidence = (ratio,) if not is_baseline else (fast,) if math.isnan(ratio.point) else (fast, ratio)
    # Independent errors of logarithms add by their squares.
    noise = math.hypot(base.noise(hosts[0], cases[0]), new.noise(hosts[1], cases[1]))
    return _Draft(hosts, cases, samples, time, evidence, noise)


def _words(drafts: Sequence[_Draft]) -> list[list[tuple[str, str]]]:
    """Judge each case's evidence by the rules of all comparisons; return the verdicts and what stood against each."""
    shifts = [each for draft in drafts for each in draft.evidence]
    # More than no time at all is slower, but judged is speed.
    ratios = tuple(np.array(part) for part in zip(*((-s.point, -s.high, -s.low) for s in shifts), strict=True))
    floors = np.array([draft.noise for draft in drafts for _ in draft.evidence])
    if not shifts:
        return []
    # A baseline has two pieces of evidence, both needed, and is one comparison.
    family = sum(not math.isnan(draft.evidence[0].p) for draft in drafts)
    p = holm(np.array([each.p for each in shifts]), family)
    found = iter(zip(*judge((ratios[0], ratios[1], ratios[2]), floors, p), strict=True))
    return [[next(found) for _ in draft.evidence] for draft in drafts]


def _change(
    sides: tuple[Measured, Measured], draft: _Draft, words: list[tuple[str, str]], limit: float | None
) -> Change:
    base = sides[0]
    shown, noise = draft.evidence[0], math.exp(draft.noise) if draft.noise > 0 else 1.0
    verdict, obstacle = min(words, key=lambda word: word[0] != TOO_FEW)
    if len({word for word, _ in words}) > 1 and verdict != TOO_FEW:
        verdict, obstacle = next((word for word in words if word[0] == NO_DIFFERENCE), (NO_DIFFERENCE, ""))
    if shown.factor is None:
        verdict = NOT_COMPARED
    elif verdict != TOO_FEW and words[0][0] != verdict:
        obstacle = _MACHINE
    counts = tuple(map(len, draft.samples))
    places = zip(counts, sides, draft.hosts, draft.cases, strict=True)
    unmeasured = [(side.part.name, side.endings.get((host, case_id), "")) for n, side, host, case_id in places if not n]
    factor, ci = shown.factor, shown.interval
    return Change(
        base_host=draft.hosts[0],
        new_host=draft.hosts[1],
        levels=dict(base.levels[draft.cases[0]]),
        is_baseline=base.baseline_of[draft.cases[0]] == draft.cases[0],
        verdict=verdict,
        note=say("comparison", "note", verdict, obstacle, counts, noise, unmeasured),
        base_n=counts[0],
        new_n=counts[1],
        base_ns=_median_ns(draft.samples[0]),
        new_ns=_median_ns(draft.samples[1]),
        change=factor,
        change_ci=ci,
        time_change=draft.time.factor,
        time_ci=draft.time.interval,
        detectable=None if factor is None or ci is None else max(ci.high / factor, factor / ci.low, noise),
        over_limit=limit is not None
        and factor is not None
        and max(factor, 1 / factor) > noise
        and all(each.low > math.log1p(limit) for each in draft.evidence),
    )


def _ratio(
    sides: tuple[Measured, Measured], hosts: tuple[str, str], partners: Mapping[str, str], case_id: str
) -> _Shift:
    base, new = sides
    baseline = base.baseline_of[case_id]
    wanted = base.compared_with(case_id) if baseline == case_id else [baseline] if baseline else []
    # A case that only one side measured would shift the middle of that side alone.
    both = [
        other
        for other in wanted
        if other in partners and len(base.time(hosts[0], other)) and len(new.time(hosts[1], partners[other]))
    ]
    if not both:
        return _NO_SHIFT
    return _shift(
        base.ratio(hosts[0], case_id, both),
        new.ratio(hosts[1], partners[case_id], [partners[other] for other in both]),
    )


def _shift(base: Floats, new: Floats) -> _Shift:
    if not len(base) or not len(new):
        return _NO_SHIFT
    point, interval = shift(base, new)
    low, high = (interval.low, interval.high) if interval else (math.nan, math.nan)
    p = float(two_sample_p(base[np.newaxis], new[np.newaxis])[0]) if interval else math.nan
    return _Shift(point, low, high, p)


_NO_SHIFT: Final = _Shift(math.nan, math.nan, math.nan, math.nan)


def _median_ns(logs: Floats) -> float | None:
    return math.exp(float(np.median(logs))) if len(logs) else None
