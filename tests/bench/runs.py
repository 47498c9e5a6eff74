"""Measures and makes what the speed table needs: runs of one method or of tiny trials, and a stored run of many."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pageswap.campaign import run_and_resume
from pageswap.campaign.options import Options
from pageswap.plan import plan as planning
from pageswap.spec import loader as specs
from pageswap.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN_ID = "20250131T120000Z-0a1b2c"
METHODS = "[memcpy, copy_words]"
LINES_AT_ONCE = 1000
SPEC = """
name: bench
question: Is one of these faster?
method: {methods}
page_size: {pages}
region_size: {regions}
iterations: {iterations}
backing: private_anon
baseline: {{method: memcpy}}
repeats: {repeats}
warmups: 0
rounds: 10
"""


def write_spec(folder: Path, *, repeats: int) -> Path:
    """Write an experiment of 100 cases, measured `repeats` times."""
    pages = ", ".join(f"{4 << power}KiB" for power in range(5))
    regions = ", ".join(f"{size}MiB" for size in range(1, 11))
    path = folder / "bench.yaml"
    text = SPEC.format(methods=METHODS, pages=f"[{pages}]", regions=f"[{regions}]", iterations=1000, repeats=repeats)
    path.write_text(text, encoding="utf-8")
    return path


def nanoseconds_per_op(
    folder: Path, method: str, region: str, iterations: int, repeats: int
) -> tuple[list[float], list[str]]:
    """Measure one method on 4 KiB pages of shared memory; return ns per iteration of each trial, and what went wrong.

    As root the limit on mappings is raised meanwhile, as `inv run --tune` does.
    """
    path = folder / f"{method}.yaml"
    text = SPEC.format(methods=method, pages="4KiB", regions=region, iterations=iterations, repeats=repeats)
    text = (
        text.replace("private_anon", "shared_anon")
        .replace("memcpy}", f"{method}}}")
        .replace("warmups: 0", "warmups: 1")
    )
    path.write_text(text, encoding="utf-8")
    trials = [trial for trial in _measure(path, folder, tune=os.geteuid() == 0) if not trial["warmup"]]
    takes = [trial["elapsed_ns"] / iterations for trial in trials if trial["status"] == "ok"]
    return takes, [trial["reason"] for trial in trials if trial["status"] != "ok"]


def _measure(spec: Path, folder: Path, *, tune: bool = False) -> list[dict[str, Any]]:
    plan = planning.make(specs.load(spec))
    options = Options(tune=tune)
    outcome = run_and_resume.run(plan, results_dir=folder, options=options, render=lambda _store, report: report)
    with Store.open(outcome.run_dir / "run.sqlite") as store:
        columns = store.columns()
        return [dict(zip(columns, row, strict=True)) for row in store.rows()]


def overhead_ms_per_trial(folder: Path) -> float:
    """Measure 200 tiny trials; return the wall time that was neither set-up, measurement nor verification, per trial.

    Making the report is left out: it happens once, when all is measured.
    """
    regions = ", ".join(f"{64 << power}KiB" for power in range(4))
    path = folder / "tiny.yaml"
    path.write_text(
        SPEC.format(methods=METHODS, pages="4KiB", regions=f"[{regions}]", iterations=100, repeats=25), encoding="utf-8"
    )
    start_ns = time.monotonic_ns()
    trials = _measure(path, folder)
    wall_ns = time.monotonic_ns() - start_ns
    accounted_ns: int = sum(trial["setup_ns"] + trial["elapsed_ns"] + trial["verify_ns"] for trial in trials)
    return (wall_ns - accounted_ns) / len(trials) / 1e6


@contextlib.contextmanager
def run_in(results: Path, *, repeats: int) -> Iterator[Path]:
    """Give the folder of a made-up run below `results`, where `--run` finds it, and remove it afterwards."""
    results.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=results))
    try:
        run_dir = folder / RUN_ID
        run_dir.mkdir()
        yield write_run(run_dir, repeats=repeats)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_run(folder: Path, *, repeats: int) -> Path:
    """Store a run of 100 cases times `repeats` whose times are made up; return its folder."""
    plan = planning.make(specs.load(write_spec(folder, repeats=repeats)))
    path = folder / "run.sqlite"
    numbers = random.Random(1)  # noqa: S311 - made-up times
    head = {"run_id": RUN_ID, "host": "local", "segment": 1}
    with Store.create(path, run_id=RUN_ID, plan=plan, hosts=["local"], provenance={}, options={}) as store:
        store.new_segment("local")
        offset = seq = 0
        lines: list[bytes] = []

        def add(kind: str, **fields: object) -> None:
            nonlocal seq
            lines.append(json.dumps({"seq": seq, **head, "kind": kind, **fields}).encode() + b"\n")
            seq += 1

        add("begin", format=1, pid=1, started_at="2025-01-31T12:00:00Z", environment={"cpus": 2}, methods=[])
        for trial in plan.trials:
            rounds = [numbers.randrange(9_000, 11_000) for _ in range(trial.rounds)]
            add(
                "trial",
                trial_id=trial.trial_id,
                attempt=1,
                status="ok",
                reason="",
                cpu=1,
                elapsed_ns=sum(rounds),
                rounds_ns=rounds,
                setup_ns=10,
                verify_ns=20,
                minor_faults=1,
                major_faults=0,
                voluntary_switches=0,
                involuntary_switches=0,
                vmas_peak=30,
                started_at="2025-01-31T12:00:00.5Z",
            )
            if len(lines) >= LINES_AT_ONCE:
                store.ingest("local", 1, offset, lines)
                offset += sum(map(len, lines))
                lines.clear()
        add("end", why="done", finished_at="2025-01-31T13:00:00Z")
        store.ingest("local", 1, offset, lines)
    return folder
