"""Which of the cases that compete under the same conditions are the fastest, as far as the run can tell them apart."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pageswap.analysis.trials.run_data import grouped_by
from pageswap.analysis.verdicts import FASTER, SLOWER, held_by, paired
from pageswap.statistics.intervals import MINIMUM_N, Interval, known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.analysis.summary import CaseSummary, HostsSummary, Summary


# The first has the better median, and yet the pairs of blocks call it the slower one.
_REVERSED: Final = "as their order is the reverse block by block"


@dataclasses.dataclass(frozen=True)
class Rival:
    """What competes with the first of a contest, and how it was judged.

    ``ratio`` is its speed as a multiple of the first's or, where ``is_by_baseline``, of the baseline's, with its
    interval; ``n`` blocks. ``is_beaten``: it was told to be slower; ``held`` says in short what kept it from that where
    the interval excludes 1.
    """

    case: CaseSummary
    ratio: float | None
    interval: Interval | None
    n: int
    is_beaten: bool
    is_by_baseline: bool = False
    held: str = ""


@dataclasses.dataclass(frozen=True)
class Contest:
    """What competes on one host with the same other ``levels``: the one with the best figure, and its rivals.

    ``is_known``: the blocks suffice for telling the first from any of them.
    """

    host: str
    levels: dict[str, Any]
    first: CaseSummary
    rivals: tuple[Rival, ...]
    is_known: bool


def compared_factors(summary: Summary) -> tuple[str, ...]:
    """Return the factors that tell competitors apart: the baseline's where it names a method, else the method alone."""
    return tuple(summary.baseline) if "method" in summary.baseline else ("method",)


def contests(summary: HostsSummary, competitors: Sequence[CaseSummary]) -> list[Contest]:
    """Hold a contest on each host for each set of other levels; a case without a time takes no part.

    The one with the best median over blocks, relative to the baseline where there is one, is compared with each other,
    block by block (`pageswap.analysis.verdicts`). Corrected for all pairs of all contests: the first was chosen
    by looking, so that any two might have been the ones compared. What the run calls slower than its baseline is
    beaten, and so is a baseline that the first is called faster than.
    """
    factors = compared_factors(summary)
    others = [name for name in summary.varying if name not in factors]
    timed = (case for case in competitors if case.n and case.median_ns)
    fields = grouped_by(timed, lambda case: (case.host, *(case.levels.get(name) for name in others)))
    held = [(field, _first(summary, field)) for field in fields.values() if len(field) > 1]
    family = sum(math.comb(len(field), 2) for field, _ in held)
    pairs = [(first, case) for field, first in held for case in field if case is not first]
    if not pairs:
        return []
    places = np.array([[summary.matrix.rows[case.host, case.case_id] for case in pair] for pair in pairs])
    logs = np.log(summary.matrix.fast_ns)[places]
    ahead = logs[:, 1] - logs[:, 0]
    floors = np.fmax.reduce(summary.floors[places], axis=1)
    verdicts, obstacles, ratios = paired(ahead, floors, family)
    helds = [
        _REVERSED if verdict == SLOWER else held_by(obstacle, math.exp(floor), family)
        for verdict, obstacle, floor in zip(verdicts, obstacles, floors, strict=True)
    ]
    counts = (~np.isnan(ahead)).sum(axis=1).tolist()
    judged = zip(verdicts, helds, counts, np.stack(ratios, axis=1).tolist(), strict=True)
    found = []
    for field, first in held:
        levels = {name: first.levels[name] for name in others if name in first.levels}
        rivals = tuple(_rival(summary, first, case, next(judged)) for case in field if case is not first)
        found.append(Contest(first.host, levels, first, rivals, any(rival.n >= MINIMUM_N for rival in rivals)))
    return found


def _is_reference(summary: Summary, case: CaseSummary) -> bool:
    """Return whether a case is one that its rivals were compared with by the run."""
    return "method" in summary.baseline and summary.is_baseline(case)


def _first(summary: Summary, field: Sequence[CaseSummary]) -> CaseSummary:
    """Choose the best figure, of those with enough blocks if there are any."""
    sure = [case for case in field if case.n >= MINIMUM_N] or list(field)
    baselines = [case for case in sure if _is_reference(summary, case)]
    if len(baselines) == 1 and all(case.ratio is not None or case in baselines for case in sure):
        return max(sure, key=lambda case: 1.0 if case in baselines else case.ratio or 0.0)
    return min(sure, key=lambda case: case.median_ns or 0.0)


def _rival(
    summary: Summary, first: CaseSummary, case: CaseSummary, found: tuple[str, str, int, Sequence[float]]
) -> Rival:
    """Judge by the run's own comparison where one of the two is the other's baseline, else by the pair's.

    ``found`` is the pair's verdict, what kept it from another one, its blocks, and the lead with its interval as logs.
    """
    if _is_reference(summary, case) and first.ratio:
        ci = first.ratio_ci and first.ratio_ci.inverse()
        return Rival(case, 1 / first.ratio, ci, first.ratio_n, first.verdict == FASTER, held=first.held)
    is_slow = case.verdict == SLOWER and "method" in summary.baseline
    verdict, held, n, ahead = found
    told = verdict == FASTER
    if (_is_reference(summary, first) and case.ratio) or (is_slow and not told):
        by_baseline = not _is_reference(summary, first)
        return Rival(case, case.ratio, case.ratio_ci, case.ratio_n, is_slow, by_baseline, case.held)
    point, low, high = (math.exp(-part) for part in ahead)
    return Rival(case, known(point), Interval.known(high, low), n, told, held=held)
