"""Prints what each way of moving pages must reach on this host, as ratios paired by block in one run.

Usage: targets.py. As root, since mremap on 65,536 pages needs vm.max_map_count raised. Takes about two minutes.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import re
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pageswap.campaign import run_and_resume
from pageswap.campaign.options import Options
from pageswap.plan import plan as planning
from pageswap.spec import loader as specs
from pageswap.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

BLOCKS = 7
EXCHANGES = ("exchange_sse2", "exchange_avx2", "exchange_avx512", "exchange_nt_avx2", "exchange_nt_avx512")
PREFETCHING = ("exchange_prefetch_avx2", "exchange_prefetch_avx512")
KERNELS = ", ".join(EXCHANGES + PREFETCHING)
COMMON = """
question: Does this host reach the targets?
warmups: 1
seed: 42
"""
SMALL = "page_size: 4KiB\nregion_size: 256MiB\niterations: 200_000\nbacking: private_anon\n"
LARGE = "page_size: 2MiB\nregion_size: 512MiB\niterations: 2000\n"
# What is measured, part by part; a part is an experiment, and every block of the run has one block of each. Its first
# method is its baseline.
PARTS = {
    "pairs": f"workload: swap\nmethod: [memcpy, {KERNELS}, uffd_move, mremap_fixed]\n{SMALL}",
    "batch": f"workload: permute\nrounds: 1\nmethod: [memcpy, {', '.join(PREFETCHING)}, uffd_move]\n{SMALL}",
    "limit": f"workload: limit\nmethod: [memcpy, {KERNELS}]\n{SMALL}",
    "thp": f"workload: swap\nmethod: [memcpy, uffd_move]\nbacking: thp\n{LARGE}",
    "aligned": f"workload: swap\nmethod: [memcpy, mremap_fixed]\nbacking: private_anon\n{LARGE}",
}


@dataclasses.dataclass(frozen=True)
class Target:
    """One line of the table: the best of `methods` in a part, against the best of `against` in another.

    `scale` is how much one's operation does of the other's.
    """

    name: str
    part: str
    methods: tuple[str, ...]
    against_part: str
    against: tuple[str, ...]
    at_least: float
    scale: float = 1.0


BATCHED = ("memcpy", *PREFETCHING, "uffd_move")
TARGETS = (
    Target("best exchange without look-ahead / memcpy", "pairs", EXCHANGES, "pairs", ("memcpy",), 1.5),
    Target("best exchange with prefetch / memcpy", "pairs", PREFETCHING, "pairs", ("memcpy",), 2.0),
    Target("the same / sequential limit", "pairs", PREFETCHING, "limit", EXCHANGES + PREFETCHING, 0.9),
    Target("uffd_move / mremap_fixed", "pairs", ("uffd_move",), "pairs", ("mremap_fixed",), 5),
    Target("best permute / memcpy pairwise", "batch", BATCHED, "pairs", ("memcpy",), 7),
    Target("permute by uffd_move / uffd_move pairwise", "batch", ("uffd_move",), "pairs", ("uffd_move",), 8),
    Target("2 MiB on thp: uffd_move / memcpy", "thp", ("uffd_move",), "thp", ("memcpy",), 40),
    Target("2 MiB aligned: mremap_fixed / memcpy", "aligned", ("mremap_fixed",), "aligned", ("memcpy",), 10),
)


def merged_plan(
    folder: Path, parts: Mapping[str, str], blocks: int
) -> tuple[planning.Plan, dict[str, tuple[str, str]]]:
    """Plan all parts as one run, block by block; also give each case's part and method by its id."""
    plans = {}
    for part, text in parts.items():
        path = folder / f"{part}.yaml"
        baseline = re.findall(r"method: \[?(\w+)", text)[0]
        path.write_text(f"name: targets\n{COMMON}repeats: {blocks}\n{text}baseline: {{method: {baseline}}}\n", "utf-8")
        plans[part] = planning.make(specs.load(path))
    numbers = itertools.count()
    ids = {(part, case.case_id): f"c{next(numbers):04d}" for part, plan in plans.items() for case in plan.cases}
    cases = [
        dataclasses.replace(case, case_id=ids[part, case.case_id])
        for part, plan in plans.items()
        for case in plan.cases
    ]
    by_block: dict[str, list[Any]] = {}
    for part, plan in plans.items():
        for trial in plan.trials:
            block = trial.trial_id.partition(".")[0]
            new_id = trial.trial_id.replace(trial.case_id, ids[part, trial.case_id])
            renamed = dataclasses.replace(trial, trial_id=new_id)
            by_block.setdefault(block, []).append(renamed)
    trials = tuple(trial for block in by_block.values() for trial in block)
    names = {
        ids[part, case.case_id]: (part, str(case.levels["method"]))
        for part, plan in plans.items()
        for case in plan.cases
    }
    return dataclasses.replace(next(iter(plans.values())), cases=tuple(cases), trials=trials), names


def measure(folder: Path, parts: Mapping[str, str], blocks: int) -> dict[tuple[str, str], list[float]]:
    """Run everything; give ns per operation of each block, by part and method; nan where a trial did not end ok."""
    plan, names = merged_plan(folder, parts, blocks)
    options = Options(tune=os.geteuid() == 0, wait=True)
    outcome = run_and_resume.run(plan, results_dir=folder, options=options, render=lambda _store, path: path)
    takes: dict[tuple[str, str], list[float]] = {}
    with Store.open(outcome.run_dir / "run.sqlite") as store:
        columns = store.columns()
        for values in sorted(store.rows(), key=lambda row: row[columns.index("block")]):
            row = dict(zip(columns, values, strict=True))
            if row["warmup"] or row["replica"]:
                continue
            ok = row["status"] == "ok"
            if not ok:
                print(f"{row['method']} on {row['backing']}: {row['status']}: {row['reason']}", file=sys.stderr)
            takes.setdefault(names[row["case_id"]], []).append(
                row["elapsed_ns"] / row["iterations"] if ok else math.nan
            )
    return takes


def best(takes: dict[tuple[str, str], list[float]], part: str, methods: tuple[str, ...]) -> tuple[str, list[float]]:
    """Give the method with the smallest median, and its takes."""
    known = {method: takes[part, method] for method in methods if not any(map(math.isnan, takes[part, method]))}
    method = min(known, key=lambda name: statistics.median(known[name]))
    return method, known[method]


def main() -> int:
    """Print one line a target; return 1 when one is missed."""
    missed = 0
    with tempfile.TemporaryDirectory(prefix="pageswap-targets-") as folder:
        takes = measure(Path(folder), PARTS, BLOCKS)
    print(f"{'ratio of speeds, median of 7 blocks':46} {'at least':>8} {'measured':>9}   {'lowest':>6} {'highest':>7}")
    for target in TARGETS:
        method, ours = best(takes, target.part, target.methods)
        against, theirs = best(takes, target.against_part, target.against)
        ratios = [other / own for own, other in zip(ours, theirs, strict=True)]
        ratio = statistics.median(ratios)
        missed += ratio < target.at_least
        print(
            f"{target.name:46} {target.at_least:8.2f} {ratio:9.2f}{' ' if ratio >= target.at_least else '!'}  "
            f"{min(ratios):6.2f} {max(ratios):7.2f}   {method} {statistics.median(ours):,.1f} ns, "
            f"{against} {statistics.median(theirs):,.1f} ns"
        )
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
