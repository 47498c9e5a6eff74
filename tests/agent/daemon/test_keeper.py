"""The keeper ends an agent that should have ended by itself, and only that."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest
from agent.harness import make_trial

from pageswap.agent.daemon import keeper
from pageswap.agent.daemon.host_context import HostContext
from pageswap.agent.journal.job import Job
from pageswap.agent.workspace.work_folder import WorkFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def work(tmp_path: Path) -> WorkFolder:
    """Return a work folder whose journal has begun."""
    work = WorkFolder(str(tmp_path))
    (tmp_path / "journal.jsonl").touch()
    (tmp_path / "followed").touch()
    return work


def _keep(work: WorkFolder, agent: Callable[[], int], *, lease_s: float, seconds: float) -> int | str:
    """Run a keeper in a process of its own; returns its exit status, or "alive" when it still keeps after a while."""
    job = Job("r", "e", "h", 0, lease_s=lease_s, tune=False, wait=False, trials=(make_trial(timeout_s=0.1),))
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        context = HostContext()
        os._exit(keeper.keep(job, work, context, lambda: os._exit(agent()), pipe=write, look_s=0.05, grace_s=0.1))
    os.close(read)
    os.close(write)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        dead, status = os.waitpid(pid, os.WNOHANG)
        if dead:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "alive"


def _stopped() -> int:
    os.kill(os.getpid(), signal.SIGSTOP)
    return 7


def test_the_agents_exit_status_is_the_keepers(work: WorkFolder) -> None:
    """The usual end."""
    assert _keep(work, lambda: 7, lease_s=60.0, seconds=30.0) == 7


def test_a_stopped_agent_that_nobody_follows_is_killed(work: WorkFolder, capfd: pytest.CaptureFixture[str]) -> None:
    """After the lease, its longest trial and a grace."""
    assert _keep(work, _stopped, lease_s=0.1, seconds=30.0) == 1
    assert "should have ended by itself and has not: killed" in capfd.readouterr().err


def test_an_agent_that_waits_for_the_lease_is_left_alone(work: WorkFolder, tmp_path: Path) -> None:
    """Its journal has not begun; as long as its starter waits, so does it."""
    (tmp_path / "journal.jsonl").unlink()

    assert _keep(work, lambda: time.sleep(1.0) or 7, lease_s=0.0, seconds=30.0) == 7


def test_a_slow_agent_within_its_lease_is_left_alone(work: WorkFolder) -> None:
    """However quiet."""
    assert _keep(work, lambda: time.sleep(1.0) or 7, lease_s=60.0, seconds=30.0) == 7
