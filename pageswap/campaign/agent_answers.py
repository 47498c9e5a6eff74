"""Reads what a host answers to a verb: data, which is checked before anything is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pageswap.errors import HostError

if TYPE_CHECKING:
    from pageswap.fleet import Target

_LONGEST_WORD: Final = 200

# A type or several, a list of one shape, or an object with at least these names.
_TEXT_OR_NONE: Final = (str, type(None))
_COUNT_OR_NONE: Final = (int, type(None))
_HOLDER: Final = {"pid": _COUNT_OR_NONE, "user": _TEXT_OR_NONE, "run_id": _TEXT_OR_NONE, "since": _TEXT_OR_NONE}
_METHOD: Final = {
    "name": str,
    "family": str,
    "workloads": [str],
    "available": bool,
    "reason": _TEXT_OR_NONE,
    "summary": str,
}
_FINDING: Final = {"check": str, "status": str, "found": str, "cure": _TEXT_OR_NONE}
_SHAPES: Final[dict[str, dict[str, Any]]] = {
    "clean": {"removed": int, "bytes": int, "kept": [{"path": str, "why": str}]},
    "facts": {
        "environment": {},
        "methods": [_METHOD],
        "doctor": [_FINDING],
        "lease": (dict, type(None)),
        "time": int,
    },
    "status": {"alive": bool, "pid": _COUNT_OR_NONE, "journal_bytes": int, "log": str},
}


class Status(NamedTuple):
    """How a segment stands on its host: whether its agent lives, how long its journal is, how its log ends."""

    alive: bool
    pid: int | None
    journal_bytes: int
    log: str


class Started(NamedTuple):
    """What became of a start: the agent's `pid`, or who else holds the lease; neither when it was given up."""

    pid: int | None
    holder: dict[str, Any] | None


def ask(target: Target, verb: str, document: dict[str, Any]) -> dict[str, Any]:
    """Call a verb of a host, clean, facts or status, and return its answer; raises HostError, also if it is none."""
    answer = target.call(verb, document)
    _check(target.name, verb, answer, _SHAPES[verb])
    return answer


def status_of(target: Target, work_dir: str) -> Status:
    """Ask how the segment in a folder stands; raises HostError."""
    answer = ask(target, "status", {"work_dir": work_dir})
    return Status(*(answer[name] for name in Status._fields))


def started_from(host: str, answer: dict[str, Any]) -> Started:
    """Read the last answer to `start`; raises HostError."""
    if "held_by" in answer:
        return Started(None, holder_from(host, answer["held_by"]))
    if "pid" in answer:
        _check(host, "start", answer, {"pid": int})
    return Started(answer.get("pid"), None)


def holder_from(host: str, holder: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever came
    """Read who holds a host's lease: {"pid", "user", "run_id", "since"}, unknown parts None; raises HostError."""
    _check(host, "start", holder, _HOLDER)
    words = {name: holder[name] for name in _HOLDER}
    return {name: word[:_LONGEST_WORD] if isinstance(word, str) else word for name, word in words.items()}


def _check(host: str, verb: str, answer: Any, shape: dict[str, Any]) -> None:  # noqa: ANN401 - as said above
    if not _fits(answer, shape):
        raise HostError(
            f"{host}: {verb}: what it answers is not an agent's answer: {answer!r:.200}; look at who runs the host, or"
            " measure without it"
        )


def _fits(value: object, shape: Any) -> bool:  # noqa: ANN401 - as said above
    if isinstance(shape, dict):
        return isinstance(value, dict) and all(name in value and _fits(value[name], shape[name]) for name in shape)
    if isinstance(shape, list):
        return isinstance(value, list) and all(_fits(each, shape[0]) for each in value)
    # To Python a bool is a number, too.
    return type(value) is bool if shape is bool else isinstance(value, shape) and type(value) is not bool
