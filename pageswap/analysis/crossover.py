"""The page size from which one method is faster than another."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pageswap.analysis.findings import Crossover
from pageswap.analysis.intervals import CONFIDENCE, MINIMUM_N, median
from pageswap.units import format_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from pageswap.analysis.matrix import Matrix

    Floats = npt.NDArray[np.float64]

RESAMPLES: Final = 1_000
SEED: Final = 20_100
# Bytes, printed to three digits: an interpolated size is never known to more.
_UNITS: Final = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


def crossovers(
    matrix: Matrix, cases: Mapping[str, Mapping[str, Any]], families: Mapping[str, str]
) -> tuple[Crossover, ...]:
    """Find the crossovers of each pair of methods over page_size, on each host and with each set of other levels.

    Between two neighbouring sizes the logarithm of both times is taken for a straight line over that of the size. The
    interval comes from 1,000 resamples of the blocks, drawn for all sizes together as a block shares its conditions; a
    resample that does not cross lies beyond the end where its faster method would. Methods that move nothing take no
    part. With less than six common blocks there is a crossover and no interval.
    """
    series: dict[tuple[tuple[str, str], ...], dict[str, dict[int, int]]] = {}
    levels_of: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    for place, levels in enumerate(cases.values()):
        method, size = levels.get("method"), levels.get("page_size")
        if method is None or size is None or families.get(str(method)) == "control":
            continue
        others = {name: value for name, value in levels.items() if name not in ("method", "page_size")}
        key = tuple((name, str(value)) for name, value in sorted(others.items()))
        levels_of[key] = others
        series.setdefault(key, {}).setdefault(str(method), {})[int(size)] = place
    width, logs = len(cases), np.log(matrix.ns)
    found = []
    for position, host in enumerate(matrix.hosts):
        for key, methods in series.items():
            for a, b in itertools.combinations(methods, 2):
                sizes = sorted(set(methods[a]) & set(methods[b]))
                ahead = logs[[position * width + methods[a][size] for size in sizes]]
                ahead = ahead - logs[[position * width + methods[b][size] for size in sizes]]
                there = np.flatnonzero((~np.isnan(ahead)).any(axis=1))
                if len(there) > 1:
                    sizes = [sizes[index] for index in there]
                    found.append(_crossover((host, a, b), levels_of[key], sizes, ahead[there]))
    return tuple(found)


def _crossover(names: tuple[str, str, str], levels: dict[str, Any], sizes: Sequence[int], ahead: Floats) -> Crossover:
    """Find where b's lead over a, log(ns of a / ns of b) by size and block, changes its sign."""
    host, a, b = names
    leads = np.nanmedian(ahead, axis=1)
    logs = np.log(np.array(sizes, dtype=np.float64))
    places = _crossings(leads[np.newaxis], logs)
    at = float(places[0])
    smallest, largest = sizes[0], sizes[-1]
    if not math.isfinite(at):
        faster = "" if not leads.any() else b if leads[-1] > 0 else a
        text = f"{faster or 'neither'} is ahead at every size from {format_size(smallest)} to {format_size(largest)}"
        return Crossover(host, a, b, levels, smallest, largest, None, None, None, faster, f"none: {text}")
    faster, slower = (b, a) if _rises(leads, logs, at) else (a, b)
    low, high = _interval(ahead, logs, at)
    size = f"{slower} is faster below, {faster} above {size_text(math.exp(at))}"
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
        text=f"{size} ({_interval_text((low, high), (smallest, largest))}){_again(leads)}",
    )


def _crossings(leads: Floats, logs: Floats) -> Floats:
    """Give for each row of leads the first place where its sign changes; +inf where it starts and stays as it is."""
    signs = np.sign(leads)
    changes = signs[:, :-1] * signs[:, 1:] < 0
    touches = signs == 0
    found = np.full(len(leads), math.inf)
    for row in np.flatnonzero(changes.any(axis=1) | touches.any(axis=1)):
        zeros = np.flatnonzero(touches[row])
        steps = np.flatnonzero(changes[row])
        if len(steps):
            left = steps[0]
            share = leads[row, left] / (leads[row, left] - leads[row, left + 1])
            found[row] = logs[left] + share * (logs[left + 1] - logs[left])
        # Exactly equal at a size between two that differ in sign.
        for zero in zeros:
            if 0 < zero < len(logs) - 1 and signs[row, zero - 1] * signs[row, zero + 1] < 0:
                found[row] = min(found[row], logs[zero])
    return found


def _rises(leads: Floats, logs: Floats, at: float) -> bool:
    """Say whether the lead is above zero right after its first crossing."""
    return bool(leads[np.flatnonzero(logs > at)[0]] > 0)


def _interval(ahead: Floats, logs: Floats, at: float) -> tuple[float | None, float | None]:
    whole = ahead[:, ~np.isnan(ahead).any(axis=0)]
    blocks = whole.shape[1]
    if blocks < MINIMUM_N:
        return None, None
    rises = _rises(np.nanmedian(ahead, axis=1), logs, at)
    drawn = np.random.default_rng(SEED).integers(0, blocks, (RESAMPLES, blocks))
    leads = median(whole[:, drawn]).T
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
    return f"95 % CI {first} to {last}"


def _again(leads: Floats) -> str:
    signs = np.sign(leads)[np.sign(leads) != 0]
    times = int((signs[:-1] != signs[1:]).sum())
    return f", and they change places {times} times" if times > 1 else ""


def size_text(size_bytes: float) -> str:
    """Print a size that was computed: three digits, with the largest unit that leaves one before the point."""
    unit, factor = next((pair for pair in _UNITS if size_bytes >= pair[1]), ("B", 1))
    value = size_bytes / factor
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f} {unit}"
