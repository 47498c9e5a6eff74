"""A slow link makes a run longer and no measurement: trials are timed where they run, and nobody talks meanwhile."""

from __future__ import annotations

import math
import statistics
import sys
from typing import TYPE_CHECKING

import pytest
from scipy.stats import t as student_t

from pageswap.store.store import Store
from tests.integration.network import SWITCH_ADDRESS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.fleet import Fleet

PAIRS = 6
DELAY_S = 0.1  # each way
CONFIDENCE = 0.999  # one false alarm in a thousand runs of this test
SPEC = """
name: delay
question: Does a slow link change what is measured?
method: [memcpy, copy_words]
region_size: 4MiB
iterations: 5000
baseline: {method: memcpy}
repeats: 12
warmups: 1
"""


def log_times(run_dir: Path) -> dict[str, float]:
    """Give the logarithm of each method's median time."""
    with Store.open(run_dir / "run.sqlite") as store:
        columns = store.columns()
        rows = [dict(zip(columns, row, strict=True)) for row in store.rows()]
    assert {row["status"] for row in rows} == {"ok"}
    measured = [row for row in rows if not row["warmup"]]
    methods = {row["method"] for row in measured}
    return {
        method: math.log(statistics.median(row["elapsed_ns"] for row in measured if row["method"] == method))
        for method in methods
    }


@pytest.mark.slow
def test_200_ms_more_on_the_link_change_no_measured_time(fleet: Fleet) -> None:
    """The ratio of the medians with and without them has a confidence interval that contains 1.

    One host, reached directly and through the delay by turns; each pair of runs gives one ratio, so that what drifts
    on the machine does not pass for the link's doing.
    """
    host = fleet.network.add("near")
    port = fleet.network.delayed(host, DELAY_S)
    fleet.network.configure("far", HostName=SWITCH_ADDRESS, Port=port, HostKeyAlias=host.address)
    spec = fleet.folder / "delay.yaml"
    spec.write_text(SPEC)
    times: dict[str, list[dict[str, float]]] = {"near": [], "far": []}
    for pair in range(PAIRS):
        for alias in ("near", "far") if pair % 2 else ("far", "near"):
            ended = fleet.run(alias, spec=spec)
            assert ended.code == 0, ended.errors
            assert ended.run_dir is not None
            times[alias].append(log_times(ended.run_dir))
    ratios = [
        statistics.mean(far[method] - near[method] for method in near)
        for near, far in zip(times["near"], times["far"], strict=True)
    ]
    middle = statistics.mean(ratios)
    reach = student_t.ppf((1 + CONFIDENCE) / 2, PAIRS - 1) * statistics.stdev(ratios) / math.sqrt(PAIRS)
    low, high = math.exp(middle - reach), math.exp(middle + reach)
    sys.stdout.write(f"ratio of medians {math.exp(middle):.4f}, {CONFIDENCE:.1%} interval {low:.4f} to {high:.4f}\n")

    assert low <= 1 <= high
