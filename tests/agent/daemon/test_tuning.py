"""A run with --tune prepares its machine, says what it could not, and leaves it as it was, whenever it is killed."""

from __future__ import annotations

import errno
import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from pageswap.agent.host.settings import BOOST, MAX_MAP_COUNT
from tests.agent.fake_sysfs import ENABLED, SHARED, SIZED, UNPREPARED, FakeSysfs, policy, prepared
from tests.agent.harness import make_trial, wait_until
from tests.agent.tuning_kills import SPLITTER, TuningKills

if TYPE_CHECKING:
    from tests.agent.harness import Host

CPU = max(os.sched_getaffinity(0))
KILLS = int(os.environ.get("PAGESWAP_TEST_KILLS", "20"))
READY = ("performance", "0", "madvise", "madvise", "advise")


@pytest.fixture
def files(host: Host) -> FakeSysfs:
    """Lay out what --tune sets, as of a machine that nobody has prepared."""
    files = FakeSysfs(host.settings["sys_root"])
    files.lay_out_policies(*((cpu,) for cpu in os.sched_getaffinity(0)))
    files.lay_out(UNPREPARED)
    return files


def test_the_conditions_are_those_in_force_while_it_measures(host: Host, files: FakeSysfs) -> None:
    """And nothing is changed after it; the journal names each change and its undoing, the last one first."""
    before = files.all()
    host.start(make_trial("splitter", **SPLITTER), make_trial("hang", timeout_s=0.5), tune=True)
    wait_until(host.trials, "the first trial")
    during = prepared(files, CPU)
    begin, *lines = host.finish()

    assert during == READY
    told = {name: begin["environment"][name] for name in ("governor", "turbo", "folios", "shmem_folios")}
    assert told == {
        "governor": "performance",
        "turbo": False,
        "folios": {"64kB": "madvise"},
        "shmem_folios": {"64kB": "advise"},
    }
    assert begin["environment"]["thp"]["enabled"] == "madvise"
    assert begin["environment"]["max_map_count"] > 65_536
    changed = [line["name"] for line in lines if "set" in line]
    assert changed == [policy(CPU), BOOST, ENABLED, SIZED, SHARED, MAX_MAP_COUNT]
    assert [line["name"] for line in lines if "restored" in line] == changed[::-1]
    assert files.all() == before
    assert not host.record.exists()


def test_without_tune_nothing_is_changed(host: Host, files: FakeSysfs) -> None:
    """The conditions say how it was."""
    before = files.all()
    host.start(make_trial())
    begin, *_ = host.finish()

    assert (begin["environment"]["governor"], begin["environment"]["turbo"]) == ("powersave", True)
    assert files.all() == before


def test_what_is_refused_is_told_and_the_run_goes_on(host: Host, files: FakeSysfs) -> None:
    """The rest is set all the same."""
    before = files.all()
    host.settings["refused"] = json.dumps({policy(CPU): errno.EBUSY, ENABLED: errno.EROFS})
    host.start(make_trial("splitter", **SPLITTER), tune=True)
    begin, *lines = host.finish()

    assert [line["status"] for line in host.trials()] == ["ok"]
    assert {line["name"]: line["reason"] for line in lines if line.get("reason")} == {
        policy(CPU): "cannot be set to performance: Device or resource busy",
        ENABLED: "cannot be set to madvise: Read-only file system",
    }
    assert (begin["environment"]["governor"], begin["environment"]["turbo"]) == ("powersave", False)
    assert f"{policy(CPU)}: cannot be set to performance" in host.call("status")["log"]
    assert files.all() == before


def test_who_is_not_root_is_told_so_of_each_setting(host: Host, files: FakeSysfs) -> None:
    """And measured as it is."""
    before = files.all()
    host.settings["may_change"] = "no"
    host.start(make_trial(), tune=True)
    lines = host.finish()

    assert [line["status"] for line in host.trials()] == ["ok"]
    why = "--tune was asked for, but the agent is not root"
    names = (policy(CPU), BOOST, ENABLED, SIZED, SHARED)
    assert {line["name"]: line["reason"] for line in lines if line["kind"] == "tune"} == dict.fromkeys(names, why)
    assert files.all() == before


def test_whenever_it_is_killed_all_is_put_back(host: Host, files: FakeSysfs) -> None:
    """By its keeper, by the doctor or by the next agent, byte for byte."""
    kills = TuningKills(host, FakeSysfs(files.root, write_s=0.01))
    kills.until(KILLS)
    sys.stdout.write(f"{kills.found}\n")
