"""How each case's time changed from one side, a run or its host, to the other: figures, and the verdict they bear."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pageswap.agent.journal.job import OK
from pageswap.analysis.checks.noise_floor import case_floors
from pageswap.analysis.trials.matrix import Matrix
from pageswap.analysis.trials.run_data import levels_key
from pageswap.analysis.trials.table import frame
from pageswap.analysis.verdicts import NO_DIFFERENCE, NOT_COMPARED, TOO_FEW, judge
from pageswap.answers.words import say
from pageswap.statistics.intervals import Interval, known
from pageswap.statistics.medians import Floats, medians
from pageswap.statistics.rank_tests import shift
from pageswap.statistics.trimmed_means import holm, two_sample_p

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pageswap.analysis.trials.run_data import RunData

RATIO: Final = "ratio"
TIME: Final = "time"
QUANTITIES: Final = (RATIO, TIME)
# What stood against a change of the baseline's time, beside what `judge` says.
_MACHINE: Final = "machine"


@dataclasses.dataclass(frozen=True)
class Part:
    """One side of a comparison: a run, one of its hosts or all of them (None), and how a person named it."""

    run_data: RunData
    host: str | None
    name: str


@dataclasses.dataclass(frozen=True)
class Side:
    """What the reader of a comparison needs to know of one side."""

    name: str
    run_id: str
    experiment: str
    created_at: str
    commit: str | None
    dirty: bool | None
    hosts: tuple[str, ...]


class Measured:
    """One side's figures: the logarithms of ns per operation, by host, case and block."""

    def __init__(self, part: Part) -> None:
        """Read a run; warm-ups, the baseline's second measurements, and trials that did not end ok are left out."""
        self.part = part
        self.meta = part.run_data.meta()
        self._matrix = Matrix(part.run_data, frame(part.run_data))
        self.hosts, self.baseline = self._matrix.hosts, self._matrix.baseline
        workload = self.meta["experiment"].get("workload", "swap")
        self.levels = {case_id: {"workload": workload, **levels} for case_id, levels in self._matrix.cases.items()}
        self._floors = case_floors(self._matrix)
        with np.errstate(divide="ignore"):
            self._logs, self._fast = np.log(self._matrix.ns), np.log(self._matrix.fast_ns)
        trials = self._matrix.trials[(self._matrix.trials["status"] != OK).to_numpy()]
        ended = trials[["host", "case_id", "status", "reason"]].itertuples(index=False)
        self.endings = {(host, case_id): ": ".join(filter(None, ending)) for host, case_id, *ending in ended}
        names = list(self.levels)
        partners = self._matrix.partners[: len(names)].tolist()
        self.baseline_of = {name: names[row] if row >= 0 else None for name, row in zip(names, partners, strict=True)}

    def side(self, hosts: Iterable[str]) -> Side:
        """Describe this side, of which these hosts take part."""
        provenance = self.meta.get("provenance") or {}
        return Side(
            name=self.part.name,
            run_id=str(self.meta.get("run_id", "")),
            experiment=str(self.meta["experiment"].get("name", "")),
            created_at=str(self.meta.get("created_at") or ""),
            commit=provenance.get("commit"),
            dirty=provenance.get("dirty"),
            hosts=tuple(dict.fromkeys(hosts)),
        )

    def noise(self, host: str, case_id: str | None = None) -> float:
        """Return the noise floor of a case, or the largest of a host, as a logarithm; NaN without A/A pairs."""
        if case_id is not None:
            return float(self._floors[self._matrix.rows[host, case_id]])
        floors = self._floors[self._matrix.rows_of(host)]
        return float(np.nanmax(floors)) if not np.isnan(floors).all() else math.nan

    def time(self, host: str, case_id: str) -> Floats:
        """Return the logarithm of each block's ns per operation."""
        return _there(self._logs[self._matrix.rows[host, case_id]])

    def fast_time(self, host: str, case_id: str) -> Floats:
        """Return the same of the faster half of each trial's rounds."""
        return _there(self._fast[self._matrix.rows[host, case_id]])

    def ratio(self, host: str, case_id: str, yardsticks: Iterable[str]) -> Floats:
        """Return the fast time relative to that of others in the same block: to the middle of theirs, if several."""
        theirs = self._fast[[self._matrix.rows[host, other] for other in yardsticks]]
        return _there(self._fast[self._matrix.rows[host, case_id]] - medians(theirs.T))


Sides = tuple[Measured, Measured]
# The host of each side.
Hosts = tuple[str, str]


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
class _Shift:
    """How far the second of two samples of logarithms lies from the first, and the p of there being no difference."""

    point: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan

    @property
    def factor(self) -> float | None:
        return known(math.exp(self.point))

    @property
    def interval(self) -> Interval | None:
        return Interval.known(math.exp(self.low), math.exp(self.high))


@dataclasses.dataclass(frozen=True)
class _Draft:
    """A case of both sides before it is judged; ``evidence`` are the shifts that must agree, ``noise`` a logarithm."""

    hosts: tuple[str, str]
    cases: tuple[str, str]
    samples: tuple[Floats, Floats]
    time: _Shift
    evidence: tuple[_Shift, ...]
    noise: float


def changes(sides: Sides, hosts: Sequence[Hosts], quantity: str, limit: float | None) -> tuple[Change, ...]:
    """Return how each case that both sides have changed, on each pair of hosts; ``limit`` is the gate's."""
    theirs = {levels_key(levels): case_id for case_id, levels in sides[1].levels.items()}
    keys = {case_id: levels_key(levels) for case_id, levels in sides[0].levels.items()}
    partners = {case_id: theirs[key] for case_id, key in keys.items() if key in theirs}
    drafts = [_draft(sides, pair, partners, case_id, quantity) for pair in hosts for case_id in partners]
    return tuple(_change(sides, *each, limit) for each in zip(drafts, _words(drafts), strict=True))


def _draft(sides: Sides, hosts: Hosts, partners: Mapping[str, str], case_id: str, quantity: str) -> _Draft:
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
    # More time is slower, but judged is speed.
    point, low, high = -np.array([(each.point, each.high, each.low) for each in shifts]).reshape(-1, 3).T
    floors = np.array([draft.noise for draft in drafts for _ in draft.evidence])
    # A baseline has two pieces of evidence, both needed, and is one comparison.
    family = sum(not math.isnan(draft.evidence[0].p) for draft in drafts)
    p = holm(np.array([each.p for each in shifts]), family)
    found = iter(zip(*judge((point, low, high), floors, p), strict=True))
    return [[next(found) for _ in draft.evidence] for draft in drafts]


def _change(sides: Sides, draft: _Draft, words: list[tuple[str, str]], limit: float | None) -> Change:
    base = sides[0]
    factor, ci = draft.evidence[0].factor, draft.evidence[0].interval
    noise = math.exp(draft.noise) if draft.noise > 0 else 1.0
    verdict, obstacle = words[0]
    found = {word for word, _ in words}
    if factor is None or TOO_FEW in found:
        verdict = NOT_COMPARED if factor is None else TOO_FEW
    elif len(found) > 1 and verdict != NO_DIFFERENCE:
        verdict, obstacle = NO_DIFFERENCE, _MACHINE
    counts = tuple(map(len, draft.samples))
    base_ns, new_ns = (math.exp(float(np.median(logs))) if len(logs) else None for logs in draft.samples)
    places = zip(counts, sides, draft.hosts, draft.cases, strict=True)
    unmeasured = [(side.part.name, side.endings.get((host, case_id), "")) for n, side, host, case_id in places if not n]
    return Change(
        base_host=draft.hosts[0],
        new_host=draft.hosts[1],
        levels=dict(base.levels[draft.cases[0]]),
        is_baseline=base.baseline_of[draft.cases[0]] == draft.cases[0],
        verdict=verdict,
        note=say("comparison", "note", verdict, obstacle, counts, noise, unmeasured),
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
        and all(each.low > math.log1p(limit) for each in draft.evidence),
    )


def _ratio(sides: Sides, hosts: Hosts, partners: Mapping[str, str], case_id: str) -> _Shift:
    base, new = sides
    baseline = base.baseline_of[case_id]
    if baseline == case_id:
        wanted = [other for other, its in base.baseline_of.items() if its == case_id != other]
    else:
        wanted = [baseline] if baseline else []
    # A case that only one side measured would shift the middle of that side alone.
    both = [
        other
        for other in wanted
        if other in partners and len(base.time(hosts[0], other)) and len(new.time(hosts[1], partners[other]))
    ]
    if not both:
        return _Shift()
    return _shift(
        base.ratio(hosts[0], case_id, both),
        new.ratio(hosts[1], partners[case_id], [partners[other] for other in both]),
    )


def _shift(base: Floats, new: Floats) -> _Shift:
    if not len(base) or not len(new):
        return _Shift()
    point, interval = shift(base, new)
    low, high = (interval.low, interval.high) if interval else (math.nan, math.nan)
    p = float(two_sample_p(base[np.newaxis], new[np.newaxis])[0]) if interval else math.nan
    return _Shift(point, low, high, p)


def _there(values: Floats) -> Floats:
    return values[np.isfinite(values)]
