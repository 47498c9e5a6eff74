"""Prints pageswap's own speed: the C core's methods, and what the parts around a trial cost.

Usage: table.py [FIGURE]. Every figure is a median of several takes in fresh processes, on an otherwise idle machine.
"""

from __future__ import annotations

import dataclasses
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import audit
import batches
import clusters
import comparisons
import coverage
import dispatch
import faults
import generated_answers
import guest
import histories
import hostile_host
import kernels
import kills
import many_runs
import mover
import movers
import runs
import targets
import tuning

from pageswap.errors import PageswapError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
TAKES = 5
# Of 100 cases, 50 of them the baseline's and so measured twice: 100,050 trials.
BLOCKS = 667
# Tables of their own: the ratios between methods, the statistics against simulated runs, what many hosts cost, and what
# is told of two NUMA nodes.
TARGETS = "targets"
BATCHES = "batches"
STATISTICS = "statistics"
COMPARISONS = "comparisons"
DISPATCH = "dispatch"
ANSWERS = "answers"
AUDIT = "audit"
GUEST = "guest"
HISTORIES = "histories"
MOVERS = "movers"
TABLES: dict[str, Callable[[], int]] = {
    STATISTICS: coverage.main,
    COMPARISONS: comparisons.main,
    ANSWERS: generated_answers.main,
    AUDIT: audit.main,
    DISPATCH: dispatch.main,
    GUEST: guest.main,
    HISTORIES: histories.main,
    TARGETS: targets.main,
    MOVERS: movers.main,
    BATCHES: batches.main,
}
# What takes half an hour and more, or changes this machine, is done only when it is named.
ONLY_NAMED: dict[str, Callable[[], int]] = {
    "clusters": clusters.main,
    "kernels": kernels.main,
    "kills": kills.main,
    "faults": faults.main,
    "hostile": hostile_host.main,
    "many-runs": many_runs.main,
    "mover": mover.main,
    "tuning": tuning.main,
}


@dataclasses.dataclass(frozen=True)
class Figure:
    """One line of the table; `limit` is what it must stay under, or "" where another program is the measure."""

    name: str
    value: str
    limit: str


def core(method: str, folder: Path, *, region: str = "256MiB", iterations: int = 200_000) -> str:
    """Give a method's median ns per iteration as `inv run` measures it, or why there is none."""
    takes, reasons = runs.nanoseconds_per_op(folder, method, region, iterations, TAKES)
    return f"{statistics.median(takes):,.1f} ns" if takes else reasons[0]


def command(*arguments: str, home: Path) -> tuple[float, float]:
    """Run an inv task; return its wall time in seconds and its peak resident size in MiB."""
    return timed([str(ROOT / "pageswap/console/start.py"), *arguments], PAGESWAP_HOME=str(home))


def timed(arguments: list[str], **environment: str) -> tuple[float, float]:
    """Run Python; return its wall time in seconds and its peak resident size in MiB."""
    start = time.monotonic()
    command_line = [sys.executable, "-P", *arguments]
    process = subprocess.Popen(command_line, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise PageswapError(f"{' '.join(arguments)} ended with {process.returncode}")
    return time.monotonic() - start, usage.ru_maxrss / 1024


def plan(folder: Path) -> str:
    """Time `inv plan` over 100,000 trials."""
    spec = runs.write_spec(folder, repeats=BLOCKS)
    return f"{statistics.median(command('plan', '--spec', str(spec), home=folder)[0] for _ in range(3)):.2f} s"


def report(folder: Path) -> str:
    """Time `inv report` from a store of 100,000 trials, and take its peak resident size."""
    with runs.run_in(ROOT / "results", repeats=BLOCKS) as run:
        seconds, mebibytes = command("report", "--run", str(run), home=folder)
    return f"{seconds:.1f} s, {mebibytes:,.0f} MiB"


def compare(folder: Path, blocks: int = BLOCKS) -> str:
    """Time `inv compare` of five runs of 100,000 trials to a page, and take its peak resident size."""
    made = [folder / f"run{number}" for number in range(5)]
    for place in made:
        place.mkdir()
        runs.write_run(place, repeats=blocks)
    others = [word for place in made[1:] for word in ("--new", str(place))]
    page = str(folder / "page.html")
    seconds, mebibytes = command(
        "compare", "--base", str(made[0]), *others, "--format", "html", "--out", page, home=folder
    )
    return f"{seconds:.1f} s, {mebibytes:,.0f} MiB"


def compare_a_tenth(folder: Path) -> str:
    """Time the same of runs of 10,000 trials."""
    return compare(folder, BLOCKS // 10)


def fleet(_folder: Path) -> str:
    """Time the summary and all findings of 1,000 hosts with 1,070 trials each, rows included, and their peak size."""
    code = (
        "import sys; sys.path.insert(0, 'tests/bench'); from manyhosts import ManyHosts; "
        "from pageswap.analysis.summary import summarise; from pageswap.analysis.findings import findings; "
        "run = ManyHosts(1000); findings(summarise(run))"
    )
    seconds, mebibytes = timed(["-c", code], PYTHONPATH=str(ROOT))
    return f"{seconds:.1f} s, {mebibytes:,.0f} MiB"


def orchestration(folder: Path) -> str:
    """Time what 200 tiny trials cost beyond set-up, measurement and verification."""
    return f"{runs.overhead_ms_per_trial(folder):.2f} ms"


FIGURES: dict[str, tuple[str, Callable[[Path], str], str]] = {
    "null": ("null, per iteration", lambda folder: core("null", folder, region="16MiB", iterations=20_000_000), "3 ns"),
    "memcpy": ("memcpy, 4 KiB of 256 MiB, per swap", lambda folder: core("memcpy", folder), ""),
    "copy_words": ("copy_words, 4 KiB of 256 MiB, per swap", lambda folder: core("copy_words", folder), ""),
    "mremap_fixed": ("mremap_fixed, 4 KiB of 256 MiB, per swap", lambda folder: core("mremap_fixed", folder), ""),
    "orchestration": ("a trial's overhead, over 200 tiny trials", orchestration, "10 ms"),
    "plan": ("inv plan, 100,000 trials", plan, "5 s"),
    "report": ("inv report, 100,000 trials", report, "20 s, 1024 MiB"),
    "compare": ("inv compare, 5 runs of 100,000 trials, to HTML", compare, "30 s, 1024 MiB"),
    "compare10": ("the same of 10,000 trials each", compare_a_tenth, ""),
    "fleet": ("summary of 1,000 hosts x 1,070 trials", fleet, "60 s, 4096 MiB"),
}


def figures(names: list[str]) -> Iterator[Figure]:
    """Measure the named figures, one after the other."""
    for name in names:
        title, measure, limit = FIGURES[name]
        with tempfile.TemporaryDirectory(prefix="pageswap-bench-") as folder:
            yield Figure(title, measure(Path(folder)), limit)


def main(arguments: list[str]) -> int:
    """Print one line a figure as it is measured."""
    known = (*FIGURES, *TABLES, *ONLY_NAMED)
    unknown = [name for name in arguments if name not in known]
    if unknown:
        print(f"error: no figure {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 1
    names = [name for name in arguments or FIGURES if name in FIGURES]
    if names:
        print(f"{'figure':44} {'measured':>18}   at most")
    for figure in figures(names):
        print(f"{figure.name:44} {figure.value:>18}   {figure.limit}", flush=True)
    chosen = [{**TABLES, **ONLY_NAMED}[name] for name in arguments or TABLES if name not in FIGURES]
    return max((table() for table in chosen), default=0)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except PageswapError as failure:
        print(f"error: {failure}", file=sys.stderr)
        sys.exit(failure.exit_code)
