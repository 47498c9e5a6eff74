"""A crossover in words: which method is faster up to which size, and where the other one is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from pageswap.statistics.intervals import MINIMUM_N
from pageswap.units import format_size

if TYPE_CHECKING:
    from pageswap.analysis.checks.crossovers import Crossover

# Bytes, printed to three digits: an interpolated size is never known to more.
_UNITS: Final = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


def crossover_text(cross: Crossover) -> str:
    """Say between which sizes two methods change places, or who is faster where they do not."""
    first, last = format_size(cross.sizes[0]), format_size(cross.sizes[-1])
    if not cross.found:
        return f"too few blocks to say ({MINIMUM_N} needed)"
    if cross.turns > 1:
        return f"no single size: they change places {cross.turns} times between {first} and {last}"
    if cross.is_shown:
        return _turned(cross)
    return _unturned(cross, first, last)


def _turned(cross: Crossover) -> str:
    between = f"{format_size(cross.from_bytes or 0)} and {format_size(cross.to_bytes or 0)}"
    if not (cross.at_bytes and cross.low and cross.high):
        return f"{cross.slower} is faster below, {cross.faster} above a size between {between}"
    ends = f"95 % CI {size_text(cross.low)} to {size_text(cross.high)}; decided at {between}"
    return f"{cross.slower} is faster below, {cross.faster} above {size_text(cross.at_bytes)} ({ends})"


def _unturned(cross: Crossover, first: str, last: str) -> str:
    at = [place for place, name in enumerate(cross.found) if name]
    count = len(cross.sizes)
    if not at:
        return f"no difference found at any size from {first} to {last}"
    if len(at) == count:
        return f"none: {cross.faster} is faster at every size from {first} to {last}"
    if at == list(range(at[0], count)):
        where, rest = f"from {format_size(cross.sizes[at[0]])} on", "below"
    elif at == list(range(len(at))):
        where, rest = f"up to {format_size(cross.sizes[at[-1]])}", "above"
    else:
        where, rest = f"at {len(at)} of {count} sizes", "at the others"
    return f"none: {cross.faster} is faster {where}, no difference found {rest}"


def size_text(size_bytes: float) -> str:
    """Print a size that was computed: three digits, with the largest unit that leaves one before the point."""
    unit, factor = next((pair for pair in _UNITS if size_bytes >= pair[1]), ("B", 1))
    value = size_bytes / factor
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f} {unit}"
