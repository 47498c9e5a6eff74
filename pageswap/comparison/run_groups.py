"""Runs that are taken together on a host, and how far two such groups lie apart in each case."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from pageswap.statistics.intervals import Interval, known
from pageswap.statistics.rank_tests import shift
from pageswap.statistics.run_to_run import estimates, run_shifts
from pageswap.statistics.trimmed_means import two_sample_p

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from pageswap.comparison.measured_run import Measured
    from pageswap.statistics.medians import Floats

_NONE: Final = np.empty(0)


class Place(NamedTuple):
    """A case in a run, on a host."""

    run: Measured
    host: str
    case_id: str


@dataclasses.dataclass(frozen=True)
class Shift:
    """How far the second of two samples of logarithms lies from the first, and the p of there being no difference."""

    point: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan

    @property
    def factor(self) -> float | None:
        """Return it as a factor, None where it is not known."""
        return known(math.exp(self.point))

    @property
    def interval(self) -> Interval | None:
        """Return its interval as factors, None where there is none."""
        return Interval.known(math.exp(self.low), math.exp(self.high))


class Group:
    """Runs on one host that are taken together."""

    def __init__(self, runs: Sequence[Measured], host: str) -> None:
        """Take runs that measured this host."""
        self.runs, self.host = runs, host

    def places(self, key: Hashable) -> list[Place]:
        """Find a case in each run that has it."""
        return [Place(run, self.host, run.case_of[key]) for run in self.runs if key in run.case_of]

    def samples(self, keys: Sequence[Hashable], name: str) -> list[list[Floats]]:
        """Return for each case the logarithms of each run, none where a run has not measured it."""
        return [
            [getattr(run, name)(self.host, run.case_of[key]) if key in run.case_of else _NONE for run in self.runs]
            for key in keys
        ]

    def ratios(self, keys: Sequence[Hashable], yardsticks: Mapping[Hashable, Sequence[Hashable]]) -> list[list[Floats]]:
        """Return the same of the fast time relative to that of others in the same block."""
        return [[self._ratio(run, key, yardsticks[key]) for run in self.runs] for key in keys]

    def _ratio(self, run: Measured, key: Hashable, others: Sequence[Hashable]) -> Floats:
        if not others or any(each not in run.case_of for each in (key, *others)):
            return _NONE
        return run.ratio(self.host, run.case_of[key], [run.case_of[other] for other in others])


def shifts(groups: Sequence[list[list[Floats]]], shared: float) -> list[Shift]:
    """Compare the first two groups in each case: by their blocks where each is one run, and nothing else is known."""
    base, new, *earlier = groups
    if all(len(runs) < 2 for group in groups for runs in group[:1]):  # noqa: PLR2004 - one has no spread
        return [_shift(ours[0], theirs[0]) for ours, theirs in zip(base, new, strict=True)]
    found = run_shifts(estimates(base), estimates(new), [estimates(group) for group in earlier], shared=shared)
    rows = zip(found.point.tolist(), found.low.tolist(), found.high.tolist(), found.p.tolist(), strict=True)
    return [Shift(*row) for row in rows]


def _shift(base: Floats, new: Floats) -> Shift:
    if not len(base) or not len(new):
        return Shift()
    point, interval = shift(base, new)
    low, high = (interval.low, interval.high) if interval else (math.nan, math.nan)
    p = float(two_sample_p(base[np.newaxis], new[np.newaxis])[0]) if interval else math.nan
    return Shift(point, low, high, p)
