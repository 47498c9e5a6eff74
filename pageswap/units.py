"""Sizes, durations and numbers: strict reading of what people write, and one way to print each."""

from __future__ import annotations

import re

# What the kernel maps at the least on x86-64: the core's PS_BASE_PAGE.
BASE_PAGE_BYTES = 4096

_FACTORS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_SIZE = re.compile(r"(?P<number>[0-9][0-9_]{0,29})(?P<unit>KiB|MiB|GiB|TiB|)")
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(?P<number>[0-9]{1,15}(?:\.[0-9]{1,15})?)(?P<unit>ms|s|min|h)")
_TENTHS_BELOW_S = 10
# What is longer is cut where it is refused.
_SHOWN_CHARACTERS = 60
_LOOSE_SIZE = re.compile(r"(?P<number>[0-9]{1,30})\s*(?P<letter>[kKmMgGtT])(?:[iI]?[bB])?")


def parse_size(text: str) -> int:
    """Read ``4096``, ``4KiB``, ``2MiB`` or ``1GiB`` as bytes.

    Raises ValueError, with the spelling that was probably meant, on anything else.
    """
    match = _SIZE.fullmatch(text)
    if match:
        return int(match["number"]) * _FACTORS[match["unit"]]
    loose = _LOOSE_SIZE.fullmatch(text)
    cure = f"write '{loose['number']}{loose['letter'].upper()}iB'" if loose else "write 4096, 4KiB, 2MiB or 1GiB"
    raise ValueError(f"{text[:_SHOWN_CHARACTERS]!r} is not a size; {cure}")


def format_size(size_bytes: int) -> str:
    """Print bytes in the largest binary unit that divides them: 4096 -> ``4KiB``, 4097 -> ``4097``."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size_bytes and size_bytes % _FACTORS[unit] == 0:
            return f"{size_bytes // _FACTORS[unit]}{unit}"
    return str(size_bytes)


def parse_duration(text: str) -> float:
    """Read ``500ms``, ``60s``, ``5min`` or ``1h`` as seconds; raises ValueError on anything else."""
    match = _DURATION.fullmatch(text)
    if not match:
        raise ValueError(f"{text[:_SHOWN_CHARACTERS]!r} is not a duration; write 500ms, 60s, 5min or 1h")
    return float(match["number"]) * _SECONDS[match["unit"]]


def format_duration(seconds: float) -> str:
    """Print seconds for a person: ``0.4s``, ``12s``, ``3min 20s``, ``2h 5min``."""
    if seconds < _TENTHS_BELOW_S:
        return f"{seconds:.1f}s"
    minutes, rest_s = divmod(round(seconds), 60)
    hours, rest_min = divmod(minutes, 60)
    if hours:
        return f"{hours}h {rest_min}min"
    return f"{minutes}min {rest_s}s" if minutes else f"{rest_s}s"
