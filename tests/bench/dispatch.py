"""Prints what it costs to have many hosts measure over either transport, beside ssh in a loop, Ansible and ReFrame.

The hosts are network namespaces of this machine with an sshd each, so the figures hold no network's delay, and all
hosts share its CPUs. Needs root, OpenSSH's server, and PyPI for the other programs.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import dispatchers

from pageswap.errors import PageswapError
from tests.integration.fleet import Fleet, finish
from tests.integration.network import network, what_is_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.integration.network import Host, Network

PATIENCE_S = 600.0
# What a controller of many hosts may be as large as.
MOST_MIB = 300.0
HOSTS = 4
MANY = (64, 128)
TRANSPORTS = ("fabric", "openssh")
# So many of each transport, cold and warm, the one that begins taking turns.
TAKES = 2
SPEC = """
name: dispatch
question: What does dispatch cost?
method: [memcpy, copy_words]
page_size: 4KiB
region_size: [64KiB, 128KiB, 256KiB, 512KiB]
iterations: 100
baseline: {{method: memcpy}}
repeats: {repeats}
warmups: {warmups}
rounds: 10
"""


@dataclasses.dataclass(frozen=True)
class Take:
    """One run: seconds from start to end, those of its longest host, each trial's overhead there, the peak size."""

    wall_s: float
    longest_s: float
    overhead_ms: float
    peak_mib: float
    trials: int

    @property
    def dispatch_s(self) -> float:
        """The part that is not the longest host's own."""
        return self.wall_s - self.longest_s


def take(made: Network, folder: Path, spec: Path, names: Sequence[str], via: str = "auto") -> Take:
    """Have hosts measure; the report is left out, which is made once, when all is measured."""
    inventory = folder / "hosts.yaml"
    inventory.write_text("hosts:\n" + "".join(f"  {name}: {{via: {via}}}\n" for name in names), encoding="utf-8")
    fleet = Fleet(folder, made)
    before = {name: _journals(made.hosts[name]) for name in names}
    start = time.monotonic()
    ended = finish(fleet.begin(*names, spec=spec, inventory=inventory, at_once=len(names)), PATIENCE_S)
    wall_s = time.monotonic() - start
    if ended.code:
        raise PageswapError(f"a run ended with {ended.code}: {ended.errors[-500:]}")
    (new,) = {path.parts[-4] for path in _journals(made.hosts[names[0]]) - before[names[0]]}
    seconds, overheads, trials = [], [], 0
    for name in names:
        (journal,) = _journals(made.hosts[name]) - before[name]
        assert journal.parts[-4] == new
        lines = [json.loads(line) for line in journal.read_bytes().splitlines()]
        own_s = _seconds(lines[0]["started_at"], lines[-1]["finished_at"])
        rows = [line for line in lines if line["kind"] == "trial"]
        trials = len(rows)
        accounted_ns = sum(row["setup_ns"] + row["elapsed_ns"] + row["verify_ns"] for row in rows)
        seconds.append(own_s)
        overheads.append((own_s - accounted_ns / 1e9) * 1000 / trials)
    return Take(wall_s, max(seconds), statistics.median(overheads), ended.peak_mib, trials)


def _journals(host: Host) -> set[Path]:
    return set(host.home(".cache/pageswap/runs").glob("*/*/*/journal.jsonl"))


def _seconds(start: str, end: str) -> float:
    began, ended = (datetime.fromisoformat(re.sub("Z$", "+00:00", text)) for text in (start, end))
    return (ended - began).total_seconds()


def write_spec(folder: Path, *, repeats: int, warmups: int) -> Path:
    """Write an experiment of eight cases, four of them of the baseline, so of twelve trials in each measured block."""
    path = folder / f"dispatch-{repeats}.yaml"
    path.write_text(SPEC.format(repeats=repeats, warmups=warmups), encoding="utf-8")
    return path


def ours(folder: Path) -> tuple[Take, Take, Take]:
    """Measure 200 trials on each of four hosts, from cold and again, and on one alone; print what it cost."""
    with network(folder / "network") as made:
        names = [made.add(f"lab{number}").name for number in range(1, HOSTS + 1)]
        spec = write_spec(folder, repeats=16, warmups=1)
        cold, warm = take(made, folder, spec, names), take(made, folder, spec, names)
        alone = take(made, folder, spec, names[:1])
        what = f"{cold.trials} tiny trials on each of {HOSTS} hosts"
        print(f"{what + ': wall, cold and warm':66} {cold.wall_s:6.2f} s {warm.wall_s:6.2f} s")
        for temperature, found, limit_s in (("cold", cold, 3), ("warm", warm, 1)):
            title = f"  wall less the longest host, {temperature}, for all hosts together"
            print(f"{title:66} {found.dispatch_s:6.2f} s   at most {limit_s} s a host")
        title = "  overhead of a trial on its host, which has its CPUs to itself"
        print(f"{title:66} {alone.overhead_ms:6.2f} ms  at most 10 ms")
        title = f"  the same while {HOSTS} hosts share the {os.cpu_count()} CPUs of this machine"
        print(f"{title:66} {warm.overhead_ms:6.2f} ms  at most 10 ms", flush=True)
        dispatchers.compare(made, folder, names, warm.wall_s * 1000 / warm.trials)
    return cold, warm, alone


def many(folder: Path, count: int) -> list[Take]:
    """Measure on many hosts at once, over either transport in turn; print what each cost, side by side."""
    takes: dict[tuple[str, str], list[Take]] = {(via, heat): [] for via in TRANSPORTS for heat in ("cold", "warm")}
    with network(folder / "network") as made:
        names = [made.add(f"lab{number}").name for number in range(1, count + 1)]
        spec = write_spec(folder, repeats=1, warmups=0)
        for heat in ("cold", "warm"):
            for via in (TRANSPORTS + TRANSPORTS[::-1]) * (TAKES // 2):
                for name in names if heat == "cold" else ():
                    shutil.rmtree(made.hosts[name].home(".cache/pageswap"), ignore_errors=True)
                takes[via, heat].append(take(made, folder, spec, names, via))
    trials = takes[TRANSPORTS[0], "cold"][0].trials
    print(f"{f'{trials} trials on each of {count} hosts at once':66}" + "".join(f" {via:>9}" for via in TRANSPORTS))
    for heat in ("cold", "warm"):
        for title, figure in FIGURES.items():
            shown = (statistics.median(figure(each, count) for each in takes[via, heat]) for via in TRANSPORTS)
            print(f"  {f'{heat}: {title}':64}" + "".join(f" {value:9.2f}" for value in shown), flush=True)
    return [each for of_one in takes.values() for each in of_one]


FIGURES: dict[str, Callable[[Take, int], float]] = {
    "wall, s": lambda took, _: took.wall_s,
    "wall less the longest host, ms a host": lambda took, hosts: took.dispatch_s * 1000 / hosts,
    "wall, ms a trial of all hosts": lambda took, hosts: took.wall_s * 1000 / hosts / took.trials,
    "overhead of a trial on its host, ms": lambda took, _: took.overhead_ms,
    "the controller's peak size, without ssh, MiB": lambda took, _: took.peak_mib,
}


def main() -> int:
    """Print the table; 1 when a figure is past its limit."""
    missing = what_is_missing()
    if missing:
        print(f"dispatch: cannot be measured here: {missing}")
        return 0
    with tempfile.TemporaryDirectory(prefix="pageswap-dispatch-") as text:
        folder = Path(text)
        crowds = [each for count in MANY for each in many(folder / str(count), count)]
        cold, warm, alone = ours(folder / "four")
    is_within = (
        cold.dispatch_s / HOSTS <= 3.0
        and warm.dispatch_s / HOSTS <= 1.0
        and max(alone.overhead_ms, warm.overhead_ms) <= 10.0
        and max(each.peak_mib for each in crowds) <= MOST_MIB
    )
    return 0 if is_within else 1


if __name__ == "__main__":
    sys.exit(main())
