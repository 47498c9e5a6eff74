"""A run with --tune prepares its machine, says what it could not, and leaves it as it was, whenever it is killed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from agent.fake_core import fake_core
from agent.fake_sysfs import ENABLED, SHARED, SIZED, UNPREPARED, FakeSysfs, policy, prepared
from agent.harness import make_trial, wait_until
from requirement import require

from pageswap.agent.daemon.host_context import HostContext
from pageswap.agent.daemon.host_facts import recover
from pageswap.agent.daemon.start import start
from pageswap.agent.host.settings import BOOST, MAX_MAP_COUNT
from pageswap.agent.host.tunables import Tunables
from pageswap.agent.workspace.work_folder import WorkFolder

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.harness import Host

CPU = max(os.sched_getaffinity(0))
KILLS = int(os.environ.get("PAGESWAP_TEST_KILLS", "20"))
REAL_KILLS = int(os.environ.get("PAGESWAP_TEST_KILLS", "3"))
READY = ("performance", "0", "madvise", "madvise", "advise")
_SPLITTER = {"region_size": 256 << 20, "iterations": 200_000}


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
    host.start(make_trial("splitter", **_SPLITTER), make_trial("hang", timeout_s=0.5), tune=True)
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
    host.start(make_trial("splitter", **_SPLITTER), tune=True)
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


class _Kills:
    """Runs of one short job, each killed at a random moment of it, and then put right by one of three in turn."""

    def __init__(self, host: Host, files: FakeSysfs) -> None:
        """Measure how long a run takes that nobody disturbs."""
        self._chance = random.Random(int(os.environ.get("PAGESWAP_TEST_SEED", "2026")))  # noqa: S311 - no secret
        self._host = host
        self._files = files
        self._before = files.all()
        self.found: Counter[str] = Counter()
        self._typical_s = self._run(host)
        self.check()

    def kill(self, number: int) -> None:
        """Begin a run, kill its agent or also its keeper, and see that all is put back.

        What a third of them left is there for the next run, as its agent's to put back before it begins.
        """
        host = self._host.beside(f"killed{number}")
        who = ("next agent", "keeper", "doctor")[number % 3]

        def kill(pid: int) -> None:
            time.sleep(self._chance.uniform(0.0, self._typical_s))
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                os.kill(pid, signal.SIGKILL) if who == "keeper" else host.kill_whole(pid)

        self._run(host, kill)
        self.found[f"{who}: {'as before' if self._files.all() == self._before else 'changed'}"] += 1
        if who == "next agent":
            return
        if who == "keeper":
            wait_until(lambda: not host.record.exists(), "the record's end")
        else:
            recover(HostContext(lease_name="\0" + host.settings["lease"], tunables=self._tunables()))
        self.check()

    def end(self) -> None:
        """Have one more agent put back what the last one left, and say how the host was found."""
        self._run(self._host.beside("last"))
        self.check()
        sys.stdout.write(f"{self.found}\n")

    def check(self) -> None:
        """Assert that all is as it was."""
        assert self._files.all() == self._before
        assert not self._host.record.exists()

    def _run(self, host: Host, disturb: Callable[[int], None] = lambda _: None) -> float:
        """Run to the agent's end, whichever that is; `disturb` gets its process id just before it changes anything.

        Returns the seconds from then on.
        """
        began = 0.0

        def hear(word: dict[str, int]) -> None:
            nonlocal began
            began = time.monotonic()
            disturb(word["pid"])

        job = host.job(make_trial("splitter", **_SPLITTER), *[make_trial()] * 4, tune=True)
        context = HostContext(
            self._files, "\0" + host.settings["lease"], load_core=fake_core, tunables=self._tunables()
        )
        start(WorkFolder(str(host.work_dir)), job, context, hear)
        wait_until(lambda: host.alive() is None, "the agent's end")
        return time.monotonic() - began

    def _tunables(self) -> Tunables:
        return Tunables(self._files, str(self._host.record.parent), may_change=True)


def test_whenever_it_is_killed_all_is_put_back(host: Host, files: FakeSysfs) -> None:
    """By its keeper, by the doctor or by the next agent, byte for byte."""
    kills = _Kills(host, FakeSysfs(files.root, write_s=0.01))
    for number in range(KILLS):
        kills.kill(number)
    kills.end()


def test_the_real_hosts_huge_pages_are_put_back_whenever_it_is_killed(host: Host) -> None:
    """As root, where there are some."""
    require("root", os.geteuid() == 0 and os.access(ENABLED, os.W_OK), "needs root and transparent huge pages")
    files = FakeSysfs(host.settings["sys_root"], write_s=0.01, real=True)
    found = files.choice(ENABLED) or ""
    try:
        # What there is to be changed; tests beside this one pass on a host where it is so.
        Path(ENABLED).write_text("always")
        kills = _Kills(host, files)
        for number in range(REAL_KILLS):
            kills.kill(number)
        kills.end()
    finally:
        Path(ENABLED).write_text(found)
