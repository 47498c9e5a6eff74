"""A plan and an agent's journal made by hand, for tests that need no host."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from typing import TYPE_CHECKING, Any

from pageswap.agent.journal.job import TrialSpec
from pageswap.spec.factors import default_levels
from pageswap.store.checksums import store_checksums

if TYPE_CHECKING:
    from pathlib import Path

RUN_ID = "20250131T120000Z-0a1b2c"
HOST = "local"


@dataclasses.dataclass
class FakeExperiment:
    """What the store reads of an experiment."""

    name: str = "fake"
    question: str = "Is <it> fast?"
    workload: str = "swap"
    baseline: dict[str, Any] = dataclasses.field(default_factory=lambda: {"method": "memcpy"})
    repeats: int = 2
    stopping: dict[str, Any] | None = None
    text: str = "name: fake\n"
    factors: dict[str, Any] = dataclasses.field(default_factory=dict)
    traces: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class FakePlan:
    """What the store reads of a plan."""

    experiment: FakeExperiment
    trials: list[TrialSpec]


def make_plan(*, cases: int = 3, blocks: int = 2) -> FakePlan:
    """Return a plan of one warm-up block and `blocks` measured ones over `cases` cases."""
    trials = [
        TrialSpec(
            trial_id=f"{'w0' if block < 0 else f'b{block:02d}'}.c{case:04d}",
            attempt=1,
            workload="swap",
            levels={
                **default_levels(),
                "method": "memcpy" if case % 2 else "null",
                "region_size": (case + 1) << 20,
                "iterations": 1000,
            },
            rounds=2,
            seed=block + 1,
            timeout_s=60.0,
            block=max(block, 0),
            position=case,
            warmup=block < 0,
        )
        for block in range(-1, blocks)
        for case in range(cases)
    ]
    return FakePlan(FakeExperiment(), trials)


class FakeJournal:
    """Writes an agent's journal lines in order, each with the next sequence number."""

    def __init__(self, *, run_id: str = RUN_ID, host: str = HOST, segment: int = 1) -> None:
        """Start an empty journal."""
        self._head = {"run_id": run_id, "host": host, "segment": segment}
        self._seq = 0

    def line(self, kind: str, **fields: object) -> bytes:
        """Return the next line, newline included."""
        document = {"seq": self._seq, **self._head, "kind": kind, **fields}
        self._seq += 1
        return json.dumps(document).encode() + b"\n"

    def begin(self, **environment: object) -> bytes:
        """Return the first line."""
        found = {"hostname": "box", "cpus": 2, **environment}
        return self.line("begin", format=1, pid=1, started_at="2025-01-31T12:00:00Z", environment=found, methods=[])

    def trial(self, trial_id: str, **fields: object) -> bytes:
        """Return the line of a trial that ended well unless `fields` say otherwise."""
        return self.line("trial", **{**OUTCOME, "trial_id": trial_id, **fields})

    def profile(self, trial_id: str, **fields: object) -> bytes:
        """Return the line of a case's profile, of the case of this trial."""
        return self.line("profile", **{**PROFILE, "trial_id": trial_id, **fields})

    def end(self, why: str = "done") -> bytes:
        """Return the last line."""
        return self.line("end", why=why, finished_at="2025-01-31T12:00:01Z")


def attempts(path: Path) -> list[tuple[str, int, str]]:
    """Return every attempt's trial, number and status, also of those that a later one superseded."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    found = connection.execute(
        "SELECT trial_id, attempt, status FROM outcome JOIN host USING (host) JOIN trial USING (trial_id)"
        " ORDER BY host.position, ordinal, attempt"
    ).fetchall()
    connection.close()
    return found


def change(path: Path, *statements: str) -> None:
    """Change what a database holds as if it had been written so: with the checksums of what is there then."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in ("BEGIN", *statements):
        connection.execute(statement)
    store_checksums(connection)
    connection.execute("COMMIT")
    connection.close()


PROFILE: dict[str, Any] = {
    "status": "ok",
    "reason": "",
    "started_at": "2025-01-31T12:00:00.5Z",
    "event": "cpu-clock",
    "frequency_hz": 9973,
    "trials": 12,
    "elapsed_ns": 200_000_000,
    "samples": 2000,
    "kernel_samples": 1900,
    "outside": 500,
    "names_hidden": False,
    "symbols": [
        {"name": "move_pages_ptes", "object": "kernel", "is_kernel": True, "samples": 950},
        {"name": "__GI___ioctl", "object": "libc.so.6", "is_kernel": False, "samples": 60},
    ],
}
OUTCOME: dict[str, Any] = {
    "attempt": 1,
    "status": "ok",
    "reason": "",
    "cpu": 1,
    "elapsed_ns": 2000,
    "rounds_ns": [900, 1100],
    "setup_ns": 10,
    "verify_ns": 20,
    "minor_faults": 1,
    "major_faults": 0,
    "voluntary_switches": 0,
    "involuntary_switches": None,
    "vmas_peak": 30,
    "started_at": "2025-01-31T12:00:00.5Z",
}


def begin_with(trial_id: str, *, host: str = HOST, segment: int = 1, **fields: object) -> list[bytes]:
    """Return a journal's first line and one trial's."""
    journal = FakeJournal(host=host, segment=segment)
    return [journal.begin(), journal.trial(trial_id, **fields)]
