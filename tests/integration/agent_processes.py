"""The living programs of agents, told apart by what /proc says: who follows, starts, keeps, measures, is measured."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# A daemon keeps the agent, and the agent has the trial.
_DAEMONS = ("keeper", "agent", "trial")
ROLES = ("follower", "starter", *_DAEMONS, "other")


@dataclasses.dataclass(frozen=True)
class Process:
    """A living process, by the PID that this machine knows it under."""

    pid: int
    parent: int
    uid: int
    words: tuple[str, ...]

    @property
    def verb(self) -> str:
        """What it does as an agent's program, "" if it is none."""
        return self.words[-1] if len(self.words) > 2 and "/bundles/" in self.words[-2] else ""


def living(belongs: Callable[[int], bool] = lambda _pid: True) -> list[Process]:
    """List the processes whose PID `belongs`; a zombie, which has no words, is none.

    Tests ask again and again until somebody comes or has gone: this reads no more than it must, and without pathlib,
    which takes three times as long.
    """
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 - see above
        with contextlib.suppress(OSError, IndexError):
            words = _read(f"/proc/{name}/cmdline").decode(errors="replace").split("\0")[:-1]
            if words and belongs(int(name)):
                parent = int(_read(f"/proc/{name}/stat").rpartition(b")")[2].split()[1])
                found.append(Process(int(name), parent, os.stat(f"/proc/{name}").st_uid, tuple(words)))  # noqa: PTH116 - see above
    return found


def _read(path: str) -> bytes:
    with open(path, "rb", 0) as file:  # noqa: PTH123 - see above
        return file.read()


def by_role(processes: Iterable[Process]) -> dict[str, list[int]]:
    """Sort the programs of agents among processes; a child of an agent that does not measure yet is no trial."""
    programs = {process.pid: process for process in processes if process.verb}
    detached = {pid for pid, process in programs.items() if process.verb == "start" and not _leads_session(pid)}
    # What a scheduler has started stays what it was started as.
    daemons = detached | {pid for pid, process in programs.items() if process.verb == "measure"}
    found: dict[str, list[int]] = {role: [] for role in ROLES}
    for process in programs.values():
        found[_role(process, programs, daemons)].append(process.pid)
    return found


def _role(process: Process, programs: dict[int, Process], daemons: set[int]) -> str:
    if process.pid not in daemons:
        return {"follow": "follower", "start": "starter"}.get(process.verb, "other")
    depth, above = 0, process
    while above.parent in daemons:
        depth, above = depth + 1, programs[above.parent]
    if depth >= len(_DAEMONS) or (depth == 2 and not _has_begun(process.parent)):
        return "other"
    return _DAEMONS[depth]


def _leads_session(pid: int) -> bool:
    """Tell a starter from a daemon, which gave up its session's lead."""
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return True


def _has_begun(agent: int) -> bool:
    """Tell whether an agent's journal has begun: what it forks before that probes methods."""
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{agent}/fd").iterdir():
            if descriptor.readlink().name == "journal.jsonl":
                return descriptor.stat().st_size > 0
    return False


def trials_of(agent: int) -> list[int]:
    """List the children of an agent that measures; raises FileNotFoundError when it has ended."""
    children = Path(f"/proc/{agent}/task/{agent}/children").read_text()
    return [int(pid) for pid in children.split() if _has_begun(agent)]


def kill(pid: int) -> bool:
    """Send SIGKILL; tell whether there was still someone to get it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


def hold(pid: int) -> bool:
    """Stop a process so that it neither ends nor goes on, until it is killed; tell whether it lived to be stopped."""
    try:
        os.kill(pid, signal.SIGSTOP)
        # The signal takes effect a moment later; what has no words was dead already.
        while (state := Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]) not in "TZX":
            os.sched_yield()
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state == "T"
