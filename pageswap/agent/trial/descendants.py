"""Finds and ends all processes that descend from this one, also those that left its session or lost their parents."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import time

from pageswap.agent.host.host_files import HostFiles
from pageswap.errors import HostError

_PR_SET_CHILD_SUBREAPER = 36
# A process that is stopped cannot fork; a sweep that finds nobody new has found everybody. Each finds the children of
# those the one before has stopped, so the number bounds only what forks faster than it can be listed.
_SWEEPS = 50
_PAUSE_S = 0.01


def fork() -> int:
    """Fork as os.fork does; raises HostError with the cure where this user or its control group may have no more."""
    try:
        return os.fork()
    except OSError as error:
        raise HostError(f"no process can be started: {error.strerror}{process_cure(error)}") from error


def process_cure(error: OSError) -> str:
    """Return what helps where a process or a thread could not be started, "" where that is not known (fork(2))."""
    if error.errno != errno.EAGAIN:
        return ""
    limit = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    known = "unlimited" if limit == resource.RLIM_INFINITY else limit
    return f"; raise the number that this user may have (ulimit -u, which is {known}) or pids.max of its control group"


def become_subreaper() -> bool:
    """Become the parent of every descendant whose own parent dies, for ever; False where Python lacks ctypes."""
    try:
        import ctypes
    except ImportError:
        return False
    return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def descendants(pid: int) -> set[int]:
    """List the living processes that descend from `pid`, itself not included."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            parent = _living_parent(name)
            if parent:
                children.setdefault(parent, []).append(int(name))
    found: set[int] = set()
    parents = [pid]
    while parents:
        new = [child for child in children.get(parents.pop(), []) if child not in found]
        found.update(new)
        parents += new
    return found


def kill_descendants(pid: int) -> None:
    """Kill all that descends from `pid`, which itself goes on: stopped first, so that none can fork meanwhile."""
    known: set[int] = set()
    for _ in range(_SWEEPS):
        new = descendants(pid) - known
        if not new:
            break
        for each in new:
            _signal(each, signal.SIGSTOP)
        known |= new
    for each in known:
        _signal(each, signal.SIGKILL)


def kill_and_reap(patience_s: float) -> bool:
    """Kill and reap everything this process has started or adopted; False when some live on after `patience_s`.

    Only for a process that has no children it still wants.
    """
    deadline = time.monotonic() + patience_s
    while True:
        if not _reap():
            return True
        kill_descendants(os.getpid())
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_S)


def _reap() -> bool:
    """Reap the children that have ended; tell whether others are left."""
    try:
        while os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG) is not None:
            pass
    except ChildProcessError:
        return False
    return True


def _living_parent(pid: str) -> int:
    """Return the parent's process id, 0 for what has ended."""
    # The name, in parentheses, may hold anything.
    words = (HostFiles().text(f"/proc/{pid}/stat") or "").rpartition(")")[2].split()
    return int(words[1]) if words and words[0] not in ("Z", "X") else 0


def _signal(pid: int, number: int) -> None:
    # Dead already, or another user's by now: whoever waits for its end sees which.
    with contextlib.suppress(OSError):
        os.kill(pid, number)
