"""What an agent left changed is put back by a look at the host, or told with its cure."""

from __future__ import annotations

import json
import os
import uuid
from typing import TYPE_CHECKING

import pytest

from pageswap.agent.daemon.host_context import HostContext
from pageswap.agent.daemon.host_facts import recover
from pageswap.agent.host.doctor import HostCheck
from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.host.tunables import Tunables
from pageswap.agent.workspace import host_lease
from pageswap.agent.workspace.agent_lock import AgentLock

if TYPE_CHECKING:
    from pathlib import Path


class Left:
    """A host on which a killed run has left the limit on mappings raised."""

    def __init__(self, folder: Path) -> None:
        """Lay out its setting and its record."""
        self.setting = folder / "proc" / "sys" / "vm" / "max_map_count"
        self.setting.parent.mkdir(parents=True)
        self.setting.write_text("70000\n")
        self.record = folder / "tunables.json"
        change = {"name": "vm.max_map_count", "before": 65530, "set": 70000}
        self.record.write_text(json.dumps({"run_id": "r1", "changes": [change]}))
        self.lease_name = f"\0pageswap-test/{uuid.uuid4()}"
        self.files = HostFiles(str(folder))

    def recover(self, *, may_change: bool = True) -> HostCheck:
        """Look at the host as facts do."""
        tunables = Tunables(self.files, str(self.record), may_change=may_change)
        return recover(HostContext(lease_name=self.lease_name, tunables=tunables))


@pytest.fixture
def left(tmp_path: Path) -> Left:
    """Return such a host."""
    return Left(tmp_path)


def test_root_puts_it_back_and_is_told(left: Left) -> None:
    """As a warning: somebody's run was killed."""
    found = left.recover()

    assert ("tunables", "warn") == (found.check, found.status)
    assert found.found.endswith("restored now: vm.max_map_count=65530")
    assert "65530\n" == left.setting.read_text()
    assert HostCheck("tunables", "ok", "nothing left changed") == left.recover()


def test_anybody_else_is_told_who_can(left: Left) -> None:
    """What it was before is named."""
    found = left.recover(may_change=False)

    assert ("bad", "as root: inv doctor, which restores it") == (found.status, found.cure)
    assert "run r1 was killed; before it: vm.max_map_count=65530" == found.found
    assert "70000\n" == left.setting.read_text()


def test_what_a_living_agent_has_changed_is_in_use(left: Left) -> None:
    """Whether it holds the settings' lock or the host's lease."""
    in_use = HostCheck("tunables", "ok", "changed for run r1, which restores it at its end")
    lock = AgentLock(str(left.record.with_name("tunables.lock")))
    assert lock.take()
    assert in_use == left.recover()
    lock.release()
    lease = host_lease.try_take({"pid": os.getpid(), "user": "", "run_id": "r2", "since": ""}, left.lease_name)
    assert lease
    assert in_use == left.recover()
    lease.close()

    assert "70000\n" == left.setting.read_text()


def test_a_record_that_is_none_is_bad(left: Left) -> None:
    """And a person's to look at."""
    left.record.write_text("[]")
    found = left.recover()

    assert "bad" == found.status
    assert "is not a record of changes" in found.found
    assert "as root: check vm.max_map_count, then remove the file" == found.cure
