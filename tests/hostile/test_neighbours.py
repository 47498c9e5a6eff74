"""Other users of the measured host: their load is told, and nothing that they may not do is opened for us."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import child

from pageswap import native
from pageswap.agent.trial.core_calls import native_core

if TYPE_CHECKING:
    from collections.abc import Callable

NOBODY = 65534


def become_nobody() -> None:
    """Be another user, where one may."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)


def told_by_a_child(tell: Callable[[], Any]) -> str:
    """Return the text of what a child of this process finds."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write, repr(tell()).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(pid, 0)
    with os.fdopen(read) as answer:
        return answer.read()


def test_a_neighbour_on_the_measured_cpu_is_counted() -> None:
    """Who takes part of it is no part of the trial: the time is told beside the trial's own."""
    cpu = max(os.sched_getaffinity(0))
    neighbour = os.fork()
    if neighbour == 0:
        os.sched_setaffinity(0, {cpu})
        become_nobody()
        while True:
            pass
    try:
        trial = child.params(region_bytes=4 * child.MIB, iterations=2_000_000, cpus=(cpu,))
        counters = native.run_trial(trial).counters
    finally:
        os.kill(neighbour, signal.SIGKILL)
        os.waitpid(neighbour, 0)

    # One tick of the kernel's clock is the least that is counted.
    assert counters["foreign_cpu_ns"] >= 10_000_000


def test_userfaultfd_needs_no_right() -> None:
    """To hold up the kernel's own faults needs one; for those of user mode no setting has to be loosened."""

    def found() -> list[tuple[str, bool]]:
        return [(each["name"], each["available"]) for each in native_core().methods() if "uffd" in each["name"]]

    def found_by_nobody() -> list[tuple[str, bool]]:
        become_nobody()
        return found()

    assert told_by_a_child(found_by_nobody) == told_by_a_child(found) != "[]"
