"""The journal of a segment: append-only lines made durable one by one, and the reader that trusts none of them."""

from __future__ import annotations

import json
import math
import os
import re
from typing import Any

from pageswap.agent.host.host_description import environment_problem, methods_problem
from pageswap.agent.journal import job
from pageswap.agent.workspace.work_folder import sync_folder
from pageswap.errors import JournalError

MAX_LINE_BYTES = 4 << 20
ENDS = ("done", "drained", "killed", "lease_expired")
COUNTERS = (
    "elapsed_ns",
    "setup_ns",
    "verify_ns",
    "minor_faults",
    "major_faults",
    "voluntary_switches",
    "involuntary_switches",
    "vmas_peak",
)
MEASURES = (*COUNTERS, "rounds_ns", "cpu")
# A reader takes no more than this of what a host says beside the times: a row is a measurement, not a parcel.
MAX_TEXT_BYTES = 1 << 16

_NULL = type(None)
# What each kind of line must hold; more is allowed, so that an older controller can read a newer agent's journal.
_COMMON: dict[str, tuple[type, ...]] = {"seq": (int,), "run_id": (str,), "host": (str,), "segment": (int,)}
_FIELDS: dict[str, dict[str, tuple[type, ...]]] = {
    "begin": {"format": (int,), "pid": (int,), "started_at": (str,), "environment": (dict,), "methods": (list,)},
    "tune": {"name": (str,)},
    "trial": {
        "trial_id": (str,),
        "attempt": (int,),
        "status": (str,),
        "reason": (str,),
        "cpu": (int, _NULL),
        "rounds_ns": (list, _NULL),
        "started_at": (str,),
        **dict.fromkeys(COUNTERS, (int, _NULL)),
    },
    "end": {"why": (str,), "finished_at": (str,)},
}
# What a trial's line may hold beside that: evidence of a quiet host.
_OPTIONAL: dict[str, tuple[type, ...]] = {
    "build": (str, _NULL),
    "core_hash": (str, _NULL),
    "counters": (dict, _NULL),
    "cpu_khz_before": (int, _NULL),
    "cpu_khz_after": (int, _NULL),
    "throttle_count": (int, _NULL),
    "load1_before": (float, int, _NULL),
    "load1_after": (float, int, _NULL),
    "wall_ns": (int, _NULL),
}
_MAX_INTEGER = (1 << 63) - 1
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}", re.ASCII)


class Journal:
    """Appends lines; each is on the disk when `append` returns."""

    def __init__(self, path: str, *, run_id: str, host: str, segment: int) -> None:
        """Create the file; raises JournalError when it is there already or cannot be made."""
        self._path = path
        self._labels = {"run_id": run_id, "host": host, "segment": segment}
        self._next = 0
        self._length = 0
        self._broken = False
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
            sync_folder(os.path.dirname(path))
        except OSError as error:
            raise JournalError(
                f"{path}: cannot be made: {error.strerror}; look at space and permissions there"
            ) from error

    def append(self, kind: str, **fields: object) -> None:
        """Write one line and make it durable.

        Raises JournalError when that fails (a full disk), and ever after: a journal with a hole must not go on. A line
        that did not fit is taken back whole; the lines before it are untouched.
        """
        if self._broken:
            raise JournalError(f"{self._path}: an earlier line could not be written; the journal ended there")
        record = {"kind": kind, "seq": self._next, **self._labels, **fields}
        line = json.dumps(record, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        if len(line) > MAX_LINE_BYTES:
            raise ValueError(f"a journal line of {len(line)} bytes, at most {MAX_LINE_BYTES} are allowed")
        self._broken = True
        try:
            self._write(line)
            os.fsync(self._descriptor)
        except OSError as error:
            raise JournalError(
                f"{self._path}: line {self._next} cannot be written: {error.strerror}; make room there and resume"
            ) from error
        self._broken = False
        self._next += 1
        self._length += len(line)

    def _write(self, line: bytes) -> None:
        left = memoryview(line)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:
            os.ftruncate(self._descriptor, self._length)
            raise

    def close(self) -> None:
        """Close the file; everything in it is durable already."""
        os.close(self._descriptor)


class JournalReader:
    """Turns the bytes of one segment's journal, in pieces of any size, into checked records.

    `offset` counts the bytes of the whole lines given out so far: commit it with them, and reading can go on from
    there after any crash. `end` is the last line's `why`, None until it was seen.
    """

    def __init__(self, *, run_id: str, host: str, segment: int, offset: int = 0) -> None:
        """Expect the journal of that segment from byte `offset` (a former reader's `offset`) on."""
        self._labels = {"run_id": run_id, "host": host, "segment": segment}
        self._torn = b""
        self._next: int | None = 0 if offset == 0 else None
        self.offset = offset
        self.end: str | None = None

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Take the next bytes and give the records of the lines that are whole now; a torn last line waits.

        Raises JournalError, saying at which byte and what, at the first line that is not one of this journal's. The
        records before it in the same piece are not given; `offset` still names the last line given before.
        """
        data = self._torn + data
        records, start, offset, following, end = [], 0, self.offset, self._next, self.end
        while True:
            newline = data.find(b"\n", start)
            if (newline if newline >= 0 else len(data)) - start >= MAX_LINE_BYTES:
                raise self._error(offset, f"a line longer than {MAX_LINE_BYTES} bytes")
            if newline < 0:
                break
            if end is not None:
                raise self._error(offset, "a line after the journal's end")
            record = self._record(data[start:newline], offset, following)
            end = record["why"] if record["kind"] == "end" else None
            records.append(record)
            offset += newline + 1 - start
            following = record["seq"] + 1
            start = newline + 1
        self._torn, self.offset, self._next, self.end = data[start:], offset, following, end
        return records

    def _record(self, line: bytes, offset: int, following: int | None) -> dict[str, Any]:
        try:
            record = json.loads(line, parse_constant=_refuse_constant, parse_float=_finite)
        except (ValueError, RecursionError) as error:
            raise self._error(offset, f"not a JSON line ({error})") from error
        problem = "not a JSON object" if not isinstance(record, dict) else self._problem(record, following)
        if problem:
            raise self._error(offset, problem)
        return dict(record)

    def _problem(self, record: dict[str, Any], following: int | None) -> str:
        """Say what is wrong with a record, "" when nothing is."""
        problem = _shape_problem(record)
        if problem:
            return problem
        kind = record["kind"]
        for name, expected in self._labels.items():
            if record[name] != expected:
                return f"{name} is {_short(record[name])}, expected {_short(expected)}: another run's journal"
        if following is not None and record["seq"] != following:
            return f"seq is {record['seq']}, expected {following}: a line is missing or doubled"
        if (kind == "begin") != (record["seq"] == 0):
            return f"line {record['seq']} is a {kind} line; the first line, and only it, begins"
        return _PROBLEMS[kind](record)

    def _error(self, offset: int, problem: str) -> JournalError:
        labels = self._labels
        return JournalError(
            f"journal of {labels['run_id']} on {labels['host']}, segment {labels['segment']}, byte {offset}: {problem}"
        )


def _shape_problem(record: dict[str, Any]) -> str:
    kind = record.get("kind")
    if not isinstance(kind, str) or kind not in _FIELDS:
        return f"kind is {_short(kind)}, expected one of {', '.join(_FIELDS)}"
    for name, types in {**_COMMON, **_FIELDS[kind]}.items():
        if name not in record:
            return f"{kind} line without {name}"
        if not _is_a(record[name], types):
            return f"{kind} line's {name} is {_short(record[name])}, which it cannot be"
    return ""


def _begin_problem(record: dict[str, Any]) -> str:
    if record["format"] != job.FORMAT:
        return f"format {record['format']}, this version reads {job.FORMAT}; use the pageswap that made it"
    return (
        environment_problem(record["environment"])
        or methods_problem(record["methods"])
        or _time_problem(record["started_at"])
    )


def _time_problem(text: str) -> str:
    return "" if _TIME.fullmatch(text) else f"{_short(text)} is no time in UTC"


def _trial_problem(record: dict[str, Any]) -> str:
    if record["status"] not in job.STATUSES:
        return f"status is {_short(record['status'])}, expected one of {', '.join(job.STATUSES)}"
    rounds_ns = record["rounds_ns"]
    if rounds_ns is not None and not all(_is_a(value, (int,)) and value >= 0 for value in rounds_ns):
        return "rounds_ns holds something else than times"
    if record["status"] in (job.OK, job.CORRUPT) and (record["elapsed_ns"] is None or rounds_ns is None):
        return f"status {record['status']} without its times"
    return _evidence_problem(record) or _negative_problem(record) or _time_problem(record["started_at"])


def _evidence_problem(record: dict[str, Any]) -> str:
    for name, types in _OPTIONAL.items():
        if not _is_a(record.get(name), types):
            return f"{name} is {_short(record[name])}, which it cannot be"
    for name, count in (record.get("counters") or {}).items():
        if not _NAME.fullmatch(name) or not _is_a(count, (int, _NULL)):
            return f"counters holds {_short(name)}: {_short(count)}, which is no count"
    known = (*_COMMON, *_FIELDS["trial"], "kind")
    rest = {name: value for name, value in record.items() if name not in known}
    if len(json.dumps(rest)) + len(record["reason"]) > MAX_TEXT_BYTES:
        return f"more than {MAX_TEXT_BYTES} bytes beside the times"
    return ""


def _negative_problem(record: dict[str, Any]) -> str:
    for name in (*COUNTERS, "attempt", *_OPTIONAL):
        value = record.get(name)
        if isinstance(value, (int, float)) and value < 0:
            return f"{name} is negative"
    return ""


def _end_problem(record: dict[str, Any]) -> str:
    if record["why"] not in ENDS:
        return f"why is {_short(record['why'])}, expected one of {', '.join(ENDS)}"
    return _time_problem(record["finished_at"])


def _tune_problem(record: dict[str, Any]) -> str:
    return "" if len(json.dumps(record)) <= MAX_TEXT_BYTES else f"more than {MAX_TEXT_BYTES} bytes"


_PROBLEMS = {"begin": _begin_problem, "trial": _trial_problem, "end": _end_problem, "tune": _tune_problem}


def _is_a(value: object, types: tuple[type, ...]) -> bool:
    if isinstance(value, bool) or not isinstance(value, types):
        return False
    # The store's integers have 64 bits.
    return not isinstance(value, int) or -_MAX_INTEGER <= value <= _MAX_INTEGER


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - fits a message


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{_short(text)} is no finite number")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
