"""The lock tells the living agent from the dead one."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from agent.harness import wait_until

from pageswap.agent.workspace.agent_lock import AgentLock
from pageswap.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path


def test_nobody_holds_a_lock_that_never_was(tmp_path: Path) -> None:
    """Asking makes no file."""
    assert AgentLock(str(tmp_path / "agent.lock")).holder() is None
    assert list(tmp_path.iterdir()) == []


def test_the_holder_is_known_until_it_dies(tmp_path: Path) -> None:
    """However it dies; then the next one may have it, although the file still names the dead one."""
    lock = AgentLock(str(tmp_path / "agent.lock"))
    pid = os.fork()
    if pid == 0:
        AgentLock(str(tmp_path / "agent.lock")).take()
        signal.pause()
    wait_until(lambda: lock.holder() == pid, "the lock")
    assert not lock.take()

    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

    assert lock.holder() is None
    assert lock.take()
    assert AgentLock(str(tmp_path / "agent.lock")).holder() == os.getpid()
    lock.release()
    lock.release()
    assert lock.holder() is None


def test_a_lock_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    """With its path."""
    lock = AgentLock(str(tmp_path / "missing" / "agent.lock"))

    with pytest.raises(HostError, match=r"missing/agent\.lock"):
        lock.take()
