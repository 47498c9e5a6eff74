"""One line of an agent's journal, checked: bytes from a host become a typed entry or an error."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any, Final, NoReturn

from pageswap.agent.job import FORMAT, STATUSES
from pageswap.errors import JournalError
from pageswap.store.schema import OUTCOME_TYPES

# A line holds at most one trial's rounds or one host's environment; ten thousand rounds fit.
MAX_LINE_BYTES: Final = 1 << 20

_HEAD = ("seq", "run_id", "host", "segment", "kind")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")
_INT64_MAX = (1 << 63) - 1
_MAX_TEXT = 10_000
_SHOWN = 80
_ENDS = ("done", "drained", "killed", "lease_expired")


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A checked line: its sequence number, its kind, and the kind's own fields."""

    seq: int
    kind: str
    fields: dict[str, Any]


def parse_line(line: bytes, *, run_id: str, host: str, segment: int) -> Entry:
    """Read one whole line of segment `segment` of run `run_id` on `host`.

    Raises JournalError when it is not JSON, has NaN, misses a field, has one of a wrong type or range, or belongs to
    another run, host or segment.
    """
    if len(line) > MAX_LINE_BYTES:
        raise JournalError(f"a line of {len(line):,} bytes; at most {MAX_LINE_BYTES:,} are accepted")
    try:
        document = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise JournalError(f"a line that is not JSON ({error}): {_shown(line)}") from None
    if not isinstance(document, dict) or not all(name in document for name in _HEAD):
        raise JournalError(f"a line without {', '.join(_HEAD)}: {_shown(line)}")
    for name, expected in (("run_id", run_id), ("host", host), ("segment", segment)):
        if document[name] != expected:
            raise JournalError(f"a line of {name} {_shown(document[name])}, expected '{expected}'")
    seq = _integer(document, "seq")
    kind = document["kind"]
    fields = {name: value for name, value in document.items() if name not in _HEAD}
    check = _CHECKS.get(kind) if isinstance(kind, str) else None
    if seq is None or check is None:
        raise JournalError(f"a line of unknown kind {_shown(kind)} or without a number")
    check(fields)
    return Entry(seq, kind, fields)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _shown(value: object) -> str:
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _integer(fields: dict[str, Any], name: str) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= _INT64_MAX:
        raise JournalError(f"{name} is {_shown(value)}, expected a whole number from 0 to 2**63-1 or null")
    return value


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        raise JournalError(f"{name} is {_shown(value)}, expected a text of at most {_MAX_TEXT:,} characters")
    return value


def _time(fields: dict[str, Any], name: str) -> None:
    if fields.get(name) is not None and not _TIME.fullmatch(_text(fields, name)):
        raise JournalError(f"{name} is {_shown(fields[name])}, expected UTC ISO 8601 ending in Z")


def _check_begin(fields: dict[str, Any]) -> None:
    if fields.get("format") != FORMAT:
        raise JournalError(f"journal format {_shown(fields.get('format'))}, expected {FORMAT}; use one version")
    if not isinstance(fields.get("environment"), dict) or not isinstance(fields.get("methods"), list):
        raise JournalError("a begin line without environment or methods")
    _time(fields, "started_at")


def _check_trial(fields: dict[str, Any]) -> None:
    _text(fields, "trial_id")
    _text(fields, "reason")
    _time(fields, "started_at")
    if fields.get("status") not in STATUSES:
        raise JournalError(f"status is {_shown(fields.get('status'))}, expected one of {', '.join(STATUSES)}")
    if not _integer(fields, "attempt"):
        raise JournalError(f"attempt is {_shown(fields.get('attempt'))}, expected 1 or more")
    for name, kind in OUTCOME_TYPES.items():
        if kind == "INTEGER":
            _integer(fields, name)
    rounds = fields.get("rounds_ns")
    if rounds is None:
        return
    if not isinstance(rounds, list) or not all(type(value) is int and 0 <= value <= _INT64_MAX for value in rounds):
        raise JournalError(f"rounds_ns is {_shown(rounds)}, expected a list of whole numbers or null")


def _check_tune(fields: dict[str, Any]) -> None:
    _text(fields, "name")


def _check_end(fields: dict[str, Any]) -> None:
    if fields.get("why") not in _ENDS:
        raise JournalError(f"why is {_shown(fields.get('why'))}, expected one of {', '.join(_ENDS)}")


_CHECKS = {"begin": _check_begin, "tune": _check_tune, "trial": _check_trial, "end": _check_end}
