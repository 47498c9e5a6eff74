"""Where a history's picture has its parts."""

from __future__ import annotations

import pytest

from pageswap.history.series import history
from pageswap.report.charts.history_drawing import WIDTH, drawing
from tests.history.records import records


@pytest.mark.parametrize(
    ("kernels", "shown"),
    [
        (["6.1.0"] * 6, ["6.1.0"]),
        (["6.1.0"] * 2 + ["6.6.30"] * 3 + ["6.12.9"], ["6.1.0", "6.6.30", "6.12.9"]),
        ([f"6.{number}.1-a-long-name" for number in range(6)], ["6.0.1-a-long-name", "6.5.1-a-long-name"]),
    ],
)
def test_each_group_of_runs_is_named_where_names_have_room(kernels: list[str], shown: list[str]) -> None:
    """Below the middle of its runs, in the picture; else the first and the last are."""
    runs = records([1.0] * len(kernels))
    for run, kernel in zip(runs, kernels, strict=True):
        run["hosts"][0]["kernel"] = kernel
    groups = drawing(history("demo", runs, by="kernel").series[0]).groups

    assert [name for _, _, name in groups] == shown
    places = [place for place, _, _ in groups]
    assert sorted(places) == places
    assert all(0 < place < WIDTH for place in places)
