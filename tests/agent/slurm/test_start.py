"""What a start tells while its job waits, and when it gives the job up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from agent.harness import make_trial
from agent.slurm.test_jobs import placement

from pageswap.agent.journal.job import Job
from pageswap.agent.slurm import queue
from pageswap.agent.slurm import start as starting
from pageswap.agent.slurm.jobs import name_of
from pageswap.agent.slurm.queue import QueuedJob
from pageswap.agent.workspace.work_folder import WorkFolder
from pageswap.errors import HostError

DOWN = "ReqNodeNotAvail, UnavailableNodes:n3"


class Queue:
    """A queue with a job that stands as it is told to, look by look; at the last look its agent is there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, work: WorkFolder, *looks: tuple[str, str, int]) -> None:
        """Take state, reason and restarts for each look."""
        self._work, self._looks = work, list(looks)
        self.cancelled: list[int] = []
        monkeypatch.setattr(queue, "jobs_of_mine", lambda _: [self._look()])
        monkeypatch.setattr(queue, "cancel", self.cancelled.append)
        for name in ("_ASK_S", "_LAST_ASK_S", "_UNUSABLE_S"):
            monkeypatch.setattr(starting, name, 0.01)
        monkeypatch.setattr(starting, "has_gone", lambda *_: False)

    def _look(self) -> QueuedJob:
        state, reason, restarts = self._looks[0] if len(self._looks) == 1 else self._looks.pop(0)
        if len(self._looks) == 1:
            Path(self._work.said).write_text('{"pid":1}\n')
        return QueuedJob(7, state, restarts, reason, name_of(self._work), self._work.path)


def begin(work: WorkFolder) -> list[dict[str, Any]]:
    """Start; give what was said."""
    said: list[dict[str, Any]] = []
    labels: dict[str, Any] = {"run_id": "r1", "host": "big/n3", "segment": 1}
    job = Job(experiment="e", lease_s=60.0, tune=False, wait=False, trials=(make_trial(),), **labels)
    starting._Start(work, {}, job, placement(), said.append).run()  # noqa: SLF001 - without a job's file
    return said


@pytest.fixture
def work(tmp_path: Path) -> WorkFolder:
    """Lay out a segment whose job is submitted."""
    made = WorkFolder(str(tmp_path / "runs/r1/big=n3/1"))
    Path(made.path).mkdir(parents=True, mode=0o700)
    Path(made.job).write_text("{}")
    return made


def test_it_tells_what_a_job_waits_for_whenever_that_changes(work: WorkFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that has its node, where its agent does not begin."""
    looks = [("PENDING", "Resources", 0)] * 3 + [("PENDING", "Priority", 0)] + [("COMPLETING", "None", 0)] * 4
    Queue(monkeypatch, work, *looks)

    assert begin(work) == [
        {"pending": "job 7 is pending: Resources"},
        {"pending": "job 7 is pending: Priority"},
        {"pending": "job 7 is COMPLETING, and its agent has not begun"},
        {"pid": 7},
    ]


@pytest.mark.parametrize(
    "reason",
    [DOWN, "PartitionDown", "Job's account not permitted to use this partition (a allows b not c)", "InvalidAccount"],
)
def test_a_job_that_cannot_begin_is_given_up(reason: str, work: WorkFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some time, as a controller that has just begun may take a node for lost."""
    made = Queue(monkeypatch, work, *[("PENDING", reason, 0)] * 1000)

    with pytest.raises(HostError, match="cannot begin"):
        begin(work)
    assert made.cancelled == [7]


@pytest.mark.parametrize(
    ("reason", "restarts"), [("ReqNodeNotAvail, May be reserved for other job", 0), ("Priority", 0), (DOWN, 1)]
)
def test_a_job_that_has_its_turn_later_is_not(
    reason: str, restarts: int, work: WorkFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As is one that was preempted, or whose node has failed."""
    made = Queue(monkeypatch, work, *[("PENDING", reason, restarts)] * 20)

    assert begin(work)[-1] == {"pid": 7}
    assert made.cancelled == []
