"""The figures of many runs: which of them are of one series, and in which order they come."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, Final

from pageswap.analysis.trials.run_data import levels_key
from pageswap.history.run_record import CORE, MACHINES, levels_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pageswap.history.run_record import Record

RATIO: Final = "ratio"
TIME: Final = "time"
QUANTITIES: Final = (RATIO, TIME)
# The name under which a record has each quantity's figures.
_FIELDS: Final = {RATIO: "speed", TIME: "ns"}
ORDERS: Final = ("time", "kernel", "commit", "core")
_SHORT_COMMIT: Final = 12
_NUMBERS: Final = re.compile(r"\d+")


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure of one run, with its interval where that is known: of which record, host and levels it is."""

    record: Record
    host: dict[str, str]
    levels: dict[str, Any]
    value: float
    low: float | None = None
    high: float | None = None

    @property
    def identity(self) -> tuple[str, tuple[str, ...], tuple[tuple[str, str], ...], Any]:
        """Return what figures share that may be compared: host, machine, work and levels."""
        machine = tuple(self.host.get(key, "") for key in MACHINES)
        work = tuple(sorted(self.record["work"].items()))
        return self.host["host"], machine, work, levels_key(self.levels)

    def group(self, by: str) -> str:
        """Return what runs are ordered by: a kernel's name, a commit or a core, short; the day of a run."""
        if by == "kernel":
            return self.host.get("kernel", "")
        if by == "core":
            return self.host.get(CORE, "")
        if by == "commit":
            commit = str(self.record["commit"] or "")[:_SHORT_COMMIT]
            return f"{commit}+" if commit and self.record["dirty"] else commit
        return str(self.record["started"])[:10]


def figures_of(record: Record, quantity: str) -> Iterator[Figure]:
    """Yield the figures of a quantity that a run's record has."""
    facts = {each["host"]: each for each in record["hosts"]}
    for entry in record["figures"]:
        if _FIELDS[quantity] in entry:
            host = facts.get(entry["host"], {"host": entry["host"]})
            yield Figure(record, host, levels_of(record, entry), *entry[_FIELDS[quantity]])


def usual_quantity(records: Iterable[Record]) -> str:
    """Return the quantity that is shown unless another one is asked for: ratios where any run has one."""
    field = _FIELDS[RATIO]
    return RATIO if any(field in entry for record in records for entry in record["figures"]) else TIME


def in_order(figures: Sequence[Figure], by: str) -> list[Figure]:
    """Put figures, which come by time, into another order; those of one group stay by time."""
    if by == "time":
        return list(figures)
    if by == "kernel":
        return sorted(figures, key=lambda each: [int(n) for n in _NUMBERS.findall(each.group(by))[:4]])
    first = {name: place for place, name in enumerate(dict.fromkeys(each.group(by) for each in figures))}
    return sorted(figures, key=lambda each: first[each.group(by)])
