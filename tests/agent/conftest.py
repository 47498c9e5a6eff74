"""A host of a test's own, on which no agent outlives the test."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from agent.harness import Host

from pageswap.agent.workspace.agent_lock import AgentLock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """Return a host of the test's own, and leave no agent behind."""
    yield Host(tmp_path)
    for lock in tmp_path.rglob("agent.lock"):
        pid = AgentLock(str(lock)).holder()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
