"""Kills agents of runs with --tune at random moments: whoever comes after them puts all back, byte for byte."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from typing import TYPE_CHECKING

from pageswap.agent.daemon.host_context import HostContext
from pageswap.agent.daemon.host_facts import recover
from pageswap.agent.daemon.start import start
from pageswap.agent.host.tunables import Tunables
from pageswap.agent.workspace.work_folder import WorkFolder
from tests.agent.fake_core import fake_core
from tests.agent.harness import make_trial, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.fake_sysfs import FakeSysfs
    from tests.agent.harness import Host

# What a trial needs that needs more mappings than a host allows.
SPLITTER = {"region_size": 256 << 20, "iterations": 200_000}


class TuningKills:
    """Runs of one short job, each killed at a random moment of it, and then put right by one of three in turn."""

    def __init__(self, host: Host, files: FakeSysfs) -> None:
        """Measure how long a run takes that nobody disturbs."""
        self._chance = random.Random(int(os.environ.get("PAGESWAP_TEST_SEED", "2026")))  # noqa: S311 - no secret
        self._host = host
        self._files = files
        self._before = files.all()
        self.found: Counter[str] = Counter()
        self._typical_s = self._run(host)
        self._check()

    def until(self, most: int) -> None:
        """Kill so many, and have one more agent put back what the last one left."""
        for number in range(most):
            self._kill(number)
        self._run(self._host.beside("last"))
        self._check()

    def _kill(self, number: int) -> None:
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
        self._check()

    def _check(self) -> None:
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

        job = host.job(make_trial("splitter", **SPLITTER), *[make_trial()] * 4, tune=True)
        context = HostContext(
            self._files, "\0" + host.settings["lease"], load_core=fake_core, tunables=self._tunables()
        )
        start(WorkFolder(str(host.work_dir)), job, context, hear)
        wait_until(lambda: host.alive() is None, "the agent's end")
        return time.monotonic() - began

    def _tunables(self) -> Tunables:
        return Tunables(self._files, str(self._host.record.parent), may_change=True)
