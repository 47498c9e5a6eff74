"""Watches over work in a freshly forked child, under a deadline and a memory cap, and ends all that descends from it.

Requests to stop, and the ends of children, are turned into something that its poll loop can wait for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import resource
import select
import signal
import time
from typing import TYPE_CHECKING, Any, Protocol

from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.workspace.agent_lock import DRAIN, KILL
from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import FrameType

    from pageswap.agent.workspace.host_lease import Lease

# How long a killed child may take to end; unmapping hundreds of GiB takes seconds, more than this is a kernel's bug.
_EXIT_S = 60.0
_POLL_CAP_MS = 3_600_000
_PR_SET_CHILD_SUBREAPER = 36
# A process that is stopped cannot fork; a sweep that finds nobody new has found everybody. Each finds the children of
# those the one before has stopped, so the number bounds only what forks faster than it can be listed.
_SWEEPS = 50
_PAUSE_S = 0.01
_HOW: dict[int, str] = {DRAIN: "drained", signal.SIGINT: "drained", KILL: "killed"}


class Work(Protocol):
    """Something to be done once, in a child."""

    def start(self, *, cpus: Collection[int], address_bytes: int | None, group: str | None) -> int:
        """Fork the child and return its process id; raises CoreError or OSError when there is none.

        It may run on `cpus` and map `address_bytes`, in the control group whose cgroup.procs file is `group`; empty and
        None leave it as its parent is.
        """

    def result(self) -> Any:  # noqa: ANN401 - the work's own
        """Return what came out of it once the child has ended, None when it was not done; raises what it raised."""


@dataclasses.dataclass(frozen=True)
class ChildEnd:
    """How a child ended: what ended it, and its wait status."""

    cause: str  # exit | deadline | stop | unkillable
    signal: int
    exit_status: int
    # It, or what it had started, could not be killed: whatever is measured next is measured beside it.
    has_survivors: bool = False


class StopSignals(contextlib.ExitStack):
    """While entered: SIGTERM and SIGINT ask to finish the trial in hand, SIGUSR2 to kill it, SIGCHLD only wakes.

    `requested` is "" or the `why` the journal will end with; a kill outranks a drain.
    """

    requested = ""

    def __enter__(self) -> StopSignals:
        """Install the handlers; the former ones come back at the end."""
        self._read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.callback(os.close, self._read)
        self.callback(os.close, write)
        self.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(write, warn_on_full_buffer=False))
        # SIGCHLD's default writes nothing to the wake-up descriptor; it needs a handler, although it asks for nothing.
        for number in (*_HOW, signal.SIGCHLD):
            self.callback(signal.signal, number, signal.signal(number, self._ask))
        self.callback(signal.signal, signal.SIGHUP, signal.signal(signal.SIGHUP, signal.SIG_IGN))
        return self

    def fileno(self) -> int:
        """Return the descriptor that becomes readable with every signal."""
        return self._read

    def clear(self) -> None:
        """Make the descriptor unreadable until the next signal."""
        with contextlib.suppress(BlockingIOError):
            while len(os.read(self._read, 4096)) == 4096:  # noqa: PLR2004 - a full read may have left some
                pass

    def _ask(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler's signature
        # Nothing is written for SIGCHLD: another signal may be heard in the middle of this.
        if number in _HOW and self.requested != "killed":
            self.requested = _HOW[number]


@dataclasses.dataclass
class ChildWatcher:
    """Has children do work, one at a time; while one runs it keeps answering the lease and hearing signals.

    `allowed_cpus` are given back to each child when the agent has left some of them. `is_parent_of_all` tells that this
    process has no other children and adopts orphans, as `become_subreaper` does: then nothing that a child has started
    outlives it, whatever its session.
    """

    signals: StopSignals
    lease: Lease | None = None
    allowed_cpus: Collection[int] = ()
    is_parent_of_all: bool = False

    def run(
        self, work: Work, *, timeout_s: float, address_space_bytes: int | None = None, group: str | None = None
    ) -> ChildEnd:
        """Have a child do the work, in a control group when its cgroup.procs file is given, and say how it ended.

        When this returns, nothing of the child's process group is left. Raises what `Work.start` does.
        """
        deadline = time.monotonic() + timeout_s
        pid = work.start(cpus=self.allowed_cpus, address_bytes=address_space_bytes, group=group)
        # Both sides do this, whoever comes first: a kill must find the group, and the child must not outrun it.
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        cause = self._watch(pid, deadline, may_stop=True)
        if cause != "exit":
            kill_descendants(pid)
        # The dead leader is not waited for yet, so its id cannot have become another group's.
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            os.kill(pid, signal.SIGKILL)  # Not in its group yet; a dead one does not mind.
        if self._watch(pid, time.monotonic() + _EXIT_S, may_stop=False) != "exit":
            return ChildEnd("unkillable", 0, 0, has_survivors=True)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        has_survivors = self.is_parent_of_all and not kill_and_reap(_EXIT_S)
        return ChildEnd(cause, max(-code, 0), max(code, 0), has_survivors)

    def _watch(self, pid: int, deadline: float, *, may_stop: bool) -> str:
        """Wait, and say why the child has ended or has to, which a request to stop can be."""
        poller = select.poll()
        poller.register(self.signals, select.POLLIN)
        if self.lease:
            poller.register(self.lease, select.POLLIN)
        while True:
            left_s = deadline - time.monotonic()
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                return "exit"
            if may_stop and self.signals.requested == "killed":
                return "stop"
            if left_s <= 0:
                return "deadline"
            # The end of a child is a signal, too.
            ready = dict(poller.poll(min(int(left_s * 1000) + 1, _POLL_CAP_MS)))
            self.signals.clear()
            if self.lease and self.lease.fileno() in ready:
                self.lease.serve()


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
        # A process's name, in parentheses, may hold anything; what has ended has no words behind it.
        words = (HostFiles().text(f"/proc/{name}/stat") or "").rpartition(")")[2].split() if name.isdigit() else []
        if words and words[0] not in ("Z", "X"):
            children.setdefault(int(words[1]), []).append(int(name))
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
        try:
            while os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG) is not None:
                pass
        except ChildProcessError:
            return True
        kill_descendants(os.getpid())
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_S)


def _signal(pid: int, number: int) -> None:
    # Dead already, or another user's by now: whoever waits for its end sees which.
    with contextlib.suppress(OSError):
        os.kill(pid, number)
