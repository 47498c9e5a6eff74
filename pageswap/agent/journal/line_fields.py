"""What the lines of a journal hold: one table of each kind's fields, the checks of what is in them, their times."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from pageswap.agent.host.environment import environment_problem, is_a, is_list_of
from pageswap.agent.journal import job

ENDS = ("done", "drained", "killed", "lease_expired")
# The core's counts of a trial; a further one is a line here, with a field of its name in the core's result.
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
# Those of the core's named counters that are fields of their own. All others stay in `counters`: a further one needs
# no line here.
FIELDS_FROM_COUNTERS = ("cpu_khz_before", "cpu_khz_after", "throttle_count")
# A reader takes no more than this of what a host says beside the times: a row is a measurement, not a parcel.
MAX_TEXT_BYTES = 1 << 16

_NULL = type(None)
_COUNT = (int, _NULL)
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
        "cpu": _COUNT,
        "rounds_ns": (list, _NULL),
        "started_at": (str,),
        **dict.fromkeys(COUNTERS, _COUNT),
    },
    "end": {"why": (str,), "finished_at": (str,)},
}
# What a trial's line may hold beside that: what tells whether the host was quiet, and which core ran.
_OPTIONAL: dict[str, dict[str, tuple[type, ...]]] = {
    "trial": {
        "build": (str, _NULL),
        "core_hash": (str, _NULL),
        "counters": (dict, _NULL),
        "load1_before": (float, int, _NULL),
        "load1_after": (float, int, _NULL),
        "wall_ns": _COUNT,
        **dict.fromkeys(FIELDS_FROM_COUNTERS, _COUNT),
    }
}
# What a method of a begin line is told by, but for its name, which must be there; more is allowed.
_METHOD: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("summary", "family", "reason"), (str,)),
    **dict.fromkeys(("available", "splits_mappings"), (bool,)),
}
_METHOD_LISTS = ("workloads", "backings")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}", re.ASCII)


def line_problem(record: dict[str, Any]) -> str:
    """Say which field of a line is missing, of a wrong type or holds what it cannot, "" when none does."""
    kind = record.get("kind")
    if not isinstance(kind, str) or kind not in _FIELDS:
        return f"kind is {kind!r:.60}, expected one of {', '.join(_FIELDS)}"
    for name, types in {**_COMMON, **_FIELDS[kind], **_OPTIONAL.get(kind, {})}.items():
        if name not in record:
            if name in _OPTIONAL.get(kind, {}):
                continue
            return f"{kind} line without {name}"
        value = record[name]
        if not is_a(value, types, longest=None):
            return f"{kind} line's {name} is {value!r:.60}, which it cannot be"
        if isinstance(value, (int, float)) and value < 0:
            return f"{name} is negative"
    return _CONTENT_PROBLEMS[kind](record)


def _begin_problem(record: dict[str, Any]) -> str:
    if record["format"] != job.FORMAT:
        return f"format {record['format']}, this version reads {job.FORMAT}; use the pageswap that made it"
    return (
        environment_problem(record["environment"])
        or methods_problem(record["methods"])
        or time_problem(record["started_at"])
    )


def _trial_problem(record: dict[str, Any]) -> str:
    if record["status"] not in job.STATUSES:
        return f"status is {record['status']!r:.60}, expected one of {', '.join(job.STATUSES)}"
    rounds_ns = record["rounds_ns"]
    if rounds_ns is not None and not all(is_a(value, (int,)) and value >= 0 for value in rounds_ns):
        return "rounds_ns holds something else than times"
    if record["status"] in (job.OK, job.CORRUPT) and (record["elapsed_ns"] is None or rounds_ns is None):
        return f"status {record['status']} without its times"
    for name, count in (record.get("counters") or {}).items():
        if not _NAME.fullmatch(name) or not is_a(count, _COUNT):
            return f"counters holds {name!r:.60}: {count!r:.60}, which is no count"
    known = (*_COMMON, *_FIELDS["trial"], "kind")
    rest = {name: value for name, value in record.items() if name not in known}
    if len(json.dumps(rest)) + len(record["reason"]) > MAX_TEXT_BYTES:
        return f"more than {MAX_TEXT_BYTES} bytes beside the times"
    return time_problem(record["started_at"])


def _end_problem(record: dict[str, Any]) -> str:
    if record["why"] not in ENDS:
        return f"why is {record['why']!r:.60}, expected one of {', '.join(ENDS)}"
    return time_problem(record["finished_at"])


def _tune_problem(record: dict[str, Any]) -> str:
    return "" if len(json.dumps(record)) <= MAX_TEXT_BYTES else f"more than {MAX_TEXT_BYTES} bytes"


_CONTENT_PROBLEMS = {"begin": _begin_problem, "trial": _trial_problem, "end": _end_problem, "tune": _tune_problem}


def methods_problem(methods: list[Any]) -> str:
    """Say which of a list of methods is none, "" when all are; only the name must be there."""
    for method in methods:
        if not isinstance(method, dict) or not is_a(method.get("name"), (str,)):
            return f"methods holds {method!r:.60}, which has no name"
        for name, value in method.items():
            is_text = name not in _METHOD_LISTS
            if not (is_a(value, _METHOD.get(name, (object, bool))) if is_text else is_list_of(value, (str,))):
                return f"method {method['name']!r:.60}: {name} is {value!r:.60}, which it cannot be"
    return ""


def utc_now() -> str:
    """Return the current time as UTC ISO 8601 with milliseconds: ``2025-01-31T12:00:00.123Z``."""
    now_ns = time.time_ns()
    # Not datetime: importing it costs more than everything else `status` does.
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now_ns // 10**9)) + f".{now_ns // 10**6 % 1000:03d}Z"


def time_problem(text: str) -> str:
    """Say that a text is no time in UTC, "" when it is one."""
    return "" if _TIME.fullmatch(text) else f"{text!r:.60} is no time in UTC"
