"""Reads the amounts that a spec writes: counts, sizes and percentages, and says what is wrong with what is none."""

from __future__ import annotations

import re

from pageswap.spec.quoting import quoted, short
from pageswap.units import BASE_PAGE_BYTES, format_size, parse_size

# Half of what x86-64 gives a process with four-level page tables; also far above any host's memory.
MAX_SIZE_BYTES = 64 << 40

_LONGEST_NUMBER = 30
_COUNT = re.compile(r"0|[1-9][0-9]*(?:_[0-9]+)*")


def parse_count(text: str, least: int, most: int, why: str = "") -> int:
    """Read a whole number written in decimal digits, with ``_`` between them if wanted.

    YAML's other spellings (``010``, ``1:30``, ``1e3``, ``0x10``) are refused, as they mean different numbers to
    different readers. Raises ValueError outside `least` to `most`; `why` explains the upper limit.
    """
    if not _COUNT.fullmatch(text):
        _refuse_range(text)
        if re.fullmatch(r"-[0-9_]+", text):
            raise ValueError(f"{quoted(text)} is negative; write a whole number from {least:,} to {most:,}")
        raise ValueError(
            f"{quoted(text)} is not a whole number; write decimal digits without leading zeros, "
            "such as 200000 or 200_000"
        )
    # int() of thousands of digits is refused by Python, with a text that helps nobody.
    if len(text) > _LONGEST_NUMBER or int(text) > most:
        raise ValueError(f"{quoted(text)} is more than {most:,}{f' ({why})' if why else ''}; write a smaller number")
    if int(text) < least:
        raise ValueError(f"{quoted(text)} is less than {least:,}; write a whole number from {least:,} to {most:,}")
    return int(text)


def _refuse_range(text: str) -> None:
    ends = re.fullmatch(r"([0-9]\w*)(?:\.\.+|-)([0-9]\w*)", text)
    if ends:
        levels = " and ".join(map(short, ends.groups()))
        raise ValueError(f"{quoted(text)} is a range; write every level that is meant, such as {levels}")


def parse_size_bytes(text: str) -> int:
    """Read a size of whole base pages, in bytes; raises ValueError with the cure."""
    _refuse_range(text)
    if re.match(r"-[0-9]", text):
        raise ValueError(f"{quoted(text)} is negative; write {quoted(text[1:])} if that is meant")
    if re.match(r"0[0-9_]", text) or re.search(r"__|_(?![0-9])", text):
        raise ValueError(f"{quoted(text)} is not a size; write the number without leading zeros or stray '_'")
    size_bytes = parse_size(text)
    if size_bytes > MAX_SIZE_BYTES:
        raise ValueError(f"{quoted(text)} is more than {format_size(MAX_SIZE_BYTES)}; no process can map it")
    if size_bytes < BASE_PAGE_BYTES:
        raise ValueError(f"{quoted(text)} is less than 4KiB, the smallest page; write a multiple of that")
    if size_bytes % BASE_PAGE_BYTES:
        above = -(-size_bytes // BASE_PAGE_BYTES) * BASE_PAGE_BYTES
        raise ValueError(f"{quoted(text)} is not a multiple of 4KiB, the smallest page; write '{format_size(above)}'")
    return size_bytes


def parse_percent(text: str, most: int) -> int:
    """Read a whole percentage from 1 to `most`; raises ValueError with the cure."""
    match = re.fullmatch(r"([1-9][0-9]?)%", text)
    if match is None or int(match[1]) > most:
        raise ValueError(f"{quoted(text)} is not a whole percentage from 1% to {most}%; write such as 25%")
    return int(match[1])
