"""Following a journal: the stream a controller reads, and the mark that tells the agent somebody still does."""

from __future__ import annotations

import contextlib
import json
import os
import select
import time
from typing import TYPE_CHECKING, Protocol

from pageswap.agent.journal.journal import END_LINE, MAX_LINE_BYTES
from pageswap.errors import HostError

if TYPE_CHECKING:
    from pageswap.agent.workspace.work_folder import WorkFolder

# Looking costs some 0.2 ms on a CPU that the agent needs too; the pause grows while nothing comes.
_PAUSE_S = 0.025
_LONG_PAUSE_S = 0.1
_CHUNK_BYTES = 1 << 18
_TOUCH_S = 1.0
# More than a journal's first line has.
_FIRST_BYTES = 1 << 20


def touch(mark: str) -> None:
    """Make a file, or its time of change now; raises OSError when it cannot be done."""
    os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    os.utime(mark)


class FollowedMark:
    """The agent's view of the mark: for how long nobody has followed."""

    def __init__(self, mark: str) -> None:
        """Take the mark, which is there already; the time counts from now on. Raises OSError."""
        self._mark = mark
        self._changed_ns = os.stat(mark).st_mtime_ns
        self._looked = self._followed = time.monotonic()

    def idle_s(self) -> float:
        """Return the seconds since the mark was last touched; steps of the wall clock do not count."""
        now = time.monotonic()
        try:
            changed_ns = os.stat(self._mark).st_mtime_ns
        except OSError:
            changed_ns = self._changed_ns
        if changed_ns != self._changed_ns:
            # Touched since the last look, and by the wall clock so long ago; never longer ago than that look.
            ago_s = (time.time_ns() - changed_ns) / 1e9
            self._followed = now - min(max(ago_s, 0.0), now - self._looked)
            self._changed_ns = changed_ns
        self._looked = now
        return now - self._followed


class Follower:
    """A follower's manners: it keeps the mark fresh, and itself away from the CPUs that are measured on."""

    def __init__(self, mark: str) -> None:
        """Take the mark; the CPU that an agent chooses by itself is left at once."""
        self._mark = mark
        self._touched = -_TOUCH_S
        self._allowed = os.sched_getaffinity(0)
        self._leave({max(self._allowed)})
        self._knows = False

    def keep(self, journal: int) -> None:
        """Do both, at most once a second; `journal` is the open journal, or -1 before there is one."""
        if time.monotonic() - self._touched < _TOUCH_S:
            return
        # A full disk must not keep rows from being read; where it stays so the agent ends with its lease.
        with contextlib.suppress(OSError):
            touch(self._mark)
        self._touched = time.monotonic()
        if journal >= 0 and not self._knows:
            # Its first line tells what is measured on, once that is there whole.
            with contextlib.suppress(ValueError, KeyError, TypeError):
                begin = json.loads(os.pread(journal, _FIRST_BYTES, 0).partition(b"\n")[0])
                self._leave({int(cpu) for cpu in begin["measured_cpus"]})
                self._knows = True

    def _leave(self, measured: set[int]) -> None:
        if self._allowed - measured:
            os.sched_setaffinity(0, self._allowed - measured)


class Holding(Protocol):
    """What tells whether an agent lives."""

    def holder(self) -> int | None:
        """Return a number while it does, None after; what it has written is there by then."""


class Heartbeats:
    """What a reader on the other side of a network sends now and then: a link that is cut closes nothing here."""

    def __init__(self, source: int, patience_s: float) -> None:
        """Take where they come from, and after how many seconds without one nobody is there any more."""
        self._source = source
        self._patience_s = patience_s
        self._heard = time.monotonic()

    def have_ceased(self) -> bool:
        """Tell whether there was none for too long, or their source was closed."""
        now = time.monotonic()
        while select.select([self._source], [], [], 0)[0]:
            if not os.read(self._source, _CHUNK_BYTES):
                return True
            self._heard = now
        return now - self._heard > self._patience_s


def stream(work: WorkFolder, offset: int, lock: Holding, output: int, signs: Heartbeats | None = None) -> None:
    """Write the journal's whole lines from byte `offset` on to `output` as they appear, and keep the mark fresh.

    A line that a dead agent left torn comes last: the reader can tell by its bytes that it has all there is.
    Returns when the journal has ended, its agent is dead or the reader has gone, which `signs` tells too. Raises
    HostError when there is neither a journal nor an agent, or `offset` is beyond the journal.
    """
    follower = Follower(work.followed)
    os.set_blocking(output, False)
    journal = -1
    pause_s = _PAUSE_S
    rest = b""
    try:
        while True:
            if signs is not None and signs.have_ceased():
                return
            # Asked before reading: what a dying agent wrote last is read after its death was seen.
            alive = lock.holder() is not None
            if journal < 0:
                journal = _open(work, offset, alive=alive)
            follower.keep(journal)
            chunk = os.pread(journal, _CHUNK_BYTES, offset + len(rest)) if journal >= 0 else b""
            whole, newline, rest_of_chunk = (rest + chunk).rpartition(b"\n")
            lines, rest = whole + newline, rest_of_chunk
            is_over = not (alive or chunk)
            if not _send(output, rest if is_over else lines, signs):
                return
            offset += len(lines)
            if len(rest) > MAX_LINE_BYTES:
                raise HostError(f"{work.journal}: a line longer than {MAX_LINE_BYTES} bytes")
            if is_over or lines[lines.rfind(b"\n", 0, -1) + 1 :].startswith(END_LINE):
                with contextlib.suppress(OSError):
                    touch(work.delivered)
                return
            if chunk:
                pause_s = _PAUSE_S
                continue
            if has_gone(output, pause_s):
                return
            pause_s = min(pause_s * 1.5, _LONG_PAUSE_S)
    finally:
        if journal >= 0:
            os.close(journal)


def _open(work: WorkFolder, offset: int, *, alive: bool) -> int:
    try:
        journal = os.open(work.journal, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        # An agent killed before its journal began leaves nothing but the job it was given: nothing to read, no mistake.
        if alive or (offset == 0 and os.path.exists(work.job)):
            return -1
        raise HostError(f"{work.path}: no journal and no agent; start the segment first") from None
    if offset > os.fstat(journal).st_size:
        os.close(journal)
        raise HostError(f"{work.journal}: is shorter than offset {offset}; another journal than was read before")
    return journal


def _send(output: int, lines: bytes, signs: Heartbeats | None) -> bool:
    left = memoryview(lines)
    while left:
        try:
            left = left[os.write(output, left) :]
        except BlockingIOError:  # noqa: PERF203 - the usual call writes everything at once
            if signs is not None and signs.have_ceased():
                return False
            select.select([], [output], [], _LONG_PAUSE_S)
        except BrokenPipeError:
            return False
    return True


def has_gone(output: int, pause_s: float) -> bool:
    """Wait for `pause_s` seconds, but no longer than until the other end of `output` is closed; tell whether it is."""
    poller = select.poll()
    poller.register(output, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poller.poll(pause_s * 1000))
