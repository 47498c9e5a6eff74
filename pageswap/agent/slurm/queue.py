"""Slurm's own commands, and what they say: jobs of this user, submitted, listed and cancelled."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING, NamedTuple

from pageswap.agent.host_words import plain
from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Sequence

# The commands try for tens of seconds to reach a controller that is away, and for 49 s to reach a munged that is; who
# asks for an answer waits a minute.
_PATIENCE_S = 55.0
_LONGEST_WORDS = 400
_ENDED = (
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"),
    *("REVOKED", "TIMEOUT"),
)
# Fields of squeue with their widths, by which they are told apart; a name and a comment of ours hold no space.
_FIELDS = (("JobID", 20), ("State", 20), ("RestartCnt", 10), ("Reason", 200), ("Name", 500), ("Comment", 600))
# What Slurm's commands say where nobody answers them, and where the queue takes no more for now.
_SILENT = ("Unable to contact slurm controller", "Socket timed out", "Zero Bytes were transmitted", "in backup mode")
_DEFAULTS = ("SACCT_", "SBATCH_", "SCANCEL_", "SINFO_", "SQUEUE_", "SLURM_CLUSTERS")
_FULL = (
    "MaxSubmitJob",
    "GrpSubmitJob",
    "MaxJobCount",
    "temporarily unable to accept",
    "Resource temporarily unavailable",
)


class SilentQueueError(HostError):
    """Nobody answers for the queue at the moment; jobs go on."""


class FullQueueError(HostError):
    """The queue takes no more jobs of this user at the moment."""


class QueuedJob(NamedTuple):
    """A job as squeue shows it: how often it was begun again, and our name and folder for it."""

    number: int
    state: str
    restarts: int
    reason: str
    name: str
    comment: str

    @property
    def lives(self) -> bool:
        """Tell whether it still has, or may still get, processes."""
        return self.state not in _ENDED

    @property
    def is_pending(self) -> bool:
        """Tell whether it waits for its node, for the first time or again."""
        return self.state in ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT")


def jobs_of_mine(name: str = "") -> list[QueuedJob]:
    """List this user's jobs, those of a name if there is one, also what has ended not long ago, the newest first.

    Raises SilentQueueError, or HostError with Slurm's own words.
    """
    form = ",".join(f"{field}:{width}" for field, width in _FIELDS)
    named = [f"--name={name}"] if name else []
    text = _run(["squeue", "--noheader", "--states=all", f"--user={os.geteuid()}", *named, f"--Format={form}"])
    return sorted(map(_job, filter(str.strip, text.splitlines())), key=lambda job: job.number, reverse=True)


def submit(options: Sequence[str], script: str) -> int:
    """Have a script run as a batch job, and return its number.

    Raises SilentQueueError where it may have been submitted or not, FullQueueError, or HostError with Slurm's words.
    """
    said = _run(["sbatch", "--parsable", *options], script).split(";")[0].strip()
    if not said.isdigit():
        raise HostError(f"sbatch: expected a job's number, found {said!r:.80}")
    return int(said)


def most_minutes(partition: str | None) -> int | None:
    """Return the longest time limit that a partition, or the cluster's own, lets a job have; None where it has none.

    Raises SilentQueueError, or HostError with Slurm's own words.
    """
    named = [f"--partition={partition}"] if partition else []
    # A line for each state that its nodes are in.
    for line in _run(["sinfo", "--noheader", "--format=%P %l", *named]).splitlines():
        name, _, limit = line.strip().partition(" ")
        if name.rstrip("*") == partition if partition else name.endswith("*"):
            return _minutes_of(limit.strip())
    return None


def _minutes_of(text: str) -> int | None:
    """Read ``30:00``, ``2:00:00`` or ``1-00:00:00`` as whole minutes; None for what is no time, such as infinite."""
    found = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", text)
    days, hours, minutes, _ = (int(part or 0) for part in found.groups()) if found else (0, 0, 0, 0)
    return (days * 24 + hours) * 60 + minutes or None


def cancel(number: int, *options: str) -> None:
    """End a job, or have its processes hear a signal; one that has ended is no error. Raises HostError."""
    try:
        _run(["scancel", *options, str(number)])
    except SilentQueueError:
        raise
    except HostError:
        if any(job.number == number and job.lives and job.state != "COMPLETING" for job in jobs_of_mine()):
            raise


def end_of(number: int) -> str:
    """Return how a job ended, in Slurm's word, from its accounting where it has any; "" where nobody knows."""
    try:
        text = _run(["sacct", "--noheader", "--parsable2", "--allocations", "--format=State", f"--jobs={number}"])
    except HostError:
        return ""
    return text.strip().partition(" ")[0].partition("\n")[0]


def _job(line: str) -> QueuedJob:
    words, place = [], 0
    for _, width in _FIELDS:
        words.append(line[place : place + width].strip())
        place += width
    number, state, restarts, reason, name, comment = words
    return QueuedJob(int(number), state, int(restarts or 0), reason, name, comment)


def _run(command: Sequence[str], script: str = "") -> str:
    """Run one of Slurm's commands and return what it prints."""
    # What the environment has users' commands do by default is not meant for ours.
    environment = {name: text for name, text in os.environ.items() if not name.startswith(_DEFAULTS)}
    try:
        done = subprocess.run(  # noqa: S603 - a constant word; the rest is checked where it is read
            command,
            env=environment,
            input=script,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SilentQueueError(f"{command[0]} has not ended within {_PATIENCE_S:g} s") from None
    except OSError as error:
        raise HostError(
            f"{command[0]}: {error.strerror}; 'ssh LOGIN {command[0]} --version' must work on a cluster's login host"
        ) from error
    if done.returncode == 0:
        return done.stdout
    said = "; ".join(_words(line) for line in done.stderr.splitlines() if line.strip()) or "failed without a word"
    kind = HostError
    if any(words in said for words in _SILENT):
        kind = SilentQueueError
    elif any(words in said for words in _FULL):
        kind = FullQueueError
    raise kind(f"{command[0]}: {plain(said)[:_LONGEST_WORDS]}")


def _words(line: str) -> str:
    """Return what a command says without its own name before it."""
    return line.strip().partition(": error: ")[2] or line.strip()
