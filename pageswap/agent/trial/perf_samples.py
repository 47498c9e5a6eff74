"""Reads what `perf script` prints, a sample a line, and counts the functions of those that fell into the rounds.

A line is ``PID [CPU] SECONDS.NANOSECONDS: EVENT: ADDRESS SYMBOL (OBJECT)``. A symbol's name may hold blanks, brackets
and what is no text at all.
"""

from __future__ import annotations

import bisect
import collections
import dataclasses
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from pageswap.agent.journal.line_fields import LONGEST_NAME, MOST_SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

UNKNOWN = "[unknown]"

_LINE = re.compile(
    rb" *(?P<pid>\d{1,10}) +\[(?P<cpu>\d{1,6})\] +(?P<s>\d{1,12})\.(?P<ns>\d{9}): +(?P<event>\S{1,60}): +"
    rb"(?P<address>[0-9a-f]{1,16}) (?P<rest>.*)"
)
# An object is a path, or a word in square brackets; a symbol ends before the first of these.
_OBJECT = re.compile(rb"(?P<symbol>.*?) \((?P<object>[/\[].*)\)")
# Of x86-64 the upper half of all addresses.
_KERNEL = 1 << 63
_OF_KERNEL = "kernel"


class Round(NamedTuple):
    """When a round began and ended, in ns of the samples' clock, and in which process."""

    begin_ns: int
    end_ns: int
    pid: int


@dataclasses.dataclass
class Samples:
    """What was found: of the samples in the rounds how many fell into each function, and how many fell elsewhere.

    `symbols` counts by (name, object, whether it is of the kernel). `event` is as perf calls it, "" without a sample.
    """

    event: str = ""
    inside: int = 0
    outside: int = 0
    symbols: collections.Counter[tuple[str, str, bool]] = dataclasses.field(default_factory=collections.Counter)

    @property
    def in_kernel(self) -> int:
        """Count the samples in the rounds and in the kernel."""
        return sum(count for (_, _, is_kernel), count in self.symbols.items() if is_kernel)

    @property
    def is_kernel_hidden(self) -> bool:
        """Tell whether most of the kernel's functions have no names."""
        unnamed = sum(count for (name, _, is_kernel), count in self.symbols.items() if is_kernel and name == UNKNOWN)
        return 2 * unnamed > self.in_kernel

    def top(self) -> list[dict[str, Any]]:
        """Return the functions with most samples, the first of equals by name."""
        ordered = sorted(self.symbols.items(), key=lambda each: (-each[1], each[0]))
        return [
            {"name": name, "object": of, "is_kernel": is_kernel, "samples": count}
            for (name, of, is_kernel), count in ordered[:MOST_SYMBOLS]
        ]


def count_samples(lines: Iterable[bytes], rounds: Collection[Round], cpus: Collection[int]) -> Samples:
    """Count the samples of perf's lines, which are inside where they fell into a round, on one of its CPUs.

    Lines that are none are passed over, as perf prints warnings among them.
    """
    found = Samples()
    ordered = sorted(rounds)
    begins = [each.begin_ns for each in ordered]
    for line in lines:
        sample = _LINE.match(line)
        if sample is None:
            continue
        found.event = found.event or _text(sample["event"])
        at_ns = int(sample["s"]) * 10**9 + int(sample["ns"])
        place = bisect.bisect_right(begins, at_ns) - 1
        # A first round has no other before it.
        near = ordered[max(place, 0)] if ordered else Round(0, 0, 0)
        is_in_round = near.begin_ns <= at_ns < near.end_ns and near.pid == int(sample["pid"])
        if is_in_round and int(sample["cpu"]) in cpus:
            found.inside += 1
            found.symbols[_function(sample["rest"].rstrip(b"\n"), int(sample["address"], 16))] += 1
        else:
            found.outside += 1
    return found


def _function(rest: bytes, address: int) -> tuple[str, str, bool]:
    is_kernel = address >= _KERNEL
    parts = _OBJECT.fullmatch(rest)
    name = _text(parts["symbol"] if parts else rest) or UNKNOWN
    found = _text(parts["object"]) if parts else UNKNOWN
    if is_kernel:
        # The core of the kernel, else one of its modules.
        return name, _OF_KERNEL if found in (UNKNOWN, "[kernel.kallsyms]") else found.strip("[]"), True
    # Where it lies on the host is nobody's business.
    return name, os.path.basename(found.replace(" (deleted)", "")) or found, False


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").strip()[:LONGEST_NAME]
