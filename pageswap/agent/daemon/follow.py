"""Following a journal: the stream a controller reads, and the mark that tells the agent somebody still does."""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING

from pageswap.agent.journal.journal import END_LINE, MAX_LINE_BYTES
from pageswap.agent.workspace.followed_mark import Follower, try_to_touch
from pageswap.errors import HostError

if TYPE_CHECKING:
    from pageswap.agent.workspace.agent_lock import AgentLock
    from pageswap.agent.workspace.work_folder import WorkFolder

# Looking costs some 0.2 ms on a CPU that the agent needs too; the pause grows while nothing comes.
_PAUSE_S = 0.025
_LONG_PAUSE_S = 0.1
_CHUNK_BYTES = 1 << 18


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


def stream(work: WorkFolder, offset: int, lock: AgentLock, output: int, signs: Heartbeats | None = None) -> None:
    """Write the journal's whole lines from byte `offset` on to `output` as they appear, and keep the mark fresh.

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
            if not _send(output, lines, signs):
                return
            offset += len(lines)
            if len(rest) > MAX_LINE_BYTES:
                raise HostError(f"{work.journal}: a line longer than {MAX_LINE_BYTES} bytes")
            if lines[lines.rfind(b"\n", 0, -1) + 1 :].startswith(END_LINE) or not (alive or chunk):
                try_to_touch(work.delivered)
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


def _reader_has_gone(output: int, pause_s: float) -> bool:
    """Wait, but no longer than until the other end of `output` is closed."""
    poller = select.poll()
    poller.register(output, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poller.poll(pause_s * 1000))
