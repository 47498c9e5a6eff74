"""Following a journal: the stream a controller reads, and the mark that tells the agent somebody still does."""

from __future__ import annotations

import json
import os
import select
import time
from typing import TYPE_CHECKING

from pageswap.agent.journal import MAX_LINE_BYTES
from pageswap.errors import HostError

if TYPE_CHECKING:
    from pageswap.agent.lock import AgentLock
    from pageswap.agent.workdir import WorkDir

_TOUCH_S = 1.0
# Looking costs some 0.2 ms on a CPU that the agent needs too; the pause grows while nothing comes.
_PAUSE_S = 0.025
_LONG_PAUSE_S = 0.1
_CHUNK_BYTES = 1 << 18
_LONGEST_END_BYTES = 4096


def stream(work: WorkDir, offset: int, lock: AgentLock, output: int) -> None:
    """Write the journal's whole lines from byte `offset` on to `output` as they appear, and keep the mark fresh.

    Returns when the journal has ended, its agent is dead or the reader has gone. Raises HostError when there is
    neither a journal nor an agent, or `offset` is beyond the journal.
    """
    _leave_measured_cpu()
    journal = -1
    touched = -_TOUCH_S
    pause_s = _PAUSE_S
    rest = b""
    try:
        while True:
            # Asked before reading: what a dying agent wrote last is read after its death was seen.
            alive = lock.holder() is not None
            if journal < 0:
                journal = _open(work, offset, alive=alive)
            if time.monotonic() - touched >= _TOUCH_S:
                touch(work.followed)
                touched = time.monotonic()
            chunk = os.pread(journal, _CHUNK_BYTES, offset + len(rest)) if journal >= 0 else b""
            whole, newline, rest_of_chunk = (rest + chunk).rpartition(b"\n")
            lines, rest = whole + newline, rest_of_chunk
            if not _send(output, lines):
                return
            offset += len(lines)
            if _is_over(work, lines, rest) or not (alive or chunk):
                return
            if chunk:
                pause_s = _PAUSE_S
                continue
            if _reader_has_gone(output, pause_s):
                return
            pause_s = min(pause_s * 1.5, _LONG_PAUSE_S)
    finally:
        if journal >= 0:
            os.close(journal)


def ends_in(journal: str) -> bool:
    """Tell whether a journal has its last line; False where there is none."""
    try:
        with open(journal, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LONGEST_END_BYTES))
            tail = file.read(_LONGEST_END_BYTES)
    except OSError:
        return False
    return tail.endswith(b"\n") and _has_end(tail)


def _is_over(work: WorkDir, lines: bytes, rest: bytes) -> bool:
    """Tell whether the end was just sent; raises HostError when what follows it is no line."""
    if _has_end(lines):
        touch(work.delivered)
        return True
    if len(rest) > MAX_LINE_BYTES:
        raise HostError(f"{work.journal}: a line longer than {MAX_LINE_BYTES} bytes")
    return False


def touch(mark: str) -> None:
    """Make a file, or its time of change now."""
    try:
        os.utime(mark)
    except FileNotFoundError:
        os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


class FollowedMark:
    """The agent's view of the mark: for how long nobody has followed."""

    def __init__(self, mark: str, *, is_new: bool = True) -> None:
        """Make the mark unless it is there already (`is_new` false); the time counts from now on."""
        if is_new:
            touch(mark)
        self._mark = mark
        self._changed_ns = os.stat(mark).st_mtime_ns
        self._looked = self._followed = time.monotonic()

    def idle_s(self) -> float:
        """Give the seconds since the mark was last touched; steps of the wall clock do not count."""
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


def _open(work: WorkDir, offset: int, *, alive: bool) -> int:
    try:
        journal = os.open(work.journal, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        if alive:
            return -1
        raise HostError(f"{work.path}: no journal and no agent; start the segment first") from None
    if offset > os.fstat(journal).st_size:
        os.close(journal)
        raise HostError(f"{work.journal}: is shorter than offset {offset}; another journal than was read before")
    return journal


def _send(output: int, lines: bytes) -> bool:
    left = memoryview(lines)
    try:
        while left:
            left = left[os.write(output, left) :]
    except BrokenPipeError:
        return False
    return True


def _has_end(lines: bytes) -> bool:
    last = lines[lines.rfind(b"\n", 0, -1) + 1 :]
    if len(last) > _LONGEST_END_BYTES or b'"end"' not in last:
        return False
    try:
        return bool(json.loads(last).get("kind") == "end")
    except (ValueError, AttributeError):
        return False


def _reader_has_gone(output: int, pause_s: float) -> bool:
    """Wait, but no longer than until the other end of `output` is closed."""
    poller = select.poll()
    poller.register(output, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poller.poll(pause_s * 1000))


def _leave_measured_cpu() -> None:
    allowed = os.sched_getaffinity(0)
    if len(allowed) > 1:
        os.sched_setaffinity(0, allowed - {max(allowed)})
