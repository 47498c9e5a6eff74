"""The size, of a page or of a region, from which one method is faster than another."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pageswap.analysis.trials.run_data import levels_key
from pageswap.analysis.verdicts import FASTER, SLOWER, Comparisons, paired
from pageswap.native import is_control
from pageswap.statistics.intervals import CONFIDENCE, MINIMUM_N
from pageswap.statistics.medians import Floats, Integers, median, medians

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from pageswap.analysis.trials.matrix import Matrix


RESAMPLES: Final = 1_000
# In a run of many hosts nobody reads each of thousands of intervals to two digits.
_RESAMPLES_OF_MANY: Final = 200
_MANY: Final = 1_000
SEED: Final = 20_100
# Two sizes of a region are two conditions; from three on they are an axis.
_FEWEST_REGIONS: Final = 3


@dataclasses.dataclass(frozen=True)
class Crossover:
    """How methods ``a`` and ``b`` stand to each other as a size grows, on one host with the other ``levels``.

    ``factor`` is the size, page_size or region_size, ``sizes`` its values in bytes. ``found`` has the method that was
    found to be faster at each, "" where no difference was found, and is empty where there were too few blocks.

    They change places between ``from_bytes``, the last size decided one way, and ``to_bytes``, the first decided the
    other way; ``faster`` is then the one that is faster above. Both are None where the decided sizes do not turn, or
    turn ``turns`` times: no single size divides them then, and ``faster`` is the only one that was found faster
    anywhere, or "". ``at_bytes`` is where both take equally long, interpolated on logarithmic axes between these two,
    ``low`` and ``high`` are the ends of its 95 % interval.
    """

    host: str
    a: str
    b: str
    levels: dict[str, Any]
    factor: str
    sizes: tuple[int, ...]
    found: tuple[str, ...]
    faster: str
    turns: int
    from_bytes: int | None = None
    to_bytes: int | None = None
    at_bytes: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def is_shown(self) -> bool:
        """Return whether the two change places, once, as decided on both sides."""
        return self.from_bytes is not None

    @property
    def slower(self) -> str:
        """Return the other of the two."""
        return self.a if self.faster == self.b else self.b


def size_axis(cases: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the size that a run of these cases' levels varies: page_size, or region_size where pages are all alike."""
    sizes = {name: {levels.get(name) for levels in cases.values()} - {None} for name in ("page_size", "region_size")}
    is_of_regions = len(sizes["page_size"]) <= 1 and len(sizes["region_size"]) >= _FEWEST_REGIONS
    return "region_size" if is_of_regions else "page_size"


@dataclasses.dataclass(frozen=True)
class _Pair:
    """Two methods on one host with the same other levels: their rows at each size, log(ns of a / ns of b) by block."""

    a: str
    b: str
    sizes: list[int]
    rows: Integers
    ahead: Floats


def crossovers(
    matrix: Matrix, families: Mapping[str, str], comparisons: Comparisons, floors: Floats
) -> tuple[Crossover, ...]:
    """Find the crossovers of each pair of methods over a size, on each host and with each set of other levels.

    The size is the one that the run varies (`size_axis`): page_size, or region_size with at least three levels.

    Who is faster at a size is what ``comparisons`` say where one of the two is the other's baseline; any other two are
    judged by the same rules (`pageswap.analysis.verdicts`), corrected for all of these. What was decided on both
    sides is all that a crossover goes by: medians cross whether or not there is a difference. Methods that move nothing
    take no part.

    Between the two sizes the logarithm of both times is taken for a straight line over that of the size. The interval
    of the point comes from 1,000 resamples of the blocks (200 where there are more than 1,000 pairs), drawn for all
    sizes together as a block shares its conditions; a resample that does not cross between them counts at the nearer
    end.
    """
    axis = size_axis(matrix.cases)
    series: dict[Hashable, dict[str, dict[int, int]]] = {}
    for row, (host, case_id) in enumerate(matrix.keys):
        levels = matrix.cases[case_id]
        method, size = levels.get("method"), levels.get(axis)
        if method is not None and size is not None and not is_control(families.get(str(method))):
            key = host, levels_key(levels, without=("method", axis))
            series.setdefault(key, {}).setdefault(str(method), {})[int(size)] = row
    logs = np.log(matrix.fast_ns)
    pairs = []
    for methods in series.values():
        for a, b in itertools.combinations(methods, 2):
            sizes = sorted(set(methods[a]) & set(methods[b]))
            rows = np.array([(methods[a][size], methods[b][size]) for size in sizes], dtype=np.int64).reshape(-1, 2)
            ahead = logs[rows[:, 0]] - logs[rows[:, 1]]
            there = (~np.isnan(ahead)).any(axis=1)
            if there.sum() > 1:
                pairs.append(_Pair(a, b, list(itertools.compress(sizes, there)), rows[there], ahead[there]))
    resamples = RESAMPLES if len(pairs) <= _MANY else _RESAMPLES_OF_MANY
    found = _faster(matrix, pairs, comparisons, floors)
    return tuple(_crossover(matrix, *each, axis, resamples) for each in zip(pairs, found, strict=True))


def _faster(matrix: Matrix, pairs: Sequence[_Pair], comparisons: Comparisons, floors: Floats) -> list[tuple[str, ...]]:
    """Return for each pair the method found to be faster at each size, "" for none; empty without enough blocks."""
    names = [[""] * len(pair.sizes) for pair in pairs]
    rest: list[tuple[_Pair, list[str], int]] = []
    for pair, own in zip(pairs, names, strict=True):
        for place, (row_a, row_b) in enumerate(pair.rows.tolist()):
            if matrix.partners[row_b] == row_a:
                row, words = row_b, {FASTER: pair.b, SLOWER: pair.a}
            elif matrix.partners[row_a] == row_b:
                row, words = row_a, {FASTER: pair.a, SLOWER: pair.b}
            else:
                rest.append((pair, own, place))
                continue
            comparison = comparisons.get(matrix.keys[row])
            own[place] = words.get(comparison.verdict, "") if comparison else ""
    if rest:
        ahead, rows = (np.stack(part) for part in zip(*((p.ahead[at], p.rows[at]) for p, _, at in rest), strict=True))
        verdicts, _, _ = paired(ahead, np.fmax.reduce(floors[rows], axis=1), len(rest))
        for (pair, own, place), verdict in zip(rest, verdicts, strict=True):
            own[place] = {FASTER: pair.b, SLOWER: pair.a}.get(verdict, "")
    has_enough = [(~np.isnan(pair.ahead)).sum(axis=1).max() >= MINIMUM_N for pair in pairs]
    return [tuple(own) if is_enough else () for own, is_enough in zip(names, has_enough, strict=True)]


def _crossover(matrix: Matrix, pair: _Pair, found: tuple[str, ...], axis: str, resamples: int) -> Crossover:
    """Find where the decided sizes turn, and within these two sizes where the medians cross."""
    decided = [place for place, name in enumerate(found) if name]
    turns = [(one, other) for one, other in itertools.pairwise(decided) if found[one] != found[other]]
    names = {found[place] for place in decided}
    host, case_id = matrix.keys[pair.rows[0, 0]]
    cross = Crossover(
        host=host,
        a=pair.a,
        b=pair.b,
        levels={name: level for name, level in matrix.cases[case_id].items() if name not in ("method", axis)},
        factor=axis,
        sizes=tuple(pair.sizes),
        found=found,
        faster=names.pop() if len(names) == 1 else "",
        turns=len(turns),
    )
    if len(turns) != 1:
        return cross
    ((first, last),) = turns
    part = slice(first, last + 1)
    logs = np.log(np.array(pair.sizes[part], dtype=np.float64))
    ahead = pair.ahead[part]
    at = float(_crossings(medians(ahead)[np.newaxis], logs)[0])
    low, high = _interval(ahead, logs, resamples)
    return dataclasses.replace(
        cross,
        faster=found[last],
        from_bytes=pair.sizes[first],
        to_bytes=pair.sizes[last],
        at_bytes=math.exp(at) if math.isfinite(at) else None,
        low=low,
        high=high,
    )


def _crossings(leads: Floats, logs: Floats) -> Floats:
    """Return for each row of leads the first place where its sign changes; +inf where it never does."""
    is_ahead = leads > 0
    changes = is_ahead[:, :-1] != is_ahead[:, 1:]
    left = changes.argmax(axis=1)
    rows = np.arange(len(leads))
    before, after = leads[rows, left], leads[rows, left + 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        places = logs[left] + before / (before - after) * (logs[left + 1] - logs[left])
    return np.where(changes.any(axis=1), places, math.inf)


@functools.lru_cache(maxsize=64)
def _resampled(blocks: int, resamples: int) -> Integers:
    """Draw which blocks each resample has: the same for all pairs, as they share their blocks."""
    return np.random.default_rng(SEED).integers(0, blocks, (resamples, blocks))


def _interval(ahead: Floats, logs: Floats, resamples: int) -> tuple[float | None, float | None]:
    whole = ahead[:, ~np.isnan(ahead).any(axis=0)]
    if whole.shape[1] < MINIMUM_N:
        return None, None
    drawn = _resampled(whole.shape[1], resamples)
    # Size by size: the resamples of a run of thousands of blocks take a hundred megabytes each.
    leads = np.stack([median(own[drawn]) for own in whole], axis=1)
    places = _crossings(leads, logs)
    never = ~np.isfinite(places)
    # One that is ahead at both sizes as it should be above them has crossed below the first, else beyond the last.
    rises = medians(ahead)[-1] > 0
    places[never] = np.where((leads[never, -1] > 0) == rises, logs[0], logs[-1])
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(places, [tail, 1 - tail], method="nearest")
    return math.exp(float(low)), math.exp(float(high))
