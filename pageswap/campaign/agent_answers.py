"""Reads what a host answers to a verb: data, which is checked before anything is made of it."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from pageswap.errors import HostError

_LONGEST_WORD: Final = 200

# A type or several, a list of one shape, or an object with at least these names.
_TEXT_OR_NONE: Final = (str, type(None))
_COUNT_OR_NONE: Final = (int, type(None))
_HOLDER: Final = {"pid": _COUNT_OR_NONE, "user": _TEXT_OR_NONE, "run_id": _TEXT_OR_NONE, "since": _TEXT_OR_NONE}
_STATUS: Final = {"alive": bool, "pid": _COUNT_OR_NONE, "journal_bytes": int, "log": str}
_METHOD: Final = {
    "name": str,
    "family": str,
    "workloads": [str],
    "available": bool,
    "reason": _TEXT_OR_NONE,
    "summary": str,
}
_FINDING: Final = {"check": str, "status": str, "found": str, "cure": _TEXT_OR_NONE}
_FACTS: Final = {
    "environment": {},
    "methods": [_METHOD],
    "doctor": [_FINDING],
    "lease": (dict, type(None)),
    "time": int,
}
_CLEANED: Final = {"removed": int, "bytes": int, "kept": [{"path": str, "why": str}]}


@dataclasses.dataclass(frozen=True, slots=True)
class Status:
    """How a segment stands on its host: whether its agent lives, how long its journal is, how its log ends."""

    alive: bool
    pid: int | None
    journal_bytes: int
    log: str


@dataclasses.dataclass(frozen=True, slots=True)
class Started:
    """What became of a start: the agent's `pid`, or who else holds the lease; neither when it was given up."""

    pid: int | None
    holder: dict[str, Any] | None


def status_from(host: str, answer: dict[str, Any]) -> Status:
    """Read the answer to `status`; raises HostError."""
    _check(host, "status", answer, _STATUS)
    return Status(**{name: answer[name] for name in _STATUS})


def started_from(host: str, answer: dict[str, Any]) -> Started:
    """Read the last answer to `start`; raises HostError."""
    if "held_by" in answer:
        return Started(None, holder_from(host, answer["held_by"]))
    if "pid" in answer:
        _check(host, "start", answer, {"pid": int})
    return Started(answer.get("pid"), None)


def holder_from(host: str, holder: object) -> dict[str, Any]:
    """Read who holds a host's lease: {"pid", "user", "run_id", "since"}, unknown parts None; raises HostError."""
    _check(host, "start", holder, _HOLDER)
    assert isinstance(holder, dict)  # noqa: S101 - told to the type checker; it was looked at above
    words = {name: holder[name] for name in _HOLDER}
    return {name: word[:_LONGEST_WORD] if isinstance(word, str) else word for name, word in words.items()}


def facts_from(host: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Give back the answer to `facts` when it is one; raises HostError."""
    _check(host, "facts", answer, _FACTS)
    return answer


def cleaned_from(host: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Give back the answer to `clean` when it is one; raises HostError."""
    _check(host, "clean", answer, _CLEANED)
    return answer


def _check(host: str, verb: str, answer: Any, shape: dict[str, Any]) -> None:  # noqa: ANN401 - whatever came
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
