"""Watches over work in a freshly forked child of its own process group, under a deadline and a memory cap.

Requests to stop, and the ends of children, are turned into something that its poll loop can wait for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import signal
import time
from typing import TYPE_CHECKING, Any, Protocol

from pageswap.agent.trial.descendants import kill_and_reap, kill_descendants

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import FrameType

    from pageswap.agent.workspace.host_lease import Lease

# How long a killed child may take to end; unmapping hundreds of GiB takes seconds, more than this is a kernel's bug.
_EXIT_S = 60.0
_POLL_CAP_MS = 3_600_000
_HOW = {signal.SIGUSR1: "drained", signal.SIGINT: "drained", signal.SIGTERM: "killed"}


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


class StopSignals:
    """While entered: SIGUSR1 and SIGINT ask to finish the trial in hand, SIGTERM to kill it, SIGCHLD only wakes.

    `requested` is "" or the `why` the journal will end with; a kill outranks a drain.
    """

    def __init__(self) -> None:
        """Catch nothing yet."""
        self.requested = ""
        self._read = self._write = -1
        self._former: dict[int, Any] = {}
        self._former_wakeup = -1

    def __enter__(self) -> StopSignals:
        """Install the handlers."""
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._former_wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in _HOW:
            self._former[number] = signal.signal(number, self._ask)
        # SIGCHLD's default writes nothing to the wake-up descriptor; it needs a handler, even an empty one.
        self._former[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        self._former[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        return self

    def __exit__(self, *_: object) -> None:
        """Put the former handlers back."""
        for number, handler in self._former.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._former_wakeup)
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable with every signal."""
        return self._read

    def clear(self) -> None:
        """Make the descriptor unreadable until the next signal."""
        with contextlib.suppress(BlockingIOError):
            while len(os.read(self._read, 4096)) == 4096:  # noqa: PLR2004 - a full read may have left some
                pass

    def _ask(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler's signature
        if self.requested != "killed":
            self.requested = _HOW[signal.Signals(number)]


@dataclasses.dataclass
class ChildWatcher:
    """Has children do work, one at a time; while one runs it keeps answering the lease and hearing signals.

    `allowed_cpus` are given back to each child when the agent has left some of them. `is_parent_of_all` tells that this
    process has no other children and adopts orphans, as `descendants.become_subreaper` does: then nothing that a child
    has started outlives it, whatever its session.
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
        cause = self._watch(pid, deadline)
        if cause != "exit":
            kill_descendants(pid)
        # The dead leader is not waited for yet, so its id cannot have become another group's.
        _kill_group(pid)
        if not self._await_exit(pid):
            return ChildEnd("unkillable", 0, 0, has_survivors=True)
        _, status = os.waitpid(pid, 0)
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        exit_status = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0
        has_survivors = self.is_parent_of_all and not kill_and_reap(_EXIT_S)
        return ChildEnd(cause, number, exit_status, has_survivors)

    def _watch(self, pid: int, deadline: float) -> str:
        """Wait, and say why the child has ended or has to."""
        poller = select.poll()
        poller.register(self.signals, select.POLLIN)
        if self.lease:
            poller.register(self.lease, select.POLLIN)
        while True:
            left_s = deadline - time.monotonic()
            # The end of a child is a signal, too.
            ready = dict(poller.poll(max(0, min(int(left_s * 1000) + 1, _POLL_CAP_MS))))
            self.signals.clear()
            if self.lease and self.lease.fileno() in ready:
                self.lease.serve()
            if _has_exited(pid):
                return "exit"
            if self.signals.requested == "killed":
                return "stop"
            if left_s <= 0:
                return "deadline"

    def _await_exit(self, pid: int) -> bool:
        deadline = time.monotonic() + _EXIT_S
        while not _has_exited(pid):
            if time.monotonic() > deadline:
                return False
            select.select([self.signals], [], [], 1.0)
            self.signals.clear()
        return True


def _has_exited(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(pid, signal.SIGKILL)  # Not in its group yet; a dead one does not mind.
