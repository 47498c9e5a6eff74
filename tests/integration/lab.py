"""Real controllers on a host of their own: its lease, its cache, and a look at every process that belongs to it."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pageswap.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
_CLONE_NEWNET = 0x40000000

SPEC = """\
name: tiny
question: Does every trial come back?
workload: swap
method: [memcpy, copy_words, index]
page_size: 4KiB
region_size: [1MiB, 2MiB]
iterations: {iterations}
backing: private_anon
baseline: {{method: memcpy}}
repeats: {repeats}
warmups: 1
rounds: 2
timeout: {timeout}
"""


@dataclasses.dataclass
class Lab:
    """A folder for results and specs, and a cache that no other test shares."""

    folder: Path

    @property
    def results(self) -> Path:
        """Where runs go."""
        return self.folder / "results"

    def spec(self, *, repeats: int = 9, iterations: int = 1000, timeout: str = "60s") -> Path:
        """Write an experiment of six cases, so of 6 x (repeats + 1) trials and 2 x repeats of the control."""
        path = self.folder / f"tiny-{repeats}-{iterations}.yaml"
        path.write_text(SPEC.format(repeats=repeats, iterations=iterations, timeout=timeout))
        return path

    def start(self, words: dict[str, Any]) -> subprocess.Popen[str]:
        """Start a controller."""
        return subprocess.Popen(
            [sys.executable, "-m", "tests.integration.controller", json.dumps(words)],
            cwd=ROOT,
            env={**os.environ, "PAGESWAP_HOME": str(self.folder / "home")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def start_run(self, spec: Path, **options: object) -> subprocess.Popen[str]:
        """Start a run."""
        return self.start({"spec": str(spec), "results": str(self.results), "options": options})

    def resume(self, run_dir: Path) -> tuple[int, str]:
        """Resume a run to its end; gives the exit code and standard error."""
        process = self.start({"resume": str(run_dir)})
        _, errors = process.communicate(timeout=120)
        return process.returncode, errors

    def runs(self) -> list[Path]:
        """List the folders of runs whose database is there, oldest first."""
        return sorted((path.parent for path in self.results.glob("*/*/run.sqlite")), key=_created_at)

    def processes(self) -> dict[str, list[int]]:
        """Find this lab's starters, keepers, agents, trial children and followers through /proc."""
        mark = f"{self.folder}/home/bundles/".encode()
        verbs: dict[int, tuple[bytes, int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError, IndexError, ValueError):
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                    if any(word.startswith(mark) for word in words):
                        stat = (entry / "stat").read_text().rpartition(")")[2].split()
                        if stat[0] != "Z":
                            verbs[int(entry.name)] = (words[-2], int(stat[1]))
        found: dict[str, list[int]] = {"starter": [], "keeper": [], "agent": [], "trial child": [], "follower": []}
        parents = {pid: parent for pid, (verb, parent) in verbs.items() if verb == b"start" and _is_session_apart(pid)}
        for pid, (verb, _) in verbs.items():
            if verb == b"follow":
                found["follower"].append(pid)
            elif verb == b"start" and pid not in parents:
                found["starter"].append(pid)
            elif verb == b"start":
                line = [pid]  # a daemon keeps the agent, the agent has the trial
                while parents[line[-1]] in parents:
                    line.append(parents[line[-1]])
                found[("keeper", "agent", "trial child")[min(len(line), 3) - 1]].append(pid)
        return found

    def end(self) -> None:
        """Kill whatever is left."""
        for pids in self.processes().values():
            for pid in pids:
                kill(pid)


def _created_at(run_dir: Path) -> str:
    """Tell when a run began; two ids of the same second do not."""
    with Store.open(run_dir / "run.sqlite") as store:
        return str(store.meta()["created_at"])


def _is_session_apart(pid: int) -> bool:
    """Tell a daemon from its starter: a starter leads its session, a daemon does not."""
    try:
        return os.getsid(pid) != pid
    except ProcessLookupError:
        return False


def kill(pid: int) -> None:
    """Send SIGKILL, if there is still someone to get it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def wait_until(condition: Callable[[], object], timeout_s: float = 30.0) -> None:
    """Wait for something that must come."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def last_attempts(run_dir: Path) -> list[tuple[str, str]]:
    """Give (trial id, status) of each row of a run."""
    with Store.open(run_dir / "run.sqlite") as store:
        trial_id, status = store.columns().index("trial_id"), store.columns().index("status")
        return [(row[trial_id], row[status]) for row in store.rows()]


@contextlib.contextmanager
def own_network() -> Iterator[None]:
    """Put this thread and its children into a network namespace, where the lease is their own; as root only."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    former = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(_CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        yield
        libc.setns(former, _CLONE_NEWNET)
    finally:
        os.close(former)
