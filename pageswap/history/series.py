"""How each case of an experiment went over many runs: its figures in order, where its level changed, and with what.

Figures are put into one series where they are of the same host and machine, the same work and the same levels. What
else differed between two runs that follow each other is a mark between them.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import TYPE_CHECKING, Any

from pageswap.analysis.trials.run_data import grouped_by, levels_key
from pageswap.errors import UsageError
from pageswap.history.figures import ORDERS, QUANTITIES, RATIO, TIME, figures_of, in_order, usual_quantity
from pageswap.history.run_record import TOLD, label_of
from pageswap.statistics.change_points import ChangePoint, change_points, fewest, pending, smallest_shift
from pageswap.statistics.intervals import Interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pageswap.history.figures import Figure
    from pageswap.history.run_record import Record

FASTER, SLOWER = "faster", "slower"


@dataclasses.dataclass(frozen=True)
class Mark:
    """A condition that was another one than in the run before: its key and name, and both values as text."""

    key: str
    name: str
    before: str
    after: str


@dataclasses.dataclass(frozen=True)
class Point:
    """A case's figure in one run with its 95 % interval inside that run; ``group`` is what the runs are ordered by."""

    run_id: str
    started: str
    group: str
    value: float
    low: float | None
    high: float | None
    marks: tuple[Mark, ...] = ()


@dataclasses.dataclass(frozen=True)
class Change:
    """A change of level: the points from ``place`` on, counted from 0, are of another one than those before.

    ``factor`` is the new level by the one before, with its 95 % interval; ``verdict`` says which of them is faster.
    ``marks`` are what differed between the two runs around it. ``p`` is corrected for all places of all series.
    """

    place: int
    run_id: str
    after_run: str
    verdict: str
    factor: float
    low: float
    high: float
    p: float
    marks: tuple[Mark, ...]


@dataclasses.dataclass(frozen=True)
class NotYet:
    """What the last run alone shows, or the last two: too few to call it a change."""

    runs: int
    verdict: str
    factor: float


@dataclasses.dataclass(frozen=True)
class Series:
    """One case over the runs; ``machine`` and ``work`` are the conditions that all its points share.

    ``levels`` are the levels that tell it from the others, with the host where there are several; ``smallest`` is the
    change in the middle, as a factor above 1, that would be found in 9 of 10, None where there are too few runs.
    """

    host: str
    machine: tuple[str, ...]
    work: tuple[tuple[str, str], ...]
    levels: dict[str, Any]
    quantity: str
    points: tuple[Point, ...]
    changes: tuple[Change, ...]
    not_yet: NotYet | None
    smallest: float | None

    @property
    def parts(self) -> list[tuple[Point, ...]]:
        """Return the points of each level."""
        edges = [0, *(change.place for change in self.changes), len(self.points)]
        return [self.points[start:end] for start, end in itertools.pairwise(edges)]


@dataclasses.dataclass(frozen=True)
class History:
    """An experiment over its runs: ``left_out`` are run ids with the reason, ``needed`` the runs a change takes."""

    experiment: str
    question: str
    quantity: str
    by: str
    baseline: dict[str, Any]
    runs: int
    series: tuple[Series, ...]
    left_out: dict[str, str]
    needed: int

    @property
    def changed(self) -> list[Series]:
        """Return the series with a change."""
        return [each for each in self.series if each.changes]

    @property
    def has_several_machines(self) -> bool:
        """Say whether a host's name is not enough to tell where a case was measured."""
        alike = grouped_by(self.series, lambda each: (each.host, levels_key(each.levels)))
        return any(len(own) > 1 for own in alike.values())

    @property
    def has_several_hosts(self) -> bool:
        """Say whether more than one host was measured."""
        return len({each.host for each in self.series}) > 1


def history(  # noqa: PLR0913 - what, and how it is looked at
    experiment: str,
    records: Sequence[Record],
    *,
    by: str = "time",
    quantity: str = "",
    host: str = "",
    left_out: Mapping[str, str] | None = None,
) -> History:
    """Put the figures of runs into series, and find where their levels changed.

    ``by`` is the order of the runs: by time, or by kernel, commit or core and then by time, commits and cores in the
    order in which they were first measured. ``quantity`` is "ratio", the speed as a multiple of the baseline's in the
    same blocks, or "time", ns per operation; without it ratios where the runs have any. Raises UsageError for a
    word that is none of these, for a host that no run has, and where no run has a figure.
    """
    if by not in ORDERS:
        raise UsageError(f"--by: expected {', '.join(ORDERS[:-1])} or {ORDERS[-1]}, found {by!r}")
    if quantity and quantity not in QUANTITIES:
        raise UsageError(f"--quantity: expected {' or '.join(QUANTITIES)}, found {quantity!r}")
    known = sorted({each["host"] for record in records for each in record["hosts"]})
    if host and host not in known:
        raise UsageError(f"--host {host}: no run of {experiment} has it; there are {', '.join(known) or 'none'}")
    ordered = sorted(records, key=lambda each: (each["started"], each["run_id"]))
    chosen = quantity or usual_quantity(ordered)
    figures = [each for record in ordered for each in figures_of(record, chosen) if host in ("", each.host["host"])]
    if not figures:
        raise UsageError(
            f"{experiment}: no run has a {chosen} to follow; give --quantity {TIME}, or measure: `inv run {experiment}`"
        )
    found = grouped_by(in_order(figures, by), lambda figure: figure.identity)
    drawn = [_series(own, chosen, by, len(found)) for own in found.values()]
    names = _telling(drawn)
    newest = ordered[-1]
    return History(
        experiment=experiment,
        question=str(newest["question"]),
        quantity=chosen,
        by=by,
        baseline=newest["baseline"],
        runs=len({each.record["run_id"] for each in figures}),
        series=tuple(
            dataclasses.replace(each, levels={name: each.levels[name] for name in names if name in each.levels})
            for each in drawn
        ),
        left_out=dict(left_out or {}),
        needed=fewest(len(found)),
    )


def _series(figures: Sequence[Figure], quantity: str, by: str, family: int) -> Series:
    host, machine, work, _ = figures[0].identity
    points = tuple(
        _point(figure, by, _marks(before, figure) if before else ())
        for before, figure in zip([None, *figures[:-1]], figures, strict=True)
    )
    logs = [math.log(point.value) for point in points]
    found = change_points(logs, family)
    level = logs[found[-1].place :] if found else logs
    hint = pending(level, family)
    smallest = smallest_shift(level, family)
    return Series(
        host=host,
        machine=machine,
        work=work,
        levels=figures[0].levels,
        quantity=quantity,
        points=points,
        changes=tuple(_change(points, each, quantity) for each in found),
        not_yet=NotYet(hint.values, _verdict(hint.shift, quantity), math.exp(hint.shift)) if hint else None,
        smallest=None if math.isnan(smallest) else math.exp(smallest),
    )


def _point(figure: Figure, by: str, marks: tuple[Mark, ...]) -> Point:
    run_id, started = str(figure.record["run_id"]), str(figure.record["started"])
    return Point(run_id, started, figure.group(by), figure.value, figure.low, figure.high, marks)


def _marks(before: Figure, after: Figure) -> tuple[Mark, ...]:
    """Return what differs between the conditions of two runs; what only one of them tells is no difference."""
    pairs = ((each.key, before.host.get(each.key), after.host.get(each.key)) for each in TOLD)
    return tuple(
        Mark(key, label_of(key), old, new)
        for key, old, new in pairs
        if old is not None and new is not None and old != new
    )


def _change(points: Sequence[Point], found: ChangePoint, quantity: str) -> Change:
    ends = Interval(math.exp(found.interval.low), math.exp(found.interval.high))
    return Change(
        place=found.place,
        run_id=points[found.place].run_id,
        after_run=points[found.place - 1].run_id,
        verdict=_verdict(found.shift, quantity),
        factor=math.exp(found.shift),
        low=ends.low,
        high=ends.high,
        p=found.p,
        marks=points[found.place].marks,
    )


def _verdict(shift: float, quantity: str) -> str:
    """Return the word for a higher ratio, or for a longer time."""
    return FASTER if (shift > 0) == (quantity == RATIO) else SLOWER


def _telling(series: Sequence[Series]) -> list[str]:
    """Return the factors in which series differ, the method always."""
    names = dict.fromkeys(name for each in series for name in each.levels)
    differing = [name for name in names if len({str(each.levels.get(name)) for each in series}) > 1]
    return differing or [name for name in names if name == "method"]
