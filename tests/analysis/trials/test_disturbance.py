"""What disturbs a trial at each threshold's border, and how many nodes a region lay on."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from pageswap.analysis.trials.disturbance import disturbed, region_nodes


def table(*counters: dict[str, Any], **columns: list[Any]) -> pd.DataFrame:
    """Make the rows of trials of one second that have these counters."""
    rows = len(counters)
    made = {"elapsed_ns": [10**9] * rows, "threads": [1] * rows, "counters": [json.dumps(each) for each in counters]}
    return pd.DataFrame({**made, **columns})


@pytest.mark.parametrize(
    ("counters", "elapsed_ns", "words"),
    [
        ({"steal_ns": 10_000_001}, 10**9, "steal"),
        ({"steal_ns": 10_000_000}, 10**9, ""),
        ({"steal_ns": 15_000_000}, 2 * 10**9, ""),
        ({"foreign_cpu_ns": 50_000_001}, 10**9, "foreign"),
        ({"foreign_cpu_ns": 50_000_000}, 10**9, ""),
        ({"swap_ins": 1, "throttle_count": 1}, 10**9, "swap,throttle"),
        ({"swap_ins": 0, "throttle_count": 0}, 10**9, ""),
        ({"other_jobs": 2}, 10**9, "jobs"),
        ({"other_jobs": 0}, 10**9, ""),
        ({"cpu_khz_before": 1_000_000, "cpu_khz_after": 1_060_000}, 10**9, "frequency"),
        ({"cpu_khz_before": 1_000_000, "cpu_khz_after": 1_040_000}, 10**9, ""),
    ],
)
def test_more_than_a_threshold_disturbs(counters: dict[str, Any], elapsed_ns: int, words: str) -> None:
    """A share of the trial's own time, and more than one tick of the kernel's clock."""
    assert disturbed(table(counters, elapsed_ns=[elapsed_ns])) == [words]


@pytest.mark.parametrize(
    ("neighbours", "words"),
    [
        (["idle", "idle"], ["", "load"]),
        (["idle", "spinning"], ["", ""]),
        (["reading", "idle"], ["", ""]),
        (None, ["", "load"]),
    ],
)
def test_a_load_that_the_run_makes_itself_is_not_foreign(neighbours: list[str] | None, words: list[str]) -> None:
    """Spinning neighbours of any case stay in the average for a minute, and so does the case of most threads."""
    columns: dict[str, list[Any]] = {"load1_before": [3.0, 3.1], "threads": [2, 1]}

    assert disturbed(table({}, {}, **columns, **({"neighbours": neighbours} if neighbours else {}))) == words


def test_a_node_counts_from_a_hundredth_of_the_region_on() -> None:
    """A stray page on another node is none; what was not counted is None."""
    counted = table({"node0_bytes": 990, "node1_bytes": 10}, {"node0_bytes": 980, "node1_bytes": 20}, {})

    assert region_nodes(counted) == [1, 2, None]
