"""Which way of moving pages won where: over all runs, by workload, processor, kernel and page size."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pageswap.analysis.trials.run_data import grouped_by
from pageswap.history.run_record import levels_of
from pageswap.spec.factors import default_levels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pageswap.history.run_record import Record

# A kernel's patches change nothing that a reader would look for another row for.
_SERIES: Final = re.compile(r"(\d+)\.(\d+)")
_NO_PAGES: Final = "call"


@dataclasses.dataclass(frozen=True)
class Winner:
    """A method that no other was told to beat, and in how many runs of a cell; ``alone`` of these it beat all."""

    method: str
    runs: int
    alone: int


@dataclasses.dataclass(frozen=True)
class Cell:
    """What won at one page size on like machines: the winners, those of most runs first, and how many runs there are.

    ``contests`` are the fields of competitors in these runs: one for each other condition, such as the region's size.
    """

    runs: int
    contests: int
    winners: tuple[Winner, ...]


@dataclasses.dataclass(frozen=True)
class Row:
    """Like machines: a processor, a hypervisor or "" for none that is known, and a kernel's series."""

    cpu: str
    hypervisor: str
    kernel: str
    cells: dict[int, Cell]


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A workload's part of the atlas: its page sizes in bytes, and a row for each kind of machine."""

    workload: str
    page_sizes: tuple[int, ...]
    rows: tuple[Row, ...]


@dataclasses.dataclass(frozen=True)
class Atlas:
    """The fastest ways over all runs: how many ``runs`` had a contest, and how many ``hosts``, by the runs' names."""

    runs: int
    hosts: int
    sheets: tuple[Sheet, ...]


@dataclasses.dataclass(frozen=True)
class _Win:
    run: tuple[str, str]
    host: str
    workload: str
    page_size: int
    machine: tuple[str, str, str]
    methods: tuple[str, ...]


def atlas(records: Iterable[Record]) -> Atlas:
    """Put the contests of all runs together; a run counts once in a cell for each method that won there."""
    wins = [win for record in records for win in _wins(record)]
    by_workload = grouped_by(wins, lambda win: win.workload)
    return Atlas(
        runs=len({win.run for win in wins}),
        hosts=len({win.host for win in wins}),
        sheets=tuple(_sheet(workload, own) for workload, own in sorted(by_workload.items())),
    )


def _wins(record: Record) -> Iterator[_Win]:
    facts = {each["host"]: each for each in record["hosts"]}
    for win in record["wins"]:
        levels: dict[str, Any] = {**default_levels(), **levels_of(record, win)}
        size, workload = levels.get("page_size"), str(levels.get("workload", ""))
        if not isinstance(size, int) or not win["methods"] or workload == _NO_PAGES:
            continue
        of_host = facts.get(win["host"], {})
        release = of_host.get("kernel", "")
        found = _SERIES.match(release)
        machine = of_host.get("cpu_model", ""), of_host.get("hypervisor", ""), found[0] if found else release
        run = record["experiment"], record["run_id"]
        yield _Win(run, win["host"], workload, size, machine, tuple(win["methods"]))


def _sheet(workload: str, wins: list[_Win]) -> Sheet:
    machines = grouped_by(wins, lambda win: win.machine)
    rows = [
        Row(*machine, {size: _cell(of_size) for size, of_size in grouped_by(own, lambda win: win.page_size).items()})
        for machine, own in machines.items()
    ]
    sizes = tuple(sorted({win.page_size for win in wins}))
    return Sheet(workload, sizes, tuple(sorted(rows, key=lambda row: (row.cpu, row.hypervisor, _number(row.kernel)))))


def _cell(wins: list[_Win]) -> Cell:
    shared = Counter(method for _, method in {(win.run, method) for win in wins for method in win.methods})
    sole = Counter(method for _, method in {(win.run, win.methods[0]) for win in wins if len(win.methods) == 1})
    winners = [Winner(method, runs, sole[method]) for method, runs in shared.items()]
    winners.sort(key=lambda each: (-each.runs, -each.alone, each.method))
    return Cell(len({win.run for win in wins}), len(wins), tuple(winners))


def _number(kernel: str) -> tuple[tuple[int, ...], str]:
    found = _SERIES.match(kernel)
    return tuple(map(int, found.groups())) if found else (), kernel
