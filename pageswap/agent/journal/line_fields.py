"""What a host sends: the fields of each kind of journal line and of each verb's answer, and what can be in them."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

from pageswap.agent.host.environment import environment_problem
from pageswap.agent.host_words import misfit
from pageswap.agent.journal import job

if TYPE_CHECKING:
    from collections.abc import Callable

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
# Of a profile: a reader looks at no more functions, and their names can be as long as their makers like.
MOST_SYMBOLS = 12
LONGEST_NAME = 160
# More than any core counts.
_MOST_COUNTERS = 200

_TIME = re.compile(r"((?:19|20|21)\d\d-\d\d-\d\d)T(?:[01]\d|2[0-3])(?::[0-5]\d){2}(?:\.\d{1,9})?Z", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}", re.ASCII)


def utc_now() -> str:
    """Return the current time as UTC ISO 8601 with milliseconds: ``2025-01-31T12:00:00.123Z``."""
    return utc(time.time_ns())


def utc(time_ns: int) -> str:
    """Return a time since the epoch as `utc_now` does."""
    # Not datetime: importing it costs more than everything else `status` does.
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time_ns // 10**9)) + f".{time_ns // 10**6 % 1000:03d}Z"


def time_problem(text: object) -> str:
    """Say that a text is no time in UTC, "" when it is one."""
    from datetime import date

    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    try:
        if found and date.fromisoformat(found[1]):
            return ""
    except ValueError:
        pass
    return f"{text!r:.60} is no time in UTC"


def _format_problem(number: object) -> str:
    problem = f"format {number!r:.60}, this version reads {job.FORMAT}; use the one that made it"
    return "" if number == job.FORMAT else problem


def _rounds_problem(rounds_ns: Any) -> str:  # noqa: ANN401 - whatever the host has told
    is_none = rounds_ns is not None and (misfit(rounds_ns, [_NUMBER]) or any(time_ns < 0 for time_ns in rounds_ns))
    return "rounds_ns holds something else than times" if is_none else ""


def _counters_problem(counters: Any) -> str:  # noqa: ANN401 - whatever the host has told
    counts = {} if counters is None else counters
    if not isinstance(counts, dict) or len(counts) > _MOST_COUNTERS:
        return f"counters is {counts!r:.60}, which it cannot be"
    wrong = ((name, count) for name, count in counts.items() if not _NAME.fullmatch(name) or misfit(count, _COUNT))
    return next((f"counters holds {name!r:.60}: {count!r:.60}, which is no count" for name, count in wrong), "")


def _function_problem(name: object) -> str:
    # What a terminal would obey takes ten times the room once it is written out.
    is_none = not isinstance(name, str) or len(name) > 10 * LONGEST_NAME
    return f"{name!r:.60} is no name of a function" if is_none else ""


def _one_of(name: str, words: tuple[str, ...]) -> Callable[[object], str]:
    return lambda word: "" if word in words else f"{name} is {word!r:.60}, expected one of {', '.join(words)}"


_NULL = type(None)
_NUMBER = (int,)
_COUNT = (int, _NULL)
_WORD = (str,)
_TEXT = (str, _NULL)

# What an answer or a line holds, by the shapes of `host_words.misfit`; more is allowed, so that an older controller can
# read a newer agent's.
METHODS = [
    {
        **dict.fromkeys(("name", "family", "summary", "reason"), _WORD),
        **dict.fromkeys(("available", "splits_mappings?"), (bool,)),
        **{name: [_WORD] for name in ("workloads", "backings?", "without_scratch?")},
    },
    500,
]
HOLDER = {"pid": _COUNT, **dict.fromkeys(("user", "run_id", "since", "note"), _TEXT)}
# What is said before an agent is there: the Python that an agent will have, its C library, its folder.
PROBE = {
    **dict.fromkeys(("python", "tag", "libc", "cache", "machine", "implementation", "abi", "id?"), _WORD),
    "version": [_NUMBER, 3],
}
# What each verb answers; "refusals" only where a job was asked about.
ANSWERS: dict[str, dict[str, Any]] = {
    "clean": {"removed": _NUMBER, "bytes": _NUMBER, "kept": [{"path": _WORD, "why": _WORD}, 100_000]},
    "facts": {
        "environment": environment_problem,
        "methods": METHODS,
        "doctor": [
            {"check": _WORD, "status": _one_of("status", ("ok", "warn", "bad")), "found": _WORD, "cure": _TEXT},
            100,
        ],
        "lease": lambda holder: "" if holder is None else misfit(holder, HOLDER, "lease"),
        "time": _NUMBER,
        "refusals?": [[_WORD], 1_000_000],
    },
    "start": {"pid?": _NUMBER, "held_by?": HOLDER, "waiting_for?": HOLDER, "pending?": _WORD},
    "status": {"alive": (bool,), "pid": _COUNT, "journal_bytes": _NUMBER, "log": _WORD, "pending?": _WORD},
    "stop": {},
}
# A function and how many samples fell into it.
_SYMBOL = {"name": _function_problem, "object": _function_problem, "is_kernel": (bool,), "samples": _NUMBER}
PROFILE = {
    "event": _function_problem,
    **dict.fromkeys(("frequency_hz", "trials", "elapsed_ns", "samples", "kernel_samples", "outside"), _NUMBER),
    "names_hidden": (bool,),
    "symbols": [_SYMBOL, MOST_SYMBOLS],
}
_COMMON = {"seq": _NUMBER, "run_id": _WORD, "host": _WORD, "segment": _NUMBER}
_LINES: dict[str, dict[str, Any]] = {
    "begin": {
        "format": _format_problem,
        "pid": _NUMBER,
        "started_at": time_problem,
        "environment": environment_problem,
        "methods": METHODS,
    },
    "tune": {"name": _WORD, "reason?": _WORD},
    "trial": {
        "trial_id": _WORD,
        "attempt": _NUMBER,
        "status": _one_of("status", job.STATUSES),
        "reason": _WORD,
        "cpu": _COUNT,
        "rounds_ns": _rounds_problem,
        "started_at": time_problem,
        **dict.fromkeys(COUNTERS, _COUNT),
        # What tells whether the host was quiet, and which core ran.
        **dict.fromkeys(("build?", "core_hash?"), _TEXT),
        "counters?": _counters_problem,
        **dict.fromkeys(("load1_before?", "load1_after?"), (float, int, _NULL)),
        **dict.fromkeys(("wall_ns?", *(f"{name}?" for name in FIELDS_FROM_COUNTERS)), _COUNT),
    },
    "profile": {
        "trial_id": _WORD,
        "status": _one_of("status", (job.OK, job.UNAVAILABLE, job.SKIPPED, job.FAILED)),
        "reason": _WORD,
        "started_at": time_problem,
        **PROFILE,
    },
    "end": {"why": _one_of("why", ENDS), "finished_at": time_problem},
}


def _adds_up(profile: dict[str, Any]) -> bool:
    counts = [symbol["samples"] for symbol in profile["symbols"]]
    in_kernel = sum(symbol["samples"] for symbol in profile["symbols"] if symbol["is_kernel"])
    is_whole = sum(counts) <= profile["samples"] and in_kernel <= profile["kernel_samples"] <= profile["samples"]
    return is_whole and all(count > 0 for count in counts)


def line_problem(record: dict[str, Any]) -> str:
    """Say which field of a line is missing, of a wrong type or holds what it cannot, "" when none does."""
    kind = record.get("kind")
    problem = _one_of("kind", tuple(_LINES))(kind)
    if problem:
        return problem
    problem = misfit(record, {**_COMMON, **_LINES[str(kind)]})
    if problem:
        return f"{kind} line: {problem}"
    for name, value in record.items():
        if isinstance(value, (int, float)) and value < 0:
            return f"{name} is negative"
    if kind == "profile" and not _adds_up(record):
        return "the samples of its functions are more than there are, or none"
    is_measured = kind == "trial" and record["status"] in (job.OK, job.CORRUPT)
    if is_measured and None in (record["elapsed_ns"], record["rounds_ns"]):
        return f"status {record['status']} without its times"
    # A begin line tells of the host, whose words have limits of their own.
    rest = {name: value for name, value in record.items() if name not in ("rounds_ns", "environment", "methods")}
    return f"more than {MAX_TEXT_BYTES} bytes beside the times" if len(json.dumps(rest)) > MAX_TEXT_BYTES else ""
