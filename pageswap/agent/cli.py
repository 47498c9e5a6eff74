"""The agent as a program: one verb as its argument, a JSON document on standard input, JSON on standard output."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from pageswap.agent.daemon.host_context import HostContext
from pageswap.agent.document import cache_of, clean, field, follow, say, work_of
from pageswap.agent.host.preload import leave_behind
from pageswap.agent.host_words import plain
from pageswap.agent.workspace.agent_lock import AgentLock
from pageswap.agent.workspace.work_folder import mark_used
from pageswap.errors import HostError, PageswapError

if TYPE_CHECKING:
    from collections.abc import Callable

_CAP_BYTES = 128 << 20
_INTERRUPTED = 130
_LONGEST_LOG = 2000

# Each verb imports what it needs itself: `status` is asked often and must be quick.


def main(argv: list[str] | None = None, context: HostContext | None = None) -> int:
    """Do what one verb says and return the exit status: 0, or 1 after one line {"error": what, and the cure}."""
    if argv is None:
        os.umask(0o077)  # One that takes this user's own rights away would shut us out of our files.
        leave_behind()
    mark_used()
    arguments = sys.argv[1:] if argv is None else argv
    try:
        verb = _VERBS.get(arguments[0]) if len(arguments) == 1 else None
        if verb is None:
            raise HostError(f"expected one verb of {', '.join(_VERBS)}, not {arguments!r}")  # noqa: TRY301 - told below
        document = _read_document()
        if "slurm" in document:
            from pageswap.agent.slurm import verbs

            verb = verbs.ON_LOGIN_HOST.get(arguments[0], verb)
        answer = verb(document, context or HostContext())
    except PageswapError as error:
        answer = {"error": str(error)}
    except BrokenPipeError:
        return 1  # Nobody is left to tell.
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a person reads one sentence
        answer = {"error": f"the agent failed: {type(error).__name__}: {error}"}
    if answer is not None:
        say(answer)
    return int(answer is not None and "error" in answer)


def _read_document() -> dict[str, Any]:
    """Read one JSON object; a line that is one already is enough, for those who cannot close the input."""
    data = bytearray()
    while True:
        chunk = os.read(0, 1 << 16)
        data += chunk
        if len(data) > _CAP_BYTES:
            raise HostError(f"standard input: more than {_CAP_BYTES >> 20} MiB")
        if chunk and not chunk.endswith(b"\n"):
            continue
        try:
            document = json.loads(data)
        except (ValueError, RecursionError) as error:
            if chunk:
                continue
            raise HostError(f"standard input: expected a JSON object ({error})") from error
        if not isinstance(document, dict):
            raise HostError("standard input: expected a JSON object")
        return document


def _facts(document: dict[str, Any], context: HostContext) -> dict[str, Any]:
    from pageswap.agent.daemon.host_facts import host_facts
    from pageswap.agent.journal.job import job_from_json

    cpu = None if document.get("cpu") is None else field(document, "cpu", int)
    job = None if document.get("job") is None else job_from_json(field(document, "job", dict))
    return host_facts(context, cache_of(document), cpu, job)


def _clean(document: dict[str, Any], context: HostContext) -> dict[str, Any]:
    context.check()  # which bundles are in use is seen there
    return clean(document)


def _start(document: dict[str, Any], context: HostContext) -> None:
    from pageswap.agent.daemon.start import start

    start(work_of(document), field(document, "job", dict), context, say)


def _measure(document: dict[str, Any], context: HostContext) -> None:
    from pageswap.agent.daemon.foreground import measure

    # What Slurm says to a job that it begins again.
    restarts = os.environ.get("SLURM_RESTART_COUNT") or "0"
    measure(work_of(document), int(restarts) if restarts.isdigit() else 0, context)


def _follow(document: dict[str, Any], _: HostContext) -> None:
    work = work_of(document)
    follow(document, work, AgentLock(work.lock))


def _stop(document: dict[str, Any], _: HostContext) -> dict[str, Any]:
    return AgentLock(work_of(document).lock).stop(field(document, "how", str))


def _status(document: dict[str, Any], _: HostContext) -> dict[str, Any]:
    work = work_of(document)
    pid = AgentLock(work.lock).holder()
    # What is no text, as a power cut leaves it, takes four times the room when it is shown.
    log = plain(work.log_tail())[-_LONGEST_LOG:]
    return {"alive": pid is not None, "pid": pid, "journal_bytes": work.journal_bytes(), "log": log}


_VERBS: dict[str, Callable[[dict[str, Any], HostContext], dict[str, Any] | None]] = {
    "facts": _facts,
    "start": _start,
    "measure": _measure,
    "follow": _follow,
    "stop": _stop,
    "status": _status,
    "clean": _clean,
}
