"""A segment whose job ended at its memory limit: the trial in hand has its row, and the journal its end, once."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from agent.harness import make_trial

from pageswap.agent.journal.job import Job
from pageswap.agent.journal.journal import Journal, JournalReader
from pageswap.agent.journal.line_fields import MEASURES
from pageswap.agent.slurm import queue
from pageswap.agent.slurm.jobs import name_of
from pageswap.agent.slurm.queue import QueuedJob, SilentQueueError
from pageswap.agent.slurm.verbs import status
from pageswap.agent.slurm.watch import JobWatch, tell_of_memory
from pageswap.agent.workspace.work_folder import WorkFolder
from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterable

LABELS: dict[str, Any] = {"run_id": "r1", "host": "big/n3", "segment": 1}
TIME = "2025-01-01T00:00:00.000Z"


@pytest.fixture
def work(tmp_path: Path) -> WorkFolder:
    """Lay out a segment whose agent has gone in the middle of its second trial."""
    made = WorkFolder(str(tmp_path / "runs/r1/big=n3/1"))
    Path(made.path).mkdir(parents=True, mode=0o700)
    trials = tuple(make_trial(trial_id=f"b00.c000{number}") for number in range(3))
    job = Job(experiment="e", lease_s=60.0, tune=False, wait=False, trials=trials, **LABELS)
    Path(made.job).write_text(json.dumps(dataclasses.asdict(job)))
    Path(made.restarts).write_text("0")
    journal = Journal(made.journal, **LABELS)
    journal.append("begin", format=1, pid=1, started_at=TIME, environment={}, methods=[])
    measures = dict.fromkeys(MEASURES)
    journal.append("trial", trial_id="b00.c0000", attempt=0, status="failed", reason="", started_at=TIME, **measures)
    journal.close()
    with Path(made.journal).open("a") as file:
        file.write('{"kind":"tri')
    return made


def job(work: WorkFolder, state: str, restarts: int = 0) -> QueuedJob:
    """Make a job that was submitted for a segment."""
    return QueuedJob(7, state, restarts, "None", name_of(work), work.path)


def ends(work: WorkFolder) -> Iterable[tuple[str, str]]:
    """Give what follows the first trial of a journal, all of it being checked."""
    lines = JournalReader(**LABELS).feed(Path(work.journal).read_bytes())[2:]
    return [(line["kind"], line.get("status") or line["why"]) for line in lines]


def test_the_trial_in_hand_has_a_row(work: WorkFolder) -> None:
    """However often that is looked at."""
    for _ in range(2):
        tell_of_memory(work, [job(work, "OUT_OF_MEMORY")])

    assert ends(work) == [("trial", "oom"), ("end", "killed")]
    line = JournalReader(**LABELS).feed(Path(work.journal).read_bytes())[2]
    assert line["trial_id"] == "b00.c0001"
    assert "Slurm ended job 7 at its memory limit" in line["reason"]


@pytest.mark.parametrize(("state", "restarts"), [("CANCELLED", 0), ("RUNNING", 0), ("OUT_OF_MEMORY", 1)])
def test_any_other_end_leaves_the_trial_owed(work: WorkFolder, state: str, restarts: int) -> None:
    """Also where it was a later life of the job that ended so."""
    tell_of_memory(work, [job(work, state, restarts)])

    assert ends(work) == []


def answers(monkeypatch: pytest.MonkeyPatch, *said: Exception | list[QueuedJob]) -> None:
    """Have the queue answer so, one time after the other."""
    left = iter(said)

    def jobs_of_mine(_name: str) -> list[QueuedJob]:
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(queue, "jobs_of_mine", jobs_of_mine)


def test_a_queue_that_does_not_answer_has_ended_nothing(work: WorkFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is asked how a segment stands, or it is followed."""
    answers(monkeypatch, *[SilentQueueError("squeue: nobody")] * 2)

    assert status(work)["alive"]
    assert JobWatch(work).holder() == 0


def test_what_has_come_to_its_end_needs_no_queue(work: WorkFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal tells."""
    tell_of_memory(work, [job(work, "OUT_OF_MEMORY")])
    answers(monkeypatch, SilentQueueError("squeue: nobody"))

    assert not status(work)["alive"]


def test_a_queue_that_refuses_to_be_asked_is_told_at_first(work: WorkFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not ask would follow for ever."""
    answers(monkeypatch, HostError("squeue: no"))

    with pytest.raises(HostError, match="squeue: no"):
        JobWatch(work).holder()
