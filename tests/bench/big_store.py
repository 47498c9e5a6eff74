"""Makes what the speed table needs: an experiment of many trials, its stored run, and a run of tiny trials."""

from __future__ import annotations

import json
import random
from pathlib import Path

from pageswap import plan as planning
from pageswap import spec as specs
from pageswap.store import Store

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
