"""The columns of trials and outcomes: one list each, which the tables, what is written and what is read follow."""

from __future__ import annotations

from typing import Final

# What a trial of the plan says of its place, with SQL types; its case has the levels.
TRIAL_COLUMNS: Final = {
    "trial_id": "TEXT",
    "rounds": "INTEGER",
    "seed": "INTEGER",
    "timeout_s": "REAL",
    "block": "INTEGER",
    "position": "INTEGER",
    "warmup": "INTEGER",
    "replica": "INTEGER",
}

# What the journal says of an outcome, with SQL types; NULL where it was not measured or could not be read. A line here
# is all that one more needs: a file that lacks the column gets it when it is opened.
OUTCOME_COLUMNS: Final = {
    "status": "TEXT",
    "reason": "TEXT",
    "cpu": "INTEGER",
    "elapsed_ns": "INTEGER",
    "setup_ns": "INTEGER",
    "verify_ns": "INTEGER",
    "minor_faults": "INTEGER",
    "major_faults": "INTEGER",
    "voluntary_switches": "INTEGER",
    "involuntary_switches": "INTEGER",
    "vmas_peak": "INTEGER",
    "rounds_ns": "TEXT",  # JSON array
    "started_at": "TEXT",  # UTC ISO 8601
    # How quiet the host was, and what ran there.
    "build": "TEXT",
    "core_hash": "TEXT",
    "load1_before": "REAL",
    "load1_after": "REAL",
    "cpu_khz_before": "INTEGER",
    "cpu_khz_after": "INTEGER",
    "throttle_count": "INTEGER",
}
ALWAYS_THERE: Final = ("status", "reason")
