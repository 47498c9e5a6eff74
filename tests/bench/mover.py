"""Prints what the mover must reach on this host: its choice beside the best of all methods, a call, its calibration.

Usage: mover.py. $PAGESWAP_MOVER_CASES is how many cases instead of 400, which take an hour; let nothing else run
meanwhile. $PAGESWAP_MOVER_TO is a folder that gets what each case took (takes.json) and a picture of it (regret.svg).
"""

from __future__ import annotations

import dataclasses
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import mover_cases
from mover_regret import CLOSE, Taken, floor, leave, regret
from targets import measure

from pageswap.mover import calibrate

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = 5
CASES = 400
BUDGET_MS = 2000
# An example's arguments before the profile: MiB, and how much of the heap lives.
EXAMPLES = {"compacting_heap": ("64", "50"), "growing_ring": ("256",)}


@dataclasses.dataclass(frozen=True)
class Line:
    """A figure and what it must be: at least or at most so much, or None where nothing is asked for."""

    name: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def is_missed(self) -> bool:
        """Say whether it is not what it must be."""
        too_low = self.at_least is not None and not self.value >= self.at_least
        return too_low or (self.at_most is not None and not self.value <= self.at_most)


def _percent(name: str, values: list[float], at_most: float | None = None) -> Line:
    return Line(name, 100 * statistics.fmean(values), "%", at_most=at_most)


def _tail(name: str, values: list[float], at_most: float | None = None) -> Line:
    return Line(name, 100 * sorted(values)[math.ceil(0.99 * len(values)) - 1], "%", at_most=at_most)


def _near(name: str, values: list[float], at_least: float | None = None) -> Line:
    return Line(name, 100 * statistics.fmean(value <= CLOSE for value in values), "%", at_least=at_least)


def choice(folder: Path, count: int) -> Iterator[Line]:
    """Measure the drawn cases, and tell how `auto` chose."""
    cases = mover_cases.draw(count)
    measured = measure(folder, {case.name: case.text for case in cases}, BLOCKS)
    takes = []
    for case in cases:
        known = {method: measured[case.name, method] for method in (*case.contenders, "auto")}
        known = {method: values for method, values in known.items() if not any(map(math.isnan, values))}
        if {"auto", "memcpy"} <= known.keys():
            takes.append(Taken(case.workload, case.text, known))
    if kept := os.environ.get("PAGESWAP_MOVER_TO"):
        leave(Path(kept), takes)
    of_auto, of_floor = [max(0.0, regret(each)) for each in takes], [floor(each) for each in takes]
    yield Line("cases measured", len(takes), "", at_least=CASES)
    yield _percent("regret against the best method: mean", of_auto, 5)
    yield _percent("  the same of having measured every case", of_floor)
    yield _tail("regret: 99th percentile", of_auto, 25)
    yield _tail("  the same of having measured every case", of_floor)
    yield _near("cases within 5 %", of_auto, 90)
    yield _near("  the same of having measured every case", of_floor)
    against_memcpy = [each.median("memcpy") / each.median("auto") for each in takes]
    yield Line("slowest case: speed / memcpy's", min(against_memcpy), "", at_least=0.98)
    halves = [statistics.median(each.ns["memcpy"][::2]) / statistics.median(each.ns["memcpy"][1::2]) for each in takes]
    yield Line("  memcpy's in one half of the blocks / the other", min(halves), "")


def installed(folder: Path) -> Path:
    """Install the library, and compile what is linked with it."""
    library = folder / "usr"
    run(sys.executable, "native/install_mover.py", str(library), "0")
    flags = ["-O2", f"-I{library}/include", "-D_GNU_SOURCE", "-Inative"]
    sources = [
        ROOT / "tests" / "bench" / "mover_calls.c",
        *(ROOT / "docs" / "mover" / f"{name}.c" for name in EXAMPLES),
    ]
    archive = library / "lib" / "libpageswap_mover.a"
    for source in sources:
        run("cc", *flags, str(source), str(archive), "-o", str(folder / source.stem))
    return folder


def calls(folder: Path) -> Iterator[Line]:
    """Tell what a call takes beyond what it does."""
    told = run(str(folder / "mover_calls"))
    times = {name: (float(kernel), float(call)) for name, kernel, call in map(str.split, told.splitlines())}
    kernel, call = times["one"]
    yield Line("one swap of 4 KiB in cache: pm_swap - its kernel", call - kernel, "ns", at_most=15)
    kernel, call = times["batch"]
    yield Line("a batch of 4,096: pm_swap_many / its kernel - 1", 100 * (call / kernel - 1), "%", at_most=1)


def calibration(folder: Path) -> Iterator[Line]:
    """Tell how long calibrating takes, and how large its file is."""
    begin = time.monotonic()
    calibrate(folder / "profile", BUDGET_MS)
    yield Line("calibration", time.monotonic() - begin, "s", at_most=2)
    yield Line("its file", (folder / "profile").stat().st_size / 1024, "KiB", at_most=64)


def examples(folder: Path) -> Iterator[Line]:
    """Tell of each example how many times faster it is than itself with memcpy, and with numpy's copies."""
    profile = str(folder / "profile")
    commands = {
        **{name: [str(folder / name), *words, profile] for name, words in EXAMPLES.items()},
        "buffer_pool": [sys.executable, "docs/mover/buffer_pool.py", "64", profile],
    }
    for name, command in commands.items():
        ours, theirs = map(float, re.findall(r"([\d.]+) ms", run(*command)))
        yield Line(
            f"{name}: speed / without the mover", theirs / ours, "", at_least=1.5 if name == "compacting_heap" else None
        )


def run(*command: str) -> str:
    """Run a program in the repository, and return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout


def lines(folder: Path, count: int) -> Iterator[Line]:
    """Measure all of it."""
    installed(folder)
    yield from calls(folder)
    yield from calibration(folder)
    yield from examples(folder)
    os.environ["PAGESWAP_MOVER_PROFILE"] = str(folder / "profile")
    yield from choice(folder, count)


def main() -> int:
    """Print one line a figure; return 1 when one is missed."""
    missed = 0
    print(f"{'the mover':56} {'measured':>12}")
    with tempfile.TemporaryDirectory(prefix="pageswap-mover-") as folder:
        for line in lines(Path(folder), int(os.environ.get("PAGESWAP_MOVER_CASES", CASES))):
            missed += line.is_missed
            asked = f"at least {line.at_least:g}" if line.at_least is not None else ""
            asked = f"at most {line.at_most:g}" if line.at_most is not None else asked
            mark = "!" if line.is_missed else " "
            print(f"{line.name:56} {line.value:12.2f}{mark} {line.unit:3} {asked}", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
