"""Real controllers on a host of their own: its lease, its cache, and a look at every process that belongs to it."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pageswap.store.store import Store
from tests.integration.agent_processes import by_role, hold, kill, living, trials_of

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

    def spec(self, *, repeats: int = 9, iterations: int = 1000, timeout: str = "10min") -> Path:
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
        """Sort the living programs of this lab's agents."""
        mark = f"{self.folder}/home/bundles/"
        own = [process for process in living() if any(word.startswith(mark) for word in process.words)]
        return by_role(own)

    def end(self) -> None:
        """Kill whatever is left."""
        for pids in self.processes().values():
            for pid in pids:
                kill(pid)


def _created_at(run_dir: Path) -> str:
    """Tell when a run began; two ids of the same second do not."""
    with Store.open(run_dir / "run.sqlite") as store:
        return str(store.meta()["created_at"])


def wait_until(condition: Callable[[], object], timeout_s: float = 30.0, every_s: float = 0.01) -> None:
    """Wait for something that must come; what is asked seldom leaves the CPU to whoever is waited for."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(every_s)


def hold_trial(roles: Callable[[], dict[str, list[int]]], timeout_s: float = 30.0) -> int:
    """Stop the first trial that is seen, so that it is in hand until it is killed or goes on; gives its PID.

    However busy this machine is, what a test does meanwhile comes in the middle of that trial. A trial lives for some
    milliseconds, in which not all processes can be looked through: an agent is found first, then its children alone are
    looked at, several times while each trial lives, lest all of a short run pass in between. Whoever is to follow the
    trial is waited for afterwards: all of a short run may be over before they come.
    """
    agents: list[int] = []
    held: list[int] = []
    look = itertools.count()

    def is_held() -> bool:
        if not agents and next(look) % 10 == 0:
            agents.extend(roles()["agent"])
        for agent in tuple(agents):
            try:
                held.extend(filter(hold, trials_of(agent)))
            except FileNotFoundError:
                agents.remove(agent)
        return bool(held)

    wait_until(is_held, timeout_s, every_s=0.001)
    wait_until(lambda: roles()["follower"], timeout_s)
    return held[0]


def go_on(pid: int) -> None:
    """Have a held process go on."""
    os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[None]:
    """Have a folder, which is made, be a file system of that size until the block ends."""
    folder.mkdir()
    options = f"size={mebibytes}m,mode=700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path) -> Path:
    """Leave no room there; give the file that takes it."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    return path


def dice() -> random.Random:
    """Make dice and print their seed; with that as PAGESWAP_TEST_SEED they fall the same again."""
    seed = int(os.environ.get("PAGESWAP_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
    sys.stdout.write(f"PAGESWAP_TEST_SEED={seed}\n")
    sys.stdout.flush()
    return random.Random(seed)  # noqa: S311 - no secret


def press_ctrl_c(controller: subprocess.Popen[str]) -> None:
    """Send SIGINT to the controller's whole process group, as a terminal does."""
    os.killpg(controller.pid, signal.SIGINT)


def stop_at_once(controller: subprocess.Popen[str]) -> None:
    """Press Ctrl-C until the second is heard: two at once may arrive as one."""
    for word in ("interrupted:", "interrupted again"):
        press_ctrl_c(controller)
        wait_for_word(controller, word)


def wait_for_word(controller: subprocess.Popen[str], word: str) -> str:
    """Read standard error until a line has the word, which must come; gives that line."""
    assert controller.stderr is not None
    lines = []
    while word not in (line := controller.stderr.readline()):
        lines.append(line)
        assert line, f"it ended without {word!r}: {''.join(lines)[-2000:]}"
    return line


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
