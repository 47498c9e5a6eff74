"""What an agent left changed is put back by a look at the host, or told with its cure."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from pageswap.agent.daemon.host_context import HostContext
from pageswap.agent.daemon.host_facts import LOOK_S, host_facts, recover
from pageswap.agent.host.doctor import HostCheck
from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.host.tunables import Tunables
from pageswap.agent.journal.job import Job
from pageswap.agent.workspace import host_lease
from pageswap.agent.workspace.agent_lock import AgentLock
from pageswap.agent.workspace.work_folder import this_cache
from pageswap.fleet.target import CALL_TIMEOUT_S
from tests.agent.fake_core import fake_core
from tests.agent.fake_sysfs import ENABLED, FakeSysfs
from tests.agent.harness import make_trial

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
        tunables = Tunables(self.files, str(self.record.parent), may_change=may_change)
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
    assert "as root: check the settings, then remove the file" == found.cure


def refusals(context: HostContext, *methods: str, **job: Any) -> list[tuple[str, str]]:
    """Return the method and the status of each trial that a host refuses before a run."""
    trials = tuple(make_trial(method, position=place) for place, method in enumerate(methods))
    asked = Job("", "x", "h", 0, 0.0, tune=False, wait=False, trials=trials)
    facts = host_facts(context, this_cache(None), job=dataclasses.replace(asked, **job))
    of_id = {trial.trial_id: trial.method for trial in trials}
    return [(of_id[trial_id], status) for trial_id, status, _ in facts["refusals"]]


@pytest.fixture
def context(tmp_path: Path) -> HostContext:
    """Return a host with a made-up core and a lease of its own."""
    tunables = Tunables(HostFiles(), str(tmp_path), may_change=False)
    return HostContext(lease_name=f"\0pageswap-test/{uuid.uuid4()}", load_core=fake_core, tunables=tunables)


def test_a_jobs_trials_are_looked_at_by_the_rules_of_its_run(context: HostContext) -> None:
    """The methods' word, the memory, and what only the core knows; in the job's order."""
    found = refusals(context, "good", "no_device", "absent", memory_cap_bytes=1 << 40)

    assert found == [("no_device", "unavailable"), ("absent", "unavailable")]
    assert refusals(context, "good", memory_cap_bytes=1) == [("good", "skipped")]


@pytest.mark.parametrize(("tune", "expected"), [(False, [("no_device", "unavailable")]), (True, [])])
def test_what_tune_will_give_is_not_tried_without_it(
    tmp_path: Path, tune: bool, expected: list[tuple[str, str]]
) -> None:
    """The core is not asked for huge pages that nobody gets yet."""
    files = FakeSysfs(str(tmp_path))
    files.lay_out({ENABLED: "always madvise [never]"})
    tunables = Tunables(files, str(tmp_path), may_change=True)
    lease = f"\0pageswap-test/{uuid.uuid4()}"
    trial = make_trial("no_device", backing="thp", region_size=4 << 20)
    asked = Job("", "x", "h", 0, 0.0, tune=tune, wait=False, trials=(trial,))
    facts = host_facts(HostContext(files, lease, load_core=fake_core, tunables=tunables), this_cache(None), job=asked)

    assert [("no_device", status) for _, status, _ in facts["refusals"]] == expected


def test_nothing_is_tried_beside_a_measurement(context: HostContext) -> None:
    """Pages that are asked for, if only for an instant, would be missing there."""
    held = host_lease.try_take({"pid": 1, "user": "ann", "run_id": "r", "since": ""}, context.lease_name)
    assert held is not None
    with contextlib.closing(held):
        found = refusals(context, "no_device", "absent")

    assert found == [("absent", "unavailable")]


def test_a_look_that_hangs_leaves_the_other_refusals(context: HostContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """In much less than the time for which a controller waits."""
    assert CALL_TIMEOUT_S / 2 > LOOK_S
    monkeypatch.setattr("pageswap.agent.daemon.host_facts.LOOK_S", 0.2)
    core = dataclasses.replace(fake_core(), check=lambda *_: time.sleep(60))

    found = refusals(context._replace(load_core=lambda: core), "good", "absent")

    assert found == [("absent", "unavailable")]


def test_without_a_job_nothing_is_said_of_trials(context: HostContext) -> None:
    """As the doctor asks."""
    assert "refusals" not in host_facts(context, this_cache(None))


@pytest.mark.parametrize("cpu", [None, min(os.sched_getaffinity(0))])
def test_the_last_cpu_allowed_is_looked_at_where_none_is_named(context: HostContext, cpu: int | None) -> None:
    """It is the one that an agent measures on."""
    facts = host_facts(context, this_cache(None), cpu)

    (found,) = [each["found"] for each in facts["doctor"] if each["check"] == "cpus"]
    assert len(os.sched_getaffinity(0)) == 1 or found.endswith(
        f"CPU {max(os.sched_getaffinity(0)) if cpu is None else cpu}"
    )
    assert sorted(os.sched_getaffinity(0)) == facts["environment"]["cpus_allowed"]
