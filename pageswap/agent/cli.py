"""The agent as a program: one verb as its argument, a JSON document on standard input, JSON on standard output."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from pageswap.agent.daemon.host_context import HostContext
from pageswap.agent.host.preload import leave_behind
from pageswap.agent.host_words import plain
from pageswap.agent.workspace.agent_lock import AgentLock
from pageswap.agent.workspace.work_folder import WorkFolder, mark_used, this_cache
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
        answer = verb(_read_document(), context or HostContext())
    except PageswapError as error:
        answer = {"error": str(error)}
    except BrokenPipeError:
        return 1  # Nobody is left to tell.
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a person reads one sentence
        answer = {"error": f"the agent failed: {type(error).__name__}: {error}"}
    if answer is not None:
        _say(answer)
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


def _say(word: dict[str, Any]) -> None:
    try:
        sys.stdout.write(json.dumps(word, separators=(",", ":")) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _field(document: dict[str, Any], name: str, kind: type) -> Any:  # noqa: ANN401 - of that kind
    value = document.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise HostError(f"standard input: {name} is {value!r:.60}, expected {kind.__name__}")
    return value


def _work(document: dict[str, Any]) -> WorkFolder:
    return WorkFolder(_field(document, "work_dir", str))


def _cache(document: dict[str, Any]) -> str:
    return this_cache(None if document.get("cache") is None else _field(document, "cache", str))


def _facts(document: dict[str, Any], context: HostContext) -> dict[str, Any]:
    from pageswap.agent.daemon.host_facts import host_facts
    from pageswap.agent.journal.job import job_from_json

    cpu = None if document.get("cpu") is None else _field(document, "cpu", int)
    job = None if document.get("job") is None else job_from_json(_field(document, "job", dict))
    return host_facts(context, _cache(document), cpu, job)


def _clean(document: dict[str, Any], context: HostContext) -> dict[str, Any]:
    from pageswap.agent.workspace.cleaning import clean_cache

    context.check()  # which bundles are in use is seen there
    older_than_s = document.get("older_than_s", 0.0)
    if isinstance(older_than_s, bool) or not isinstance(older_than_s, (int, float)) or not older_than_s >= 0:
        raise HostError(f"standard input: older_than_s is {older_than_s!r:.60}, expected a number of seconds")
    return clean_cache(_cache(document), _field(document, "runs", str), older_than_s=older_than_s)


def _start(document: dict[str, Any], context: HostContext) -> None:
    from pageswap.agent.daemon.start import start

    start(_work(document), _field(document, "job", dict), context, _say)


def _follow(document: dict[str, Any], _: HostContext) -> None:
    from pageswap.agent.daemon.follow import Heartbeats, stream

    work = _work(document)
    offset = _field(document, "offset", int)
    if offset < 0:
        raise HostError(f"standard input: offset is {offset}, expected 0 or more")
    # Absent where the reader's end closes the output.
    signs = Heartbeats(0, float(_field(document, "signs_s", int))) if "signs_s" in document else None
    stream(work, offset, AgentLock(work.lock), 1, signs)


def _stop(document: dict[str, Any], _: HostContext) -> dict[str, Any]:
    return AgentLock(_work(document).lock).stop(_field(document, "how", str))


def _status(document: dict[str, Any], _: HostContext) -> dict[str, Any]:
    work = _work(document)
    pid = AgentLock(work.lock).holder()
    # What is no text, as a power cut leaves it, takes four times the room when it is shown.
    log = plain(work.log_tail())[-_LONGEST_LOG:]
    return {"alive": pid is not None, "pid": pid, "journal_bytes": work.journal_bytes(), "log": log}


_VERBS: dict[str, Callable[[dict[str, Any], HostContext], dict[str, Any] | None]] = {
    "facts": _facts,
    "start": _start,
    "follow": _follow,
    "stop": _stop,
    "status": _status,
    "clean": _clean,
}
