"""What a run cost beside its trials."""

from __future__ import annotations

from pageswap.report.sections import ledger
from tests.fake_run import make_run
from tests.report.reported import reported


def test_the_ledger_has_each_hosts_seconds_and_troubles() -> None:
    """Phases that took place, and why a host gave nothing more."""
    run = make_run(hosts=("a", "b"))
    run.spent = {"a": {"connecting": 0.25, "running": 61.7}, "b": {"connecting": 12.0}}
    run.troubles = {"b": "the link is down; run 'inv resume'"}
    run.enough = {"a": {"blocks": 9, "reason": "all intervals within 2 %"}}
    (grid,) = ledger.section(reported(run)).grids

    assert [column.title for column in grid.columns] == ["Host", "Connecting", "Running", "Remarks"]
    assert grid.rows == (
        ("a", "0.25", "61.7", "stopped after 9 blocks: all intervals within 2 %"),
        ("b", "12.0", "", "the link is down; run 'inv resume'"),
    )
    assert grid.marks == ("", "problem")
