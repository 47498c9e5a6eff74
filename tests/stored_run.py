"""Writes runs with made-up times into results folders, by the same plan and journal as a measured one."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

from pageswap.plan import plan as planning
from pageswap.spec import loader as specs
from pageswap.store.store import Store
from tests.fake_run import ENVIRONMENT, FAMILIES, NS_PER_OP
from tests.store.fakes import FakeJournal

if TYPE_CHECKING:
    from pathlib import Path

RUN_ID = "20260102T030405Z-00000{}"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SPEC = """
name: {name}
question: {question}
method: [memcpy, copy_words, mremap_fixed]
region_size: 1MiB
iterations: 1000
baseline: {{method: memcpy}}
repeats: {blocks}
warmups: 1
"""


def store_run(  # noqa: PLR0913 - each is a property of the run
    results: Path,
    number: int = 1,
    *,
    name: str = "demo",
    question: str = "Is remapping a page faster than copying it?",
    hosts: tuple[str, ...] = ("local",),
    blocks: int = 8,
    noise: float = 0.01,
    speeds: dict[str, float] | None = None,
    provenance: dict[str, Any] | None = None,
    environment: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    ended: bool = True,
) -> Path:
    """Store a run, by default the first of an experiment `demo`, and give its folder; `number` is also its seed."""
    run_id = RUN_ID.format(number)
    folder = results / name / run_id
    folder.mkdir(parents=True)
    spec = folder.parent / "spec.yaml"
    spec.write_text(SPEC.format(name=name, question=question, blocks=blocks), encoding="utf-8")
    plan = planning.make(specs.load(spec))
    chance = random.Random(number)  # noqa: S311 - a simulation, not a secret
    known = {**NS_PER_OP, **(speeds or {})}
    made = {"commit": COMMIT, "dirty": False, "version": "0.1.0", "command": f"inv run --spec {name}.yaml"}
    with Store.create(
        folder / "run.sqlite",
        run_id=run_id,
        plan=plan,
        hosts=list(hosts),
        provenance={**made, **(provenance or {})},
        options=options or {"tune": False},
    ) as store:
        for host in hosts:
            journal = FakeJournal(run_id=run_id, host=host, segment=store.new_segment(host))
            told = {"available": True, "summary": "", "reason": "", "workloads": []}
            methods = [{"name": method, "family": family, **told} for method, family in FAMILIES.items()]
            facts = {**ENVIRONMENT, "hostname": host, **(environment or {})}
            started = {"format": 1, "pid": 1, "started_at": "2026-01-02T03:04:05Z"}
            lines = [journal.line("begin", **started, environment=facts, methods=methods)]
            for trial in plan.trials if ended else plan.trials[:-1]:
                elapsed_ns = round(known[trial.method] * trial.iterations * math.exp(chance.gauss(0, noise)))
                rounds = [elapsed_ns // trial.rounds] * trial.rounds
                lines.append(journal.trial(trial.trial_id, elapsed_ns=elapsed_ns, rounds_ns=rounds))
            store.ingest(host, 1, 0, [*lines, *([journal.end()] if ended else [])])
    return folder
