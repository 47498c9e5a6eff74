"""The mark that tells an agent it is followed: how a follower keeps it fresh, and how the agent reads it."""

from __future__ import annotations

import json
import os
import time

_TOUCH_S = 1.0
# More than a journal's first line has.
_FIRST_BYTES = 1 << 20


def touch(mark: str) -> None:
    """Make a file, or its time of change now."""
    try:
        os.utime(mark)
    except FileNotFoundError:
        os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def try_to_touch(mark: str) -> None:
    """Do so if the disk lets one: a full or read-only one must not keep rows from being read."""
    try:
        touch(mark)
    except OSError:
        pass  # Where it stays so the agent ends with its lease.


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
        try_to_touch(self._mark)
        self._touched = time.monotonic()
        if journal >= 0 and not self._knows:
            measured = _measured_cpus(os.pread(journal, _FIRST_BYTES, 0))
            self._knows = bool(measured)
            self._leave(measured)

    def _leave(self, measured: set[int]) -> None:
        if measured and self._allowed - measured:
            os.sched_setaffinity(0, self._allowed - measured)


def _measured_cpus(data: bytes) -> set[int]:
    """Read from a journal's first line what is measured on; empty when that is not there yet."""
    line, newline, _ = data.partition(b"\n")
    try:
        return {int(cpu) for cpu in json.loads(line)["measured_cpus"]} if newline else set()
    except (ValueError, KeyError, TypeError):
        return set()
