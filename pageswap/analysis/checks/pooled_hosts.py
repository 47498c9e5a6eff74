"""One ratio over all hosts of a run, and how far other hosts like them may be from it."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import special

from pageswap.analysis.checks.noise_floor import control_medians
from pageswap.analysis.verdicts import TOO_FEW, judge
from pageswap.statistics.intervals import CONFIDENCE, MINIMUM_N, Interval, noise_floors
from pageswap.statistics.medians import draw_medians, medians
from pageswap.statistics.trimmed_means import holm, paired_p

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from pageswap.analysis.trials.matrix import Matrix

    Floats = npt.NDArray[np.float64]

# Few hosts need ends far out in the distribution, and so more draws; of many each draw takes longer.
RESAMPLES: Final = 4_000
_FEWEST_RESAMPLES: Final = 1_000
_DRAWS: Final = 400_000
SEED: Final = 20_100
# Draws held at once; more hosts get fewer resamples a step, not more memory.
_BATCH_VALUES: Final = 1 << 22


@dataclasses.dataclass(frozen=True)
class Pooled:
    """A comparison over all hosts: the geometric mean of their ratios, with what hosts like these would show.

    ``interval`` is from the hierarchical bootstrap (hosts, then trials), None with the reason in ``note`` when the
    hosts are too few. ``lowest`` and ``highest`` are the (host, ratio) at the ends.
    """

    case_id: str
    levels: dict[str, Any]
    hosts: int
    ratio: float
    interval: Interval | None
    lowest: tuple[str, float]
    highest: tuple[str, float]
    verdict: str
    note: str = ""


def pooled(matrix: Matrix, cases: Mapping[str, Mapping[str, Any]]) -> tuple[Pooled, ...]:
    """Pool each comparison that at least two hosts have; a host counts with six blocks or more.

    The estimate is the mean over hosts of their medians of log ratios. Its interval is a hierarchical bootstrap: hosts
    are drawn with replacement, and of each host drawn its blocks (Davison and Hinkley 1997, Bootstrap Methods and their
    Application, section 3.8). Percentiles are widened for few hosts as Hesterberg (2015, The American Statistician 69,
    371, section 3.3) has it. Of less than six hosts there is none: they may all be of one kind.
    """
    if len(matrix.hosts) < 2:  # noqa: PLR2004 - one host is no pool
        return ()
    rng = np.random.default_rng(SEED)
    width = len(cases)
    found = []
    for place, (case_id, levels) in enumerate(cases.items()):
        rows = np.arange(len(matrix.hosts)) * width + place
        rows = rows[matrix.pairs[rows] >= MINIMUM_N]
        if len(rows) >= 2:  # noqa: PLR2004 - likewise
            found.append(_pool(matrix, rows, dict(levels), case_id, rng))
    return _judged(matrix, found)


def _judged(matrix: Matrix, found: Sequence[Pooled]) -> tuple[Pooled, ...]:
    """Give each its verdict by the rules of all comparisons, a host being what a block is on one."""
    places = {case_id: place for place, (_, case_id) in enumerate(matrix.keys[: len(matrix.keys) // len(matrix.hosts)])}
    shape = len(matrix.hosts), len(places)
    is_enough = (matrix.pairs >= MINIMUM_N).reshape(shape)
    chosen = [places[each.case_id] for each in found]
    logs = np.where(is_enough, medians(matrix.log_ratios).reshape(shape), math.nan).T[chosen]
    floors = noise_floors(np.where(is_enough, control_medians(matrix).reshape(shape), math.nan).T[chosen])
    points = np.array([math.log(each.ratio) for each in found])
    lows, highs = (
        np.array([math.log(getattr(each.interval, end)) if each.interval else math.nan for each in found])
        for end in ("low", "high")
    )
    p = np.where(np.isnan(lows), math.nan, paired_p(logs))
    verdicts, _ = judge((points, lows, highs), floors, holm(p))
    return tuple(dataclasses.replace(each, verdict=verdict) for each, verdict in zip(found, verdicts, strict=True))


def _pool(
    matrix: Matrix, rows: npt.NDArray[np.int64], levels: dict[str, Any], case_id: str, rng: np.random.Generator
) -> Pooled:
    logs = matrix.log_ratios[rows]
    middles = medians(logs)
    ends = [int(np.argmin(middles)), int(np.argmax(middles))]
    point = float(middles.mean())
    interval, note = None, f"{len(rows)} of at least {MINIMUM_N} hosts"
    if len(rows) >= MINIMUM_N:
        low, high = hierarchical_interval(logs, rng)
        interval, note = Interval(math.exp(low), math.exp(high)), ""
    lowest, highest = ((matrix.keys[rows[end]][0], math.exp(middles[end])) for end in ends)
    return Pooled(
        case_id=case_id,
        levels=levels,
        hosts=len(rows),
        ratio=math.exp(point),
        interval=interval,
        lowest=lowest,
        highest=highest,
        verdict=TOO_FEW,
        note=note,
    )


def hierarchical_interval(logs: Floats, rng: np.random.Generator) -> tuple[float, float]:
    """Give the 95 % interval of the mean over rows (hosts) of their medians, NaN being no value."""
    hosts = len(logs)
    counts = (~np.isnan(logs)).sum(axis=1)
    groups = {int(count): np.flatnonzero(counts == count) for count in np.unique(counts)}
    ordered = {count: np.sort(logs[rows], axis=1)[:, :count] for count, rows in groups.items()}
    resamples = min(RESAMPLES, max(_FEWEST_RESAMPLES, _DRAWS // hosts))
    means = np.empty(resamples)
    step = max(1, _BATCH_VALUES // hosts)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        # A host drawn twice is resampled twice.
        drawn = rng.integers(0, hosts, (size, hosts))
        values = np.empty((size, hosts))
        for count, rows in groups.items():
            place = np.full(hosts, -1)
            place[rows] = np.arange(len(rows))
            wanted = place[drawn]
            here = wanted >= 0
            values[here] = draw_medians(ordered[count], wanted[here], rng)
        means[start : start + size] = values.mean(axis=1)
    tail = -special.stdtrit(hosts - 1, (1 - CONFIDENCE) / 2) * math.sqrt(hosts / (hosts - 1))
    low, high = np.quantile(means, [special.ndtr(-tail), special.ndtr(tail)])
    return float(low), float(high)
