"""A run in memory whose trials had readers, with known percentiles, for what shows what readers met."""

from __future__ import annotations

import json
from typing import Any

from tests.fake_run import COLUMNS, FakeRun, make_run

ALONE = {"alone_reads_per_s": 4_000_000, "alone_p50_ns": 160, "alone_p99_ns": 400, "alone_p999_ns": 640}
# What a read beside a method takes, as a multiple of one alone.
TIMES = {"copy_words": 1, "memcpy": 1, "mremap_fixed": 16}


class ReadRun(FakeRun):
    """A run that counted something."""

    def columns(self) -> tuple[str, ...]:
        """Name the fields of `rows`."""
        return (*COLUMNS, "neighbours", "reads", "counters")

    def rows(self) -> list[tuple[Any, ...]]:
        """Give every outcome."""
        return [tuple(outcome.get(name) for name in self.columns()) for outcome in self.outcomes]


def read_run(**levels: list[Any]) -> ReadRun:
    """Make a run with readers, in which a trial's block makes all of its reads longer alike."""
    made = make_run(**{"region_size": [64 << 20], "touch": ["none"], "neighbours": ["idle", "reading"], **levels})
    run = ReadRun(**{name: getattr(made, name) for name in made.__dataclass_fields__})
    for outcome in run.outcomes:
        counters: dict[str, int | None] = {"vmas_final": 24, "reads_per_s": None, "read_p50_ns": None}
        if outcome["neighbours"] == "reading":
            slow, times = 1 + outcome["block"] / 10, TIMES[outcome["method"]]
            counters |= {name: round(value * slow) for name, value in ALONE.items()}
            counters |= {
                "reads_per_s": 4_000_000 // times,
                "read_p50_ns": round(160 * slow),
                "read_p99_ns": round(400 * slow) * times,
                "read_p999_ns": round(640 * slow) * times,
                "read_p9999_ns": None,
            }
        if outcome["neighbours"] == "reading" and outcome.get("reads") == "missing":
            counters |= {
                "served_per_s": 1_000 // times,
                "served_p50_ns": round(8_000 * slow),
                "served_p99_ns": round(40_000 * slow) * times,
                "served_p999_ns": None,
            }
        outcome["counters"] = json.dumps(counters)
    return run
