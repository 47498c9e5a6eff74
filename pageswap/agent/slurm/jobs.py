"""One node's part of a run as batch jobs: which one serves which segment, how it is submitted, whether it lives."""

from __future__ import annotations

import contextlib
import math
import os
import shlex
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from pageswap.agent.host_words import misfit
from pageswap.agent.journal.journal import END_LINE
from pageswap.agent.slurm import queue
from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pageswap.agent.slurm.queue import QueuedJob
    from pageswap.agent.workspace.work_folder import WorkFolder

PREFIX = "pageswap/"
# How often files are looked at that a job writes.
LOOK_S = 0.25
# What is expected is wrong by a factor of three now and then; an agent may wait for the one before it to be gone.
_MARGIN = 3.0
_BEGIN_S = 120.0
# Slurm counts in minutes, and may send a warning one of them too early: in a shorter job there is none.
_SHORT_MIN = 4
# Slurm's own bound is a year.
_MOST_MIN = 365 * 24 * 60
_WARNING_S = 30.0
_MOST_WARNING_S = 600.0
_WORD = (str,)
_SHAPE = {
    **dict.fromkeys(("node", "python", "bundle"), _WORD),
    **dict.fromkeys(("partition", "account", "constraint"), (str, type(None))),
    "minutes": (int, type(None)),
}


class Placement(NamedTuple):
    """Where and how a node's jobs are run: Slurm's names, and the Python and bundle that run there.

    A job asks for no more than `minutes`, where that is not None.
    """

    node: str
    python: str
    bundle: str
    partition: str | None
    account: str | None
    constraint: str | None
    minutes: int | None

    @classmethod
    def from_json(cls, document: Any) -> Placement:  # noqa: ANN401 - whatever came
        """Read what a controller says; raises HostError."""
        problem = misfit(document, _SHAPE)
        if problem:
            raise HostError(f"standard input: slurm: {problem}")
        return cls(**{name: document[name] for name in cls._fields})

    def minutes_for(self, expected_s: float, longest_s: float, most: int | None) -> int:
        """Return the time limit of a job that is expected to take so long, its longest trial up to `longest_s`.

        It is the partition's `most` at most, where that has one; what does not fit is left to another job.
        """
        wanted = math.ceil((_MARGIN * expected_s + longest_s + _BEGIN_S) / 60)
        bounds = (bound for bound in (self.minutes, most) if bound is not None)
        return min(max(wanted, _SHORT_MIN + 1), *bounds, _MOST_MIN)

    def options(self, name: str, folder: str, minutes: int, warning_s: float = 0.0) -> list[str]:
        """Return what sbatch is told: one exclusive job on this node, begun again where the node fails.

        It is told of its end `warning_s` before its time limit, where that is long enough.
        """
        given = {
            "job-name": name,
            "comment": folder,
            "nodelist": self.node,
            "partition": self.partition,
            "account": self.account,
            "constraint": self.constraint,
            "time": minutes,
            "output": f"{folder}/slurm.out",
        }
        fixed = ("--nodes=1", "--ntasks=1", "--exclusive", "--mem=0", "--requeue", "--open-mode=append", "--chdir=/")
        options = [*fixed, *(f"--{key}={value}" for key, value in given.items() if value is not None)]
        if warning_s and minutes >= _SHORT_MIN:
            options.append(f"--signal=B:TERM@{int(min(warning_s + _WARNING_S, minutes * 20.0, _MOST_WARNING_S))}")
        return options

    def script(self, verb: str, document: str, output: str = "") -> str:
        """Return a batch script that becomes an agent's verb, with a file as its input; its environment is its own.

        The size of an environment moves the stack of what is measured, so it must not depend on who submits.
        """
        kept = ("HOME", "PATH", "USER", "LOGNAME", "SLURM_JOB_ID", "SLURM_RESTART_COUNT")
        environment = " ".join(f'{name}="${name}"' for name in kept)
        program = shlex.join([self.python, "-I", "-S", "-B", self.bundle, verb])
        into = f" >{shlex.quote(output)}" if output else ""
        return f"#!/bin/sh\nexec env -i {environment} {program} <{shlex.quote(document)}{into}\n"


def name_of(work: WorkFolder) -> str:
    """Return the name of a run's jobs on one node, by which one is found whose submission was not heard of."""
    return PREFIX + "/".join(work.path.split("/")[-3:-1])


def living(jobs: Sequence[QueuedJob]) -> QueuedJob | None:
    """Return the newest job that lives."""
    return next((job for job in jobs if job.lives), None)


def serving(work: WorkFolder, jobs: Sequence[QueuedJob]) -> QueuedJob | None:
    """Return the living job whose processes write a segment's journal, or will; None where that is over.

    A job that was begun again has left the segments of its former lives behind.
    """
    job = living(jobs)
    if job is None or not os.path.exists(work.job):
        return None
    is_own = job.comment == work.path or os.path.exists(work.continues)
    is_over = os.path.exists(work.journal) and (job.is_pending or job.restarts != number_in(work.restarts))
    return job if is_own and not is_over else None


def number_in(path: str) -> int | None:
    """Return the number that a file holds, None where there is no such file."""
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def has_ended(work: WorkFolder) -> bool:
    """Tell whether a segment's journal has come to its end."""
    with contextlib.suppress(OSError), open(work.journal, "rb") as journal:
        journal.seek(max(0, work.journal_bytes() - 1000))
        return journal.read().rstrip(b"\n").rpartition(b"\n")[2].startswith(END_LINE)
    return False


def last_words(work: WorkFolder, number: int | None) -> str:
    """Return what is known of how a segment's job ended: Slurm's word for it, and the end of what was printed."""
    words = ""
    with contextlib.suppress(HostError):
        ended = [job for job in queue.jobs_of_mine(name_of(work)) if not job.lives]
        word = next((job.state for job in ended if number in (None, job.number)), "")
        word = word or (queue.end_of(number) if number else "")
        words = f"Slurm: {word}" if word else ""
    with contextlib.suppress(OSError), open(f"{work.path}/slurm.out", encoding="utf-8", errors="replace") as file:
        printed = file.read()[-1000:].strip().splitlines()
        words = "\n".join([*printed[-5:], *filter(None, [words])])
    return words


def refresh(folder: str) -> None:
    """Have this machine ask anew what is in a folder: of a name that was not there NFS tells for a minute what it knew.

    A change that this machine has made itself makes it ask.
    """
    probe = f"{folder}/.look"
    with contextlib.suppress(OSError):
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        os.unlink(probe)


def looks(seconds: float) -> Iterator[None]:
    """Yield now, and again until so many seconds have passed; whoever takes it waits in between."""
    until = time.monotonic() + seconds
    while True:
        yield
        if time.monotonic() >= until:
            return
