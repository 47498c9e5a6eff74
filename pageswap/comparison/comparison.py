"""Compares sides, runs or hosts, case by case: what is matched, what differs between them, and what that is worth."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.host.conditions import MACHINE
from pageswap.analysis.trials.run_data import levels_key
from pageswap.answers.words import say
from pageswap.comparison import environments
from pageswap.comparison.changes import QUANTITIES, RATIO, TIME, Change, Pairs, Runs, changes
from pageswap.comparison.environments import DOES_NOT_STAND, RESERVATIONS, STANDS, Difference, Verdict
from pageswap.comparison.measured_run import Measured, Part, Side
from pageswap.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

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

    ``tripped`` counts the cases above it. ``passed`` is None when nothing could be decided; ``text`` says why.
    """

    limit: float
    judged: int
    tripped: int
    passed: bool | None
    text: str


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two sides compared; ``by`` is the quantity, ``by_text`` why that one, ``only_*`` the cases of one side alone.

    ``is_covered``: the intervals contain what varies from run to run; else each side is one visit.
    """

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
    is_covered: bool = False


def parse_limit(text: str) -> float:
    """Read `--fail-above`: ``5%`` gives 0.05. Raises UsageError on anything else."""
    match = _PERCENT.fullmatch(text)
    if not match:
        # 0.05 is a share as often as a percentage, and 1.05 a factor.
        hint = f"; write '{text}%'" if text.isdecimal() else ""
        raise UsageError(f"--fail-above: expected a percentage such as 5%, found {text!r}{hint}")
    return float(match[1]) / 100


def compare(
    base: Part | Sequence[Part],
    new: Part | Sequence[Part],
    *,
    by: str | None = None,
    limit: float | None = None,
    earlier: Sequence[Sequence[Part]] = (),
) -> Comparison:
    """Compare two sides, as `compare_all` does several."""
    sides = [(side,) if isinstance(side, Part) else tuple(side) for side in (base, new)]
    return compare_all(sides[0], sides[1:], by=by, limit=limit, earlier=earlier)[0]


def compare_all(
    base: Sequence[Part],
    others: Sequence[Sequence[Part]],
    *,
    by: str | None = None,
    limit: float | None = None,
    earlier: Sequence[Sequence[Part]] = (),
) -> list[Comparison]:
    """Compare each of some sides with the base, matching cases by their levels; warm-ups and replicas take no part.

    A side is runs, or one host of each. ``earlier`` are groups of runs, each under the conditions of a side: what
    varies from run to run is known from them, too.

    ``by`` is "ratio": each case's time in the faster half of its rounds, relative to its own run's baseline, block by
    block, so that what slowed all of a run, or a part of a trial, cancels; or "time": as it was measured. None takes
    ratios where all runs have the same baseline. Blocks of two runs have nothing in common but their number, so two
    runs are compared unpaired (`shift`, on logarithms), and several by what varies between them (`run_shifts`). The
    words are corrected for the number of cases on all sides. ``limit`` is the gate's: 0.05 lets slowdowns through until
    the interval's low end is above 5 %. Raises UsageError when nothing matches.
    """
    ours, *theirs = (_measured(side) for side in (base, *others))
    before = tuple(_measured(group, is_alike=False) for group in earlier)
    quantity, obstacle = _quantity([run for side in (ours, *theirs) for run in side], by)
    pairs = [Pairs((ours, side), _host_pairs(ours, side), before) for side in theirs]
    found = changes(pairs, quantity, limit)
    by_text = say("comparison", "quantity", quantity, obstacle)
    return [_comparison(each, cases, quantity, by_text, limit) for each, cases in zip(pairs, found, strict=True)]


def _measured(side: Sequence[Part], *, is_alike: bool = True) -> Runs:
    """Read the runs of a side, one after the other; raises UsageError where they are of unlike machines or work."""
    runs = tuple(Measured(part) for part in side)
    for run in runs[1:] if is_alike else ():
        hosts = [host for host in _hosts(runs[0]) if host in _hosts(run)]
        unlike = [each for host in hosts for each in _differences(runs[0], run, (host, host))]
        for each in unlike:
            if each.kind in (MACHINE, environments.WORK):
                raise UsageError(
                    f"{run.part.name}: runs {runs[0].meta['run_id']} and {run.meta['run_id']} of this side differ in"
                    f" {each.name} ({each.a}, {each.b}); name runs that are alike"
                )
    return runs


def _comparison(
    pairs: Pairs, cases: tuple[Change, ...], quantity: str, by_text: str, limit: float | None
) -> Comparison:
    ours, theirs = (side[0] for side in pairs.sides)
    if not cases:
        raise UsageError(
            f"{ours.part.name} and {theirs.part.name} have no case in common: cases are matched by all their levels; "
            "compare runs of one experiment, made with the same --set"
        )
    found = tuple(_pair(pairs, each) for each in pairs.hosts)
    matched = {levels_key(change.levels) for change in cases}
    worst = min((pair.verdict for pair in found), key=lambda verdict: _SEVERITY.index(verdict.word))
    levels = [change.levels for change in cases]
    is_covered = any(change.is_covered for change in cases)
    return Comparison(
        base=ours.side((pair[0] for pair in pairs.hosts), pairs.sides[0]),
        new=theirs.side((pair[1] for pair in pairs.hosts), pairs.sides[1]),
        by=quantity,
        by_text=by_text,
        verdict=worst,
        pairs=found,
        varying=tuple(n for n in levels[0] if len({str(each.get(n)) for each in levels}) > 1) or ("method",),
        cases=cases,
        only_base=tuple(dict(each) for each in ours.levels.values() if levels_key(each) not in matched),
        only_new=tuple(dict(each) for each in theirs.levels.values() if levels_key(each) not in matched),
        gate=None if limit is None else _gate(limit, cases, worst),
        is_covered=is_covered,
    )


def conclude(gate: Gate | None) -> int:
    """Return the exit code: 0, or 5 when the gate trips; raises UsageError when one was asked for and decides nothing.

    A pipeline that took an undecided gate for a passed one would let everything through.
    """
    if gate and gate.passed is None:
        raise UsageError(f"--fail-above: {gate.text.rstrip('.')}; leave the gate out to compare all the same")
    return GATE_TRIPPED if gate and not gate.passed else 0


def _hosts(run: Measured) -> tuple[str, ...]:
    """Return the hosts of a run that take part; raises UsageError for one that it has not."""
    if run.part.host is None:
        return run.hosts
    if run.part.host not in run.hosts:
        raise UsageError(f"{run.part.name}: this run has no host '{run.part.host}'; it has {', '.join(run.hosts)}")
    return (run.part.host,)


def _host_pairs(base: Runs, new: Runs) -> list[tuple[str, str]]:
    """Match hosts by name; a host that was named, or the only one of its side, is matched whatever its name."""
    ours, theirs = (list(dict.fromkeys(host for run in side for host in _hosts(run))) for side in (base, new))
    if len(ours) == 1 and len(theirs) == 1:
        return [(ours[0], theirs[0])]
    both = [(host, host) for host in ours if host in theirs]
    if not both:
        raise UsageError(
            f"{base[0].part.name} measured {', '.join(ours)} and {new[0].part.name} {', '.join(theirs)}: "
            "no host is in both; name one of each, as RUN:HOST"
        )
    return both


def _quantity(runs: Sequence[Measured], by: str | None) -> tuple[str, str]:
    """Choose what is compared; return it, and what stands against ratios, "" where nothing does."""
    if by is not None and by not in QUANTITIES:
        raise UsageError(f"--by {by}: expected one of {', '.join(QUANTITIES)}")
    obstacles = {
        "a run has no baseline": not all(run.baseline for run in runs),
        "the two runs have different baselines": any(run.baseline != runs[0].baseline for run in runs),
        "the baseline is the only case": any(
            not any(case != its for case, its in run.baseline_of.items() if its) for run in runs
        ),
    }
    obstacle = "" if by == TIME else next((why for why, is_so in obstacles.items() if is_so), "")
    if obstacle and by == RATIO:
        raise UsageError(f"--by ratio: {obstacle}; use --by time")
    return TIME if obstacle or by == TIME else RATIO, obstacle


def _differences(base: Measured, new: Measured, hosts: tuple[str, str]) -> list[Difference]:
    ours, theirs = base.environments.get(hosts[0], {}), new.environments.get(hosts[1], {})
    return [*environments.differences(ours, theirs), *environments.run_differences(base.meta, new.meta)]


def _pair(pairs: Pairs, hosts: tuple[str, str]) -> HostPair:
    """Say what differs between two sides, by the first run of each that measured the host."""
    base, new = (next(run for run in side if run.measured(host)) for side, host in zip(pairs.sides, hosts, strict=True))
    ordered = tuple(sorted(_differences(base, new, hosts), key=lambda each: not each.matters))
    noise = math.exp(math.hypot(base.noise(hosts[0]), new.noise(hosts[1])))
    return HostPair(*hosts, None if math.isnan(noise) else noise, ordered, environments.verdict(ordered))


def _gate(limit: float, cases: Sequence[Change], verdict: Verdict) -> Gate:
    """Decide whether any case is over the limit, where the comparison stands.

    One visit a side shows nothing of what differs between visits: what is over the limit then trips no gate, and lets
    none pass.
    """
    judged = [each for each in cases if each.change_ci]
    over = [each for each in judged if each.over_limit]
    is_visit = bool(over) and not any(each.may_trip for each in over)
    passed = None if verdict.word == DOES_NOT_STAND or not judged or is_visit else not over
    text = say("comparison", "gate", limit, len(judged), len(over), len(cases), verdict, is_visit)
    return Gate(limit, len(judged), len(over), passed, text)
