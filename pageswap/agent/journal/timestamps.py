"""The time of day as the journal writes it."""

from __future__ import annotations

import time


def utc_now() -> str:
    """Give the current time as UTC ISO 8601 with milliseconds: ``2025-01-31T12:00:00.123Z``."""
    now_ns = time.time_ns()
    # Not datetime: importing it costs more than everything else `status` does.
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now_ns // 10**9)) + f".{now_ns // 10**6 % 1000:03d}Z"
