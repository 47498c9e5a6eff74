"""An agent that stays what it was started as, so that a scheduler, which starts it, ends it with all that it has begun.

Its words for whoever asked for the start are in a file, as are those of its log. A scheduler may start it again, after
a node has failed or was needed for something else: it goes on with what it owes in the next segment.
"""

from __future__ import annotations

import json
import os
import traceback
from typing import TYPE_CHECKING, Any

from pageswap.agent.daemon.session import log
from pageswap.agent.daemon.start import Starting, keep
from pageswap.agent.journal.job import job_from_json
from pageswap.agent.workspace.work_folder import WorkFolder, write_durably
from pageswap.errors import HostError

if TYPE_CHECKING:
    from pageswap.agent.daemon.host_context import HostContext


def measure(work: WorkFolder, restarts: int, context: HostContext) -> None:
    """Execute the job that lies in a segment's folder, or what is left of it in the first segment after it; no return.

    `restarts` counts how often the scheduler has begun it again. Raises HostError where nothing may begin.
    """
    context.check()
    found = _next_of(work)
    if found is None:
        log("all that was owed is measured")
        return
    work, document = found
    the_job = job_from_json(document)
    write_durably(work.restarts, str(restarts).encode())
    words = os.open(work.said, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    output = os.open(work.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    status = 1
    try:
        starting = Starting(words)
        status = keep(the_job, work, context, lambda: starting.run(the_job, work, context), pipe=words)
    except BaseException:  # noqa: BLE001 - the log is the last one to hear of it
        traceback.print_exc()
    finally:
        # As two processes come here: the agent and its keeper.
        os._exit(status)


def _next_of(first: WorkFolder) -> tuple[WorkFolder, dict[str, Any]] | None:
    """Return the folder of the segment that is to be measured now, with its job; None where nothing is owed any more.

    Raises HostError where a controller has gone on with other segments meanwhile.
    """
    document = document_in(first.job)
    if not os.path.exists(first.journal):
        return first, document
    folder, number = os.path.split(first.path)
    known = answered(first)
    work = first
    segment = int(number)
    while os.path.exists(work.journal):
        segment += 1
        work = WorkFolder(f"{folder}/{segment}")
        if not os.path.exists(work.path):
            trials = [trial for trial in document["trials"] if trial["trial_id"] not in known]
            if not trials:
                return None
            document = {**document, "segment": segment, "trials": trials}
            _take(work, number, document)
            return work, document
        if first_of(work) != first.path:
            raise HostError(f"{work.path}: the run has gone on without this job, which ends")
        known |= answered(work)
    return work, document_in(work.job)


def _take(work: WorkFolder, first: str, document: dict[str, Any]) -> None:
    """Make a segment's folder, unless a controller does so at the same time; raises HostError then."""
    try:
        os.mkdir(work.path, 0o700)
        write_durably(work.continues, first.encode())
        write_durably(work.job, json.dumps(document, separators=(",", ":")).encode())
    except OSError as error:
        raise HostError(f"{work.path}: this job cannot go on there: {error.strerror}") from error


def answered(work: WorkFolder) -> set[str]:
    """Return the trials that have an outcome or a profile in a segment's journal; what was cut off has none."""
    found = set()
    with open(work.journal, "rb") as journal:
        for line in journal:
            if line.startswith((b'{"kind":"trial"', b'{"kind":"profile"')) and line.endswith(b"\n"):
                found.add(json.loads(line)["trial_id"])
    return found


def document_in(path: str) -> dict[str, Any]:
    """Read the job that lies in a file; raises HostError."""
    try:
        with open(path, "rb") as file:
            document = json.loads(file.read())
    except (OSError, ValueError) as error:
        raise HostError(f"{path}: there is no job to measure ({error}); resume the run") from error
    if not isinstance(document, dict):
        raise HostError(f"{path}: is no job; resume the run")
    return document


def first_of(work: WorkFolder) -> str:
    """Return the folder of the segment that a segment's job was submitted for, which may be itself."""
    try:
        with open(work.continues, encoding="ascii", errors="replace") as file:
            return f"{os.path.dirname(work.path)}/{file.read().strip()}"
    except OSError:
        return work.path
