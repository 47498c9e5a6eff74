"""The time of day as the journal writes it."""

from __future__ import annotations

import re
import time

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)


def utc_now() -> str:
    """Return the current time as UTC ISO 8601 with milliseconds: ``2025-01-31T12:00:00.123Z``."""
    now_ns = time.time_ns()
    # Not datetime: importing it costs more than everything else `status` does.
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now_ns // 10**9)) + f".{now_ns // 10**6 % 1000:03d}Z"


def time_problem(text: str) -> str:
    """Say that a text is no time in UTC, "" when it is one."""
    return "" if _TIME.fullmatch(text) else f"{text!r:.60} is no time in UTC"
