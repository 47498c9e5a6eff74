"""The size, of a page or of a region, from which one method is faster than another."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pageswap.analysis.checks.pairwise import paired
from pageswap.analysis.verdicts import FASTER, SLOWER
from pageswap.native import is_control
from pageswap.statistics.intervals import CONFIDENCE, MINIMUM_N, median, medians
from pageswap.units import format_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from pageswap.analysis.checks.comparisons import Comparison
    from pageswap.analysis.trials.matrix import Matrix

    Floats = npt.NDArray[np.float64]

RESAMPLES: Final = 1_000
# In a run of many hosts nobody reads each of thousands of intervals to two digits.
_RESAMPLES_OF_MANY: Final = 200
_MANY: Final = 1_000
SEED: Final = 20_100
# Two sizes of a region are two conditions; from three on they are an axis.
_FEWEST_REGIONS: Final = 3
# Bytes, printed to three digits: an interpolated size is never known to more.
_UNITS: Final = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


@dataclasses.dataclass(frozen=True)
class Crossover:
    """Where method ``b`` becomes faster than method ``a`` as a size grows, on one host with the other ``levels``.

    ``factor`` is the size: page_size or region_size. ``at_bytes`` is the one where both take equally long, interpolated
    on logarithmic axes, or None when neither overtakes the other between ``smallest`` and ``largest`` (bytes);
    ``faster`` is then the method that was ahead throughout, "" when none was. With a crossover ``faster`` is the one
    that is faster above it. ``low`` and ``high`` are the ends of its 95 % interval in bytes; None where an end lies
    outside the sizes measured. All of these go by medians; ``found`` has the method that was found to be faster at each
    size, "" where no difference was found, and is empty where there were too few blocks. ``text`` says it in words.
    """

    host: str
    a: str
    b: str
    levels: dict[str, Any]
    smallest: int
    largest: int
    at_bytes: float | None
    low: float | None
    high: float | None
    faster: str
    text: str
    factor: str = "page_size"
    found: tuple[str, ...] = ()

    @property
    def is_shown(self) -> bool:
        """Say whether the two change places and each was found to be the faster somewhere, if blocks suffice."""
        return self.at_bytes is not None and (not self.found or {self.a, self.b} <= set(self.found))


def size_axis(cases: Mapping[str, Mapping[str, Any]]) -> str:
    """Name the size that a run of these cases' levels varies: page_size, or region_size where pages are all alike."""
    sizes = {name: {levels.get(name) for levels in cases.values()} - {None} for name in ("page_size", "region_size")}
    is_of_regions = len(sizes["page_size"]) <= 1 and len(sizes["region_size"]) >= _FEWEST_REGIONS
    return "region_size" if is_of_regions else "page_size"


@dataclasses.dataclass(frozen=True)
class _Pair:
    """Two methods on one host with the same other levels: their rows at each size, log(ns of a / ns of b) by block."""

    host: str
    a: str
    b: str
    levels: dict[str, Any]
    sizes: list[int]
    rows: list[tuple[int, int]]
    ahead: Floats


def crossovers(
    matrix: Matrix,
    cases: Mapping[str, Mapping[str, Any]],
    families: Mapping[str, str],
    comparisons: Mapping[tuple[str, str], Comparison],
    floors: Floats,
) -> tuple[Crossover, ...]:
    """Find the crossovers of each pair of methods over a size, on each host and with each set of other levels.

    The size is the one that the run varies (`size_axis`): page_size, or region_size with at least three levels.

    Between two neighbouring sizes the logarithm of both times is taken for a straight line over that of the size. The
    interval comes from 1,000 resamples of the blocks (200 where there are more than 1,000 pairs), drawn for all sizes
    together as a block shares its conditions; a resample that does not cross lies beyond the end where its faster
    method would. Methods that move nothing take no part. With less than six common blocks there is a crossover and no
    interval.

    Who is faster at a size is what ``comparisons`` say where one of the two is the other's baseline; any other two are
    judged by the same rules (`pageswap.analysis.checks.pairwise`), corrected for all of these. That two change places
    is said where each is found to be faster at some size.
    """
    axis = size_axis(cases)
    series: dict[tuple[tuple[str, str], ...], dict[str, dict[int, int]]] = {}
    levels_of: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    for place, levels in enumerate(cases.values()):
        method, size = levels.get("method"), levels.get(axis)
        if method is None or size is None or is_control(families.get(str(method))):
            continue
        others = {name: value for name, value in levels.items() if name not in ("method", axis)}
        key = tuple((name, str(value)) for name, value in sorted(others.items()))
        levels_of[key] = others
        series.setdefault(key, {}).setdefault(str(method), {})[int(size)] = place
    width, logs = len(cases), np.log(matrix.fast_ns)
    pairs = len(matrix.hosts) * sum(math.comb(len(methods), 2) for methods in series.values())
    resamples = RESAMPLES if pairs <= _MANY else _RESAMPLES_OF_MANY
    compared = []
    for position, host in enumerate(matrix.hosts):
        for key, methods in series.items():
            for a, b in itertools.combinations(methods, 2):
                sizes = sorted(set(methods[a]) & set(methods[b]))
                rows = [(position * width + methods[a][size], position * width + methods[b][size]) for size in sizes]
                ahead = logs[[row for row, _ in rows]] - logs[[row for _, row in rows]]
                there = np.flatnonzero((~np.isnan(ahead)).any(axis=1))
                if len(there) > 1:
                    sizes, rows = [sizes[index] for index in there], [rows[index] for index in there]
                    compared.append(_Pair(host, a, b, levels_of[key], sizes, rows, ahead[there]))
    found = _faster(matrix, compared, comparisons, floors)
    return tuple(
        dataclasses.replace(_crossover(pair, names, resamples), factor=axis)
        for pair, names in zip(compared, found, strict=True)
    )


def _faster(
    matrix: Matrix,
    pairs: Sequence[_Pair],
    comparisons: Mapping[tuple[str, str], Comparison],
    floors: Floats,
) -> list[tuple[str, ...]]:
    """Name for each pair the method found to be faster at each size, "" for none; empty without enough blocks."""
    names = [[""] * len(pair.sizes) for pair in pairs]
    rest: list[tuple[int, int]] = []
    for number, pair in enumerate(pairs):
        for place, (row_a, row_b) in enumerate(pair.rows):
            if matrix.partners[row_b] == row_a:
                row, words = row_b, {FASTER: pair.b, SLOWER: pair.a}
            elif matrix.partners[row_a] == row_b:
                row, words = row_a, {FASTER: pair.a, SLOWER: pair.b}
            else:
                rest.append((number, place))
                continue
            comparison = comparisons.get(matrix.keys[row])
            names[number][place] = words.get(comparison.verdict, "") if comparison else ""
    if rest:
        ahead = np.stack([pairs[number].ahead[place] for number, place in rest])
        judged = paired(
            ahead, np.fmax.reduce(floors[[pairs[number].rows[place] for number, place in rest]], axis=1), len(rest)
        )
        for (number, place), each in zip(rest, judged, strict=True):
            if each.differs:
                names[number][place] = pairs[number].b if each.ratio > 1 else pairs[number].a
    return [
        tuple(own) if (~np.isnan(pair.ahead)).sum(axis=1).max() >= MINIMUM_N else ()
        for pair, own in zip(pairs, names, strict=True)
    ]


def _crossover(pair: _Pair, found: tuple[str, ...], resamples: int) -> Crossover:
    """Find where b's lead over a changes its sign, and say of it what was found to be so."""
    host, a, b, levels, sizes, ahead = pair.host, pair.a, pair.b, pair.levels, pair.sizes, pair.ahead
    leads = medians(ahead)
    logs = np.log(np.array(sizes, dtype=np.float64))
    places = _crossings(leads[np.newaxis], logs)
    at = float(places[0])
    smallest, largest = sizes[0], sizes[-1]
    if not math.isfinite(at):
        faster = "" if not leads.any() else b if leads[-1] > 0 else a
        text = _without_crossing(faster, sizes, found)
        return Crossover(host, a, b, levels, smallest, largest, None, None, None, faster, text, found=found)
    faster, slower = (b, a) if _rises(leads, logs, at) else (a, b)
    low, high = _interval(ahead, logs, at, resamples)
    ends = _interval_text((low, high), (smallest, largest))
    if not found or {a, b} <= set(found):
        text = f"{slower} is faster below, {faster} above {size_text(math.exp(at))} ({ends}){_again(leads)}"
    else:
        text = _without_crossing(faster, sizes, found)
        text += f"; where they change places, if they do, is not known ({ends})" if any(found) else ""
    return Crossover(
        host=host,
        a=a,
        b=b,
        levels=levels,
        smallest=smallest,
        largest=largest,
        at_bytes=math.exp(at),
        low=None if low is None or not math.isfinite(low) else math.exp(low),
        high=None if high is None or not math.isfinite(high) else math.exp(high),
        faster=faster,
        text=text,
        found=found,
    )


def _without_crossing(ahead: str, sizes: Sequence[int], found: tuple[str, ...]) -> str:
    """Say who is faster where two do not change places, or were not shown to; ``ahead`` goes by medians."""
    first, last = format_size(sizes[0]), format_size(sizes[-1])
    if not found:
        return f"too few blocks to say: by medians {ahead or 'neither'} is ahead at every size from {first} to {last}"
    if not any(found):
        return f"no difference found at any size from {first} to {last}"
    (name,) = set(found) - {""}
    at = [place for place, each in enumerate(found) if each]
    if len(at) == len(sizes):
        return f"none: {name} is faster at every size from {first} to {last}"
    if at == list(range(at[0], len(sizes))):
        where, rest = f"from {format_size(sizes[at[0]])} on", "below"
    elif at == list(range(len(at))):
        where, rest = f"up to {format_size(sizes[at[-1]])}", "above"
    else:
        where, rest = f"at {len(at)} of {len(sizes)} sizes", "at the others"
    return f"none: {name} is faster {where}, no difference found {rest}"


def _crossings(leads: Floats, logs: Floats) -> Floats:
    """Give for each row of leads the first place where its sign changes; +inf where it never does."""
    signs = np.sign(leads)
    # A lead of exactly nothing belongs to the side it comes from; at the first size to the one it goes to.
    for column in range(1, signs.shape[1]):
        signs[:, column] = np.where(signs[:, column] == 0, signs[:, column - 1], signs[:, column])
    for column in range(signs.shape[1] - 2, -1, -1):
        signs[:, column] = np.where(signs[:, column] == 0, signs[:, column + 1], signs[:, column])
    changes = signs[:, :-1] * signs[:, 1:] < 0
    left = changes.argmax(axis=1)
    rows = np.arange(len(leads))
    before, after = leads[rows, left], leads[rows, left + 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        places = logs[left] + before / (before - after) * (logs[left + 1] - logs[left])
    return np.where(changes.any(axis=1), places, math.inf)


def _rises(leads: Floats, logs: Floats, at: float) -> bool:
    """Say whether the lead is above zero right after its first crossing."""
    return bool(leads[np.flatnonzero(logs > at)[0]] > 0)


@functools.lru_cache(maxsize=64)
def _resampled(blocks: int, resamples: int) -> npt.NDArray[np.int64]:
    """Draw which blocks each resample has: the same for all pairs, as they share their blocks."""
    return np.random.default_rng(SEED).integers(0, blocks, (resamples, blocks))


def _interval(ahead: Floats, logs: Floats, at: float, resamples: int) -> tuple[float | None, float | None]:
    whole = ahead[:, ~np.isnan(ahead).any(axis=0)]
    blocks = whole.shape[1]
    if blocks < MINIMUM_N:
        return None, None
    rises = _rises(medians(ahead), logs, at)
    leads = median(whole[:, _resampled(blocks, resamples)]).T
    places = _crossings(leads, logs)
    never = ~np.isfinite(places)
    # One that is ahead throughout has crossed below the smallest size, or not yet at the largest.
    places[never] = np.where((leads[never, -1] > 0) == rises, -math.inf, math.inf)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(places, [tail, 1 - tail], method="nearest")
    return float(low), float(high)


def _interval_text(ends: tuple[float | None, float | None], sizes: tuple[int, int]) -> str:
    low, high = ends
    if low is None or high is None:
        return f"too few blocks for an interval, {MINIMUM_N} needed"
    first = size_text(math.exp(low)) if math.isfinite(low) else f"below {format_size(sizes[0])}"
    last = size_text(math.exp(high)) if math.isfinite(high) else f"beyond {format_size(sizes[1])}"
    # A crossover that may lie beyond what was measured is a guess.
    open_ended = "" if math.isfinite(low) and math.isfinite(high) else ", so not pinned down"
    return f"95 % CI {first} to {last}{open_ended}"


def _again(leads: Floats) -> str:
    signs = np.sign(leads)[np.sign(leads) != 0]
    times = int((signs[:-1] != signs[1:]).sum())
    return f", and they change places {times} times" if times > 1 else ""


def size_text(size_bytes: float) -> str:
    """Print a size that was computed: three digits, with the largest unit that leaves one before the point."""
    unit, factor = next((pair for pair in _UNITS if size_bytes >= pair[1]), ("B", 1))
    value = size_bytes / factor
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f} {unit}"
