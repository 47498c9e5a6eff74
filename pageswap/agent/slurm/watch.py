"""Watches a segment's job from the login host, and writes what a job can no longer that ended at its memory limit."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from pageswap.agent.daemon.foreground import answered, document_in, first_of
from pageswap.agent.journal.job import OOM, job_from_json
from pageswap.agent.journal.journal import Journal
from pageswap.agent.journal.line_fields import utc, utc_now
from pageswap.agent.slurm import queue
from pageswap.agent.slurm.jobs import has_ended, name_of, number_in, serving
from pageswap.agent.slurm.queue import SilentQueueError
from pageswap.agent.trial.executor import TrialOutcome
from pageswap.agent.workspace.agent_lock import AgentLock
from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.agent.slurm.queue import QueuedJob
    from pageswap.agent.workspace.work_folder import WorkFolder

# Where the queue answers, it does so within seconds; the mark that an agent is followed is touched after that.
_ANSWER_S = 10.0
# Asking costs a controller of thousands of jobs something; the pause grows while nothing changes.
_FIRST_ASK_S = 1.0
_LAST_ASK_S = 15.0


def job_of(work: WorkFolder) -> QueuedJob | None:
    """Return the job that serves a segment, None where that is over; its journal is whole by then. Raises HostError."""
    jobs = queue.jobs_of_mine(name_of(work))
    job = serving(work, jobs)
    if job is None:
        tell_of_memory(work, jobs)
    return job


def tell_of_memory(work: WorkFolder, jobs: Sequence[QueuedJob]) -> None:
    """Where Slurm ended a segment's job at its memory limit, give the trial in hand its row and the journal its end.

    Nothing of the job is left to do so, and the trial would end the next job, too. Raises HostError, JournalError.
    """
    ended = next((job for job in jobs if not job.lives and job.comment == first_of(work)), None)
    is_told = not os.path.exists(work.journal) or has_ended(work)
    if is_told or ended is None or ended.state != "OUT_OF_MEMORY" or ended.restarts != number_in(work.restarts):
        return
    lock = AgentLock(work.lock)
    if not lock.take():
        return  # somebody else is at it
    try:
        if not has_ended(work):
            _write(work, ended.number)
    finally:
        lock.release()


def _write(work: WorkFolder, number: int) -> None:
    job = job_from_json(document_in(work.job))
    known = answered(work)
    trial = next((each for each in job.trials if each.trial_id not in known), None)
    began = utc(os.stat(work.journal).st_mtime_ns)
    journal = Journal(work.journal, run_id=job.run_id, host=job.host, segment=job.segment, again=True)
    if trial is not None:
        reason = f"Slurm ended job {number} at its memory limit meanwhile; use a smaller region_size, or other nodes"
        outcome = TrialOutcome(OOM, reason)
        journal.append(
            "trial",
            trial_id=trial.trial_id,
            attempt=trial.attempt,
            status=outcome.status,
            reason=outcome.reason,
            started_at=began,
            **outcome.measures,
        )
    journal.append("end", why="killed", finished_at=utc_now())
    journal.close()


class JobWatch:
    """Whether a segment's job lives, asked of the queue now and then; it answers as a segment's lock does.

    It is asked in a thread, as a controller of Slurm that is away keeps who asks it waiting, and rows come meanwhile.
    """

    def __init__(self, work: WorkFolder) -> None:
        """Take the segment's folder; nothing is asked yet."""
        self._work = work
        self._asking: threading.Thread | None = None
        self._next = float("-inf")
        self._pause_s = _FIRST_ASK_S
        # Before the first answer a job may live; once it is known to be over it stays so.
        self._number: int | None = 0
        self._is_answered = False
        self._problem: HostError | None = None

    def holder(self) -> int | None:
        """Return the number of the job, 0 while nobody has told it, None once it is over.

        What does not answer now has ended nothing. Raises HostError where the first answer is one.
        """
        is_first = self._asking is None
        is_free = self._asking is None or not self._asking.is_alive()
        if self._number is not None and time.monotonic() >= self._next and is_free:
            self._asking = threading.Thread(target=self._ask, daemon=True)
            self._asking.start()
            if is_first:
                self._asking.join(_ANSWER_S)
        if self._problem is not None:
            raise self._problem
        return self._number

    def _ask(self) -> None:
        try:
            job = job_of(self._work)
        except HostError as error:
            if not self._is_answered and not isinstance(error, SilentQueueError):
                self._problem = error
        else:
            self._number = job.number if job else None
        self._is_answered = True
        self._next = time.monotonic() + self._pause_s
        self._pause_s = min(self._pause_s * 1.5, _LAST_ASK_S)
