"""Starts an agent on a node as a batch job, and tells what it waits for until it measures."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import TYPE_CHECKING, Any

from pageswap.agent.daemon.follow import has_gone, touch
from pageswap.agent.journal.job import Job, job_from_json
from pageswap.agent.slurm import queue
from pageswap.agent.slurm.jobs import LOOK_S, Placement, last_words, living, looks, name_of, refresh, serving
from pageswap.agent.slurm.queue import FullQueueError, QueuedJob, SilentQueueError
from pageswap.agent.workspace.work_folder import private_folder, write_durably
from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.agent.workspace.work_folder import WorkFolder

    Say = Callable[[dict[str, Any]], None]

_ASK_S = 1.0
_LAST_ASK_S = 15.0
# Longer than a controller that has just started again may take a node for lost.
_UNUSABLE_S = 20.0
_UNUSABLE = (
    *("PartitionDown", "PartitionInactive", "NodeDown", "BadConstraints", "AccountNotAllowed"),
    *("InvalidAccount", "InvalidQOS", "PartitionTimeLimit", "PartitionNodeLimit", "JobHeldAdmin"),
    *("AssocMaxWallDurationPerJobLimit", "QOSMaxWallDurationPerJobLimit"),
)
# A node that is named may be said to be not available (ReqNodeNotAvail) because others have their turn before; and of
# an account, a group or a QOS that may not, Slurm tells a sentence in place of its word for the reason.
_UNUSABLE_WORDS = ("UnavailableNodes", "use this partition")


def start(work: WorkFolder, document: dict[str, Any], placement: Placement, say: Say) -> None:
    """Have a job measure on the node, and say its number as {"pid"} when it has begun, or {"held_by"}.

    Before, {"pending"} says why it has not, whenever that changes. A job of the run that was begun again by Slurm
    serves the segment instead of a new one; where that has ended already nothing is said of a process. Raises
    HostError when the node cannot be used, or the job ended before it had begun.
    """
    the_job = job_from_json(document)
    if os.path.exists(work.journal) and not os.path.exists(work.continues):
        raise HostError(f"{work.path}: this segment has run already; use another segment number")
    _Start(work, document, the_job, placement, say).run()


def _is_unusable(reason: str) -> bool:
    return reason.startswith(_UNUSABLE) or any(words in reason for words in _UNUSABLE_WORDS)


class _Start:
    """One start, until it is known what became of it or nobody listens any more."""

    def __init__(self, work: WorkFolder, document: dict[str, Any], job: Job, placement: Placement, say: Say) -> None:
        self._work, self._document, self._job, self._placement, self._say = work, document, job, placement, say
        # What was submitted here, and what serves the segment, which Slurm may have begun again from an earlier one.
        self._number: int | None = None
        self._serving = 0
        self._told = ""
        self._unusable_since: float | None = None
        self._seen = ""
        self._words = 0

    def run(self) -> None:
        pause_s = _ASK_S
        while True:
            is_silent = False
            refresh(self._work.path)
            try:
                jobs = queue.jobs_of_mine(name_of(self._work))
                job = serving(self._work, jobs) or living(jobs)
                if job is None and self._ends(jobs):
                    return
                self._look_at(job)
            except (SilentQueueError, FullQueueError) as error:
                is_silent = True
                self._wait_for(str(error))
            for _ in looks(pause_s):
                if self._relay():
                    return
                if has_gone(1, LOOK_S):
                    raise HostError("whoever asked for the start has gone")
            pause_s = _ASK_S if is_silent else min(pause_s * 1.5, _LAST_ASK_S)

    def _ends(self, jobs: list[QueuedJob]) -> bool:
        """Submit the job if that was not done; tell whether one that Slurm began again has ended, too."""
        if os.path.exists(self._work.continues) and os.path.exists(self._work.journal):
            self._say({})
            return True
        if self._relay():
            return True
        if self._number is not None:
            raise HostError(
                f"Slurm's job {self._number} ended before it had begun to measure:"
                f" {last_words(self._work, self._number) or 'it said nothing'}"
            )
        known = next((each for each in jobs if each.comment == self._work.path), None)
        if known is not None:
            # Its submission was not heard of.
            self._number = known.number
            return False
        self._submit()
        return False

    def _submit(self) -> None:
        private_folder(self._work.path)
        asked = f"{self._work.path}/asked.json"
        try:
            write_durably(self._work.job, json.dumps(self._document, separators=(",", ":")).encode())
            write_durably(asked, json.dumps({"work_dir": self._work.path}).encode())
        except OSError as error:
            raise HostError(f"{self._work.path}: {error.strerror}; look at space and permissions there") from error
        longest_s = max((trial.timeout_s for trial in self._job.trials), default=0.0)
        most = queue.most_minutes(self._placement.partition)
        minutes = self._placement.minutes_for(self._job.expected_s, longest_s, most)
        options = self._placement.options(name_of(self._work), self._work.path, minutes, longest_s)
        self._number = queue.submit(options, self._placement.script("measure", asked))

    def _look_at(self, job: QueuedJob | None) -> None:
        """Tell why a job waits, and show the queue's cleaners that somebody waits for it."""
        for mark in {self._work.path, job.comment if job else self._work.path}:
            with contextlib.suppress(OSError):
                touch(f"{mark}/followed")
        if job is None:
            return
        self._serving = job.number
        if not job.is_pending:
            self._unusable_since = None
            if job.state == self._seen:
                # Its node may still have to be got ready, or be tidied up after another job of ours.
                self._wait_for(f"job {job.number} is {job.state}, and its agent has not begun")
            self._seen = job.state
            return
        self._wait_for(f"job {job.number} is pending: {job.reason}")
        # A node that has failed, or is needed for something else, may come back: its job goes on by itself.
        if job.restarts or not _is_unusable(job.reason):
            self._unusable_since = None
        elif self._unusable_since is None:
            self._unusable_since = time.monotonic()
        elif time.monotonic() - self._unusable_since > _UNUSABLE_S and not self._job.wait:
            queue.cancel(job.number)
            raise HostError(
                f"Slurm's job {job.number} cannot begin: {job.reason}; look at 'scontrol show node"
                f" {self._placement.node}' and the partition, or wait for it with --wait"
            )

    def _wait_for(self, reason: str) -> None:
        if reason != self._told:
            self._told = reason
            self._say({"pending": reason})

    def _relay(self) -> bool:
        """Pass on what the agent has said since the last look; tell whether it has decided."""
        try:
            with open(self._work.said, "rb") as file:
                file.seek(self._words)
                lines = file.read().split(b"\n")[:-1]
        except OSError:
            return False
        for line in lines:
            self._words += len(line) + 1
            word = json.loads(line)
            if "error" in word:
                raise HostError(word["error"])
            if "pid" in word:
                self._say({"pid": self._serving or word["pid"]})
            else:
                self._say(word)
            if "waiting_for" not in word:
                return True
        return False
