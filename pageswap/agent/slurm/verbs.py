"""The agent's verbs on the login host of a cluster: what they ask of a machine is done on its node, as a job."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

from pageswap.agent.document import cache_of, clean, field, follow, say, work_of
from pageswap.agent.host_words import plain
from pageswap.agent.slurm import queue
from pageswap.agent.slurm.ask import ask
from pageswap.agent.slurm.cleaning import cancel_unwanted
from pageswap.agent.slurm.jobs import LOOK_S, Placement, has_ended, last_words, looks, name_of, serving
from pageswap.agent.slurm.queue import SilentQueueError
from pageswap.agent.slurm.start import start
from pageswap.agent.slurm.watch import JobWatch, job_of
from pageswap.agent.workspace.agent_lock import DRAIN, KILL, AgentLock

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.agent.daemon.host_context import HostContext
    from pageswap.agent.workspace.work_folder import WorkFolder

_END_S = 10.0
_LONGEST_LOG = 2000


def status(work: WorkFolder) -> dict[str, Any]:
    """Tell how a segment stands, as the verb of this name; its process is its job, if that is known."""
    number: int | None = None
    job = None
    try:
        job = job_of(work)
    except SilentQueueError:
        # Nothing is over because nobody could be asked.
        is_alive, words = not has_ended(work), ""
    else:
        is_alive, words = job is not None, "" if job else last_words(work, None)
        number = job.number if job else None
    pending = {"pending": f"job {job.number} is pending: {job.reason}"} if job and job.is_pending else {}
    log = plain("\n".join(filter(None, [work.log_tail(), words])))[-_LONGEST_LOG:]
    return {"alive": is_alive, "pid": number, "journal_bytes": work.journal_bytes(), "log": log, **pending}


def stop(work: WorkFolder, how: str) -> dict[str, Any]:
    """Have a segment's job drain, end, or never begin, as the verb of this name."""
    job = serving(work, queue.jobs_of_mine(name_of(work)))
    if job is None or how == "forbid":
        if how != "drain":
            AgentLock(work.lock).stop("forbid")
        if job is not None and job.is_pending:
            queue.cancel(job.number)
        return {"pid": job.number if job else None, "alive": False}
    if job.is_pending or job.state == "SUSPENDED":
        # Nothing of it hears a signal, and what it measures is owed anyway.
        queue.cancel(job.number)
        return {"pid": job.number, "alive": False}
    number = signal.Signals(DRAIN if how == "drain" else KILL)
    queue.cancel(job.number, "--batch", f"--signal={number.name.removeprefix('SIG')}")
    if how == "kill" and not _ends_soon(work):
        queue.cancel(job.number)
    return {"pid": job.number, "alive": how == "drain"}


def _ends_soon(work: WorkFolder) -> bool:
    for _ in looks(_END_S):
        time.sleep(LOOK_S)
        if has_ended(work):
            return True
    return False


def _start(document: dict[str, Any], _: HostContext) -> None:
    start(work_of(document), field(document, "job", dict), Placement.from_json(document["slurm"]), say)


def _follow(document: dict[str, Any], _: HostContext) -> None:
    work = work_of(document)
    follow(document, work, JobWatch(work))


def _facts(document: dict[str, Any], _: HostContext) -> dict[str, Any]:
    asked = {name: value for name, value in document.items() if name != "slurm"}
    return ask(cache_of(document), "facts", asked, Placement.from_json(document["slurm"]))


def _clean(document: dict[str, Any], context: HostContext) -> dict[str, Any]:
    context.check()
    return clean(document, cancel_unwanted(cache_of(document)))


# In place of those of a host; what is asked of a machine is asked of a job on one.
ON_LOGIN_HOST: dict[str, Callable[[dict[str, Any], HostContext], dict[str, Any] | None]] = {
    "facts": _facts,
    "start": _start,
    "follow": _follow,
    "stop": lambda document, _: stop(work_of(document), field(document, "how", str)),
    "status": lambda document, _: status(work_of(document)),
    "clean": _clean,
}
