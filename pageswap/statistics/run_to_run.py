"""How far the runs of one side lie from those of another, by what varies from run to run."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

from pageswap.statistics.intervals import CONFIDENCE
from pageswap.statistics.trimmed_means import trimmed_means

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.statistics.medians import Floats

# How much of what two cases' spreads tell is the same: the square of the correlation of their deviations. Ratios to one
# baseline share that baseline's deviation, half of their own; plain times may share all, the machine's.
OF_RATIOS: Final = 0.25
OF_TIMES: Final = 1.0
_MOST_STEPS: Final = 50
_CLOSE: Final = 1e-8


@dataclasses.dataclass(frozen=True)
class RunEstimates:
    """What each run of a group found: the estimate of a case a row, of a run a column, and its standard error."""

    values: Floats
    errors: Floats


@dataclasses.dataclass(frozen=True)
class RunShifts:
    """How far one side lies from the other in each case, both ends of the 95 % interval, and p; NaN is not known."""

    point: Floats
    low: Floats
    high: Floats
    p: Floats


def estimates(samples: Sequence[Sequence[Floats]]) -> RunEstimates:
    """Return what each run found of each case: the trimmed mean over its blocks.

    ``samples`` has for each case a list of runs, each with its blocks' values.
    """
    runs = len(samples[0]) if samples else 0
    width = max((len(values) for case in samples for values in case), default=0)
    table = np.full((len(samples) * runs, width), math.nan)
    for row, values in enumerate(values for case in samples for values in case):
        table[row, : len(values)] = values
    mean, error, _ = trimmed_means(table)
    return RunEstimates(mean.reshape(-1, runs), error.reshape(-1, runs))


def run_shifts(
    base: RunEstimates, new: RunEstimates, earlier: Sequence[RunEstimates] = (), *, shared: float = OF_RATIOS
) -> RunShifts:
    """Compare two sides by the means of their runs, with what varies from run to run in the interval.

    Runs are the highest level that varies, so their means are what the interval is made of (Kalibera and Jones 2013,
    Rigorous Benchmarking in Reasonable Time, ISMM, 63): Student's, of the spread of runs within each side and within
    each group of ``earlier`` ones. Two runs a side give two degrees of freedom, which find nothing among many cases. So
    all cases of a comparison lend each other theirs, as genes of a microarray do (Smyth 2004, Stat. Appl. Genet. Mol.
    Biol. 3, 3): the more, the more alike the cases' spreads are (`_alike`), as on a busy machine one case may vary by
    ten times what its neighbour does. But a case's spread is never taken to be below its own, nor below that of the two
    sides, nor below that of all, nor below what blocks within its runs vary by. The first two keep one stray run from
    showing a change: its own side's spread is then as large as the shift, however many earlier runs there are. As cases
    are not independent their degrees count for less, by ``shared``. All is NaN
    where no side has a second run.
    """
    squares, degrees = _within([base, new, *earlier])
    own = _variance(squares, degrees)
    counted = degrees > 0
    if not counted.any():
        unknown = np.full(len(squares), math.nan)
        return RunShifts(unknown, unknown, unknown, unknown)
    pooled = squares[counted].sum() / degrees[counted].sum()
    cases = int(counted.sum())
    most = degrees[counted].mean() * cases / (1 + (cases - 1) * shared)
    known = np.minimum(degrees + _alike(own[counted], degrees[counted]), np.maximum(degrees, most))
    counts = [(~np.isnan(side.values)).sum(axis=1) for side in (base, new)]
    blocks = _mean(np.hstack([base.errors, new.errors]) ** 2)
    # Among many earlier runs that of one stray run would count for little.
    between = _variance(*_within([base, new]))
    variance = np.fmax(np.fmax(np.fmax(own, between), blocks), pooled)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(variance * (1 / counts[0] + 1 / counts[1]))
        point = np.where(counts[0] * counts[1] > 0, _mean(new.values) - _mean(base.values), math.nan)
        p = np.where(error > 0, 2 * special.stdtr(known, -np.abs(point) / error), np.where(point == 0, 1.0, 0.0))
    half = -special.stdtrit(known, (1 - CONFIDENCE) / 2) * error
    return RunShifts(point, point - half, point + half, np.where(np.isnan(point), math.nan, p))


def _alike(squares: Floats, degrees: Floats) -> float:
    """Return how many degrees of freedom a case may borrow, by how alike all variances are; infinite: no two differ.

    Variances of normal values scatter by their degrees alone; of what they scatter beyond it these are the ones of the
    scaled inverse chi-square that the cases' own variances come from (Smyth 2004, 6.2). Of one case it is none.
    """
    is_usable = squares > 0
    if is_usable.sum() < 2:  # noqa: PLR2004 - as a variance takes
        return 0.0
    halves = degrees[is_usable] / 2
    logs = np.log(squares[is_usable]) - special.digamma(halves) + np.log(halves)
    beyond = float(logs.var(ddof=1) - special.polygamma(1, halves).mean())
    return 2 * _inverse_trigamma(beyond) if beyond > 0 else math.inf


def _inverse_trigamma(value: float) -> float:
    """Return what trigamma has this positive value of; Newton's method from below, which cannot pass it by."""
    found = 0.5 + 1 / value
    for _ in range(_MOST_STEPS):
        there = special.polygamma(1, found)
        step = there * (1 - there / value) / special.polygamma(2, found)
        found += step
        if abs(step) < _CLOSE * found:
            break
    return float(found)


def _within(groups: Sequence[RunEstimates]) -> tuple[Floats, Floats]:
    """Return for each case the sum of squares around the means of its groups, and their degrees of freedom."""
    squares = np.zeros(len(groups[0].values))
    degrees = np.zeros(len(groups[0].values))
    for group in groups:
        around = group.values - _mean(group.values)[:, np.newaxis]
        squares += np.nansum(around**2, axis=1)
        degrees += np.maximum((~np.isnan(group.values)).sum(axis=1) - 1, 0)
    return squares, degrees


def _variance(squares: Floats, degrees: Floats) -> Floats:
    found: Floats = np.divide(squares, degrees, out=np.full(len(squares), math.nan), where=degrees > 0)
    return found


def _mean(values: Floats) -> Floats:
    """Return the mean of each row, NaN being no value; NaN where a row has none."""
    counts = (~np.isnan(values)).sum(axis=1)
    means: Floats = np.divide(np.nansum(values, axis=1), counts, out=np.full(len(values), math.nan), where=counts > 0)
    return means
