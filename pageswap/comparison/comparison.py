"""Compares two runs, or two hosts, case by case: what is matched, what differs between them, and what that is worth."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any, Final

from pageswap.analysis.trials.run_data import levels_key
from pageswap.answers.words import say
from pageswap.comparison import environments
from pageswap.comparison.changes import QUANTITIES, RATIO, TIME, Change, Measured, Part, Side, changes
from pageswap.comparison.environments import DOES_NOT_STAND, RESERVATIONS, STANDS, Difference, Verdict
from pageswap.errors import UsageError

GATE_TRIPPED: Final = 5
_PERCENT: Final = re.compile(r"(\d{1,4}(?:\.\d{1,4})?)\s?%")
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


def parse_limit(text: str) -> float:
    """Read `--fail-above`: ``5%`` gives 0.05. Raises UsageError on anything else."""
    match = _PERCENT.fullmatch(text)
    if not match:
        # 0.05 is a share as often as a percentage, and 1.05 a factor.
        hint = f"; write '{text}%'" if text.isdecimal() else ""
        raise UsageError(f"--fail-above: expected a percentage such as 5%, found {text!r}{hint}")
    return float(match[1]) / 100


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
    cases = changes((ours, theirs), pairs, quantity, limit)
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
        else _gate(limit, [each.over_limit if each.change_ci else None for each in cases], worst),
    )


def conclude(gate: Gate | None) -> int:
    """Return the exit code: 0, or 5 when the gate trips; raises UsageError when one was asked for and decides nothing.

    A pipeline that took an undecided gate for a passed one would let everything through.
    """
    if gate and gate.passed is None:
        raise UsageError(f"--fail-above: {gate.text.rstrip('.')}; leave the gate out to compare all the same")
    return GATE_TRIPPED if gate and not gate.passed else 0


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
    obstacles = {
        "a run has no baseline": not base.baseline or not new.baseline,
        "the two runs have different baselines": base.baseline != new.baseline,
        "the baseline is the only case": not any(case != its for case, its in new.baseline_of.items() if its),
    }
    obstacle = "" if by == TIME else next((why for why, is_so in obstacles.items() if is_so), "")
    if obstacle and by == RATIO:
        raise UsageError(f"--by ratio: {obstacle}; use --by time")
    return TIME if obstacle or by == TIME else RATIO, obstacle


def _pair(base: Measured, new: Measured, hosts: tuple[str, str]) -> HostPair:
    ours, theirs = base.part.run_data.environments(), new.part.run_data.environments()
    found = [
        *environments.differences(ours.get(hosts[0], {}), theirs.get(hosts[1], {})),
        *environments.run_differences(base.meta, new.meta),
    ]
    ordered = tuple(sorted(found, key=lambda each: not each.matters))
    noise = math.exp(math.hypot(base.noise(hosts[0]), new.noise(hosts[1])))
    return HostPair(*hosts, None if math.isnan(noise) else noise, ordered, environments.verdict(ordered))


def _gate(limit: float, over_limit: list[bool | None], verdict: Verdict) -> Gate:
    """Decide whether any case is over the limit, where the comparison stands; None is one that cannot be judged."""
    judged, tripped = sum(each is not None for each in over_limit), sum(map(bool, over_limit))
    passed = None if verdict.word == DOES_NOT_STAND or not judged else not tripped
    text = say("comparison", "gate", limit, judged, tripped, len(over_limit), verdict)
    return Gate(limit, judged, tripped, passed, text)
