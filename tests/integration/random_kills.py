"""Kills processes of runs at random moments, one by one, whatever they are; resume completes each run."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.integration.agent_processes import living
from tests.integration.fleet import check_quiet, check_whole, finish, rows
from tests.integration.lab import wait_until

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.integration.agent_processes import Process
    from tests.integration.fleet import Ended, Fleet
    from tests.integration.network import Host

ON_HOSTS = ("starter", "keeper", "agent", "follower", "trial")
# Of ssh itself: the one that holds the connection to a host, and those that pass on what a program there says.
HERE = ("controller", "ssh master", "ssh client")
TRANSPORTS = ("fabric", "openssh")
LEASE_S = 5.0
# How long a victim that lives for a moment only, as a starter does, is waited for.
LOOK_S = 5.0
# An ssh that nobody uses any more, as its controller was killed, ends by itself within a minute.
SSH_IDLE_S = 60.0
MOST_RESUMES = 100
# What a controller may end with when something was killed: all is well, killed trials, a host that gave no more.
CODES = {0, 2, 3, -signal.SIGKILL}
SHORT = 20_000  # iterations

# Four cases and the control: five trials a repeat, all of about the same length.
SPEC = """\
name: killed
question: Does every trial come back?
workload: swap
method: [memcpy, copy_words, copy_movsb, exchange_sse2]
page_size: 4KiB
region_size: 2MiB
iterations: {iterations}
backing: private_anon
baseline: {{method: memcpy}}
repeats: {repeats}
warmups: 0
rounds: 2
"""


@dataclasses.dataclass
class Kills:
    """Runs on one host a transport, in whose processes a random one is killed again and again.

    `on_run` is called when a run was whole. `hits` counts, by transport ("" where it belongs to none) and victim, those
    that were alive when they were killed.
    """

    fleet: Fleet
    chance: random.Random
    on_run: Callable[[], None] = lambda: None
    hits: Counter[tuple[str, str]] = dataclasses.field(default_factory=Counter)
    resumes: int = 0
    runs: int = 0

    def __post_init__(self) -> None:
        """Make the hosts, and measure them once undisturbed."""
        self.hosts: dict[str, Host] = {via: self.fleet.network.add(f"{via}-host") for via in TRANSPORTS}
        self._inventory = self.fleet.folder / "hosts.yaml"
        self._inventory.write_text("hosts:\n" + "".join(f"  {via}-host: {{via: {via}}}\n" for via in TRANSPORTS))
        self._spec = self.fleet.folder / "killed.yaml"
        self._spec.write_text(SPEC.format(iterations=SHORT, repeats=4))
        # A socket's path is short.
        self._sockets = tempfile.mkdtemp(prefix="ps")
        self.fleet.environment["XDG_RUNTIME_DIR"] = self._sockets
        self._undisturbed()
        began = time.monotonic()
        self._expected = self._undisturbed()
        self._typical_s = time.monotonic() - began

    def until(self, most: int) -> None:
        """Kill until so many were hit, and check every run when it is whole."""
        while self.hits.total() < most:
            run_dir = self._run(most)
            self._check(run_dir)
            self.runs += 1
            self.on_run()
        self._check_nothing_left()

    def _undisturbed(self) -> list[tuple[str, str, str]]:
        ended = finish(self._begin())
        assert ended.code == 0, ended.errors
        assert ended.run_dir is not None
        return _rows(ended.run_dir)

    def _begin(self) -> subprocess.Popen[str]:
        names = [host.name for host in self.hosts.values()]
        return self.fleet.begin(*names, spec=self._spec, inventory=self._inventory, lease_s=LEASE_S)

    def _run(self, most: int) -> Path:
        """Begin a run, and resume it until it is whole; kill something whenever it is time for that."""
        before = self.fleet.runs()
        controller = self._begin()
        for _ in range(MOST_RESUMES):
            ended = self._disturbed(controller, most)
            assert ended.code in CODES, ended.errors
            # A controller killed before its plan was stored has made none.
            new = [run for run in self.fleet.runs() if run not in before]
            if ended.code == 0:
                return new[-1]
            self.resumes += bool(new)
            controller = self.fleet.start({"resume": str(new[-1])}) if new else self._begin()
        raise AssertionError(f"{new} is not whole after {MOST_RESUMES} resumes: {ended.errors}")

    def _disturbed(self, controller: subprocess.Popen[str], most: int) -> Ended:
        """Wait for a controller's end, killing at random moments of it until enough were hit."""
        while self.hits.total() < most:
            try:
                controller.wait(self.chance.uniform(0.0, self._typical_s))
            except subprocess.TimeoutExpired:
                self._strike(controller)
            else:
                break
        return finish(controller)

    def _strike(self, controller: subprocess.Popen[str]) -> None:
        """Kill a random process, or none where there is no such one for a while."""
        via, victim = self.chance.choice(
            [*((via, role) for via in TRANSPORTS for role in ON_HOSTS), *(("", role) for role in HERE)]
        )
        deadline = time.monotonic() + LOOK_S
        while controller.poll() is None and time.monotonic() < deadline:
            pids = self._pids(via, victim, controller)
            if pids and _has_killed(self.chance.choice(pids)):
                self.hits[via or ("openssh" if victim.startswith("ssh") else ""), victim] += 1
                return
            time.sleep(0.005)

    def _pids(self, via: str, victim: str, controller: subprocess.Popen[str]) -> list[int]:
        if victim == "controller":
            return [controller.pid]
        if via:
            return self.hosts[via].roles()[victim]
        return [process.pid for process in self._ssh() if ("none" in process.words) == (victim == "ssh client")]

    def _ssh(self) -> list[Process]:
        """List the ssh of all controllers so far."""
        return [process for process in living() if any(f"{self._sockets}/" in word for word in process.words)]

    def _check(self, run_dir: Path) -> None:
        """Assert that a run has what an undisturbed one has, and all that a journal had; nothing runs on a host.

        One more resume, of a run that is whole, changes nothing.
        """
        again = self.fleet.resumed(run_dir)
        assert again.code == 0, again.errors
        assert self._expected == _rows(run_dir)
        check_whole(run_dir, self._spec, [host.name for host in self.hosts.values()])
        stored = _attempts(run_dir)
        for host in self.hosts.values():
            for journal in host.home(".cache/pageswap/runs").glob(f"{run_dir.name}/*/*/journal.jsonl"):
                lost = _trials(journal) - stored
                assert not lost, f"{journal} has what the run lacks: {lost}"
            check_quiet(host, LEASE_S)

    def _check_nothing_left(self) -> None:
        wait_until(lambda: not self._ssh(), SSH_IDLE_S + 30.0, every_s=0.1)
        shutil.rmtree(self._sockets)


def _rows(run_dir: Path) -> list[tuple[str, str, str]]:
    """Give a run's rows, each of which is there as often as the run has it."""
    return sorted((row.host, row.trial_id, row.status) for row in rows(run_dir))


def _attempts(run_dir: Path) -> set[tuple[str, str, int, str, str]]:
    """Give all outcomes of a run, also those that another one followed."""
    database = sqlite3.connect(f"file:{run_dir}/run.sqlite?mode=ro", uri=True)
    try:
        return set(database.execute("SELECT host, trial_id, attempt, status, started_at FROM outcome"))
    finally:
        database.close()


def _trials(journal: Path) -> set[tuple[str, str, int, str, str]]:
    """Give the trials of a journal, whose last line a kill may have cut off."""
    lines = [json.loads(line) for line in journal.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    names = ("host", "trial_id", "attempt", "status", "started_at")
    return {tuple(line[name] for name in names) for line in lines if line["kind"] == "trial"}


def _has_killed(pid: int) -> bool:
    """Send SIGKILL to a process that lives; tell whether it did."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        # Opened first: what is looked at is what is killed.
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except (ProcessLookupError, FileNotFoundError):
        return False
    finally:
        os.close(handle)
    return True
