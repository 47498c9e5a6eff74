"""A node that is asked something by a short job: its answer counts whenever it comes; an end without one is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from agent.slurm.test_jobs import placement

from pageswap.agent.slurm import ask as asking
from pageswap.agent.slurm import queue
from pageswap.agent.slurm.queue import QueuedJob
from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ANSWER = {"hostname": "n3"}


def have_jobs(monkeypatch: pytest.MonkeyPatch, cache: Path, at_a_look: Callable[[Path], None]) -> list[int]:
    """Have a queue whose one job ends while somebody looks at it; gives the numbers of what is cancelled."""
    cancelled: list[int] = []

    def jobs_of_mine(name: str) -> list[QueuedJob]:
        (folder,) = (cache / "asks").iterdir()
        at_a_look(folder)
        return [QueuedJob(7, "COMPLETED", 0, "None", name, str(folder))]

    monkeypatch.setattr(queue, "most_minutes", lambda _: None)
    monkeypatch.setattr(queue, "submit", lambda *_: 7)
    monkeypatch.setattr(queue, "jobs_of_mine", jobs_of_mine)
    monkeypatch.setattr(queue, "cancel", cancelled.append)
    monkeypatch.setattr(asking, "_ASK_S", 0.01)
    return cancelled


def test_an_answer_that_comes_with_the_jobs_end_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was not there at the last look, and the job has ended at the next."""
    have_jobs(monkeypatch, tmp_path, lambda folder: (folder / "answer").write_text(json.dumps(ANSWER)))

    assert asking.ask(str(tmp_path), "facts", {}, placement()) == ANSWER
    assert list((tmp_path / "asks").iterdir()) == []


def test_a_job_that_ends_without_an_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what it printed."""
    cancelled = have_jobs(monkeypatch, tmp_path, lambda folder: (folder / "slurm.out").write_text("no python3\n"))

    with pytest.raises(HostError, match="Slurm's job 7 ended without an answer: no python3"):
        asking.ask(str(tmp_path), "facts", {}, placement())
    assert cancelled == [7]
