"""What all hosts say together, and how many that takes."""

from __future__ import annotations

import dataclasses

from pageswap.analysis.checks.comparisons import Comparison
from pageswap.analysis.checks.pooled_hosts import Pooled
from pageswap.report.sections import pooled
from pageswap.statistics.intervals import Interval
from tests.fake_run import make_run
from tests.report.reported import NOTHING, reported, rows
from tests.report.schema import assert_valid


def pool(hosts: int, interval: Interval | None, verdict: str) -> Pooled:
    """Make a comparison over so many hosts, of which a and b are the ends."""
    over = Comparison("", "c0002", verdict, hosts, 0.05, interval, None, None, 1, None, None)
    return Pooled({"method": "mremap_fixed"}, over, ("a", 0.03), ("b", 0.07))


def test_hosts_together_are_drawn_with_their_ends() -> None:
    """The mean over hosts, and the hosts between which it lies."""
    together = pool(8, Interval(0.04, 0.06), "slower")
    section = pooled.section(reported(make_run(), findings=dataclasses.replace(NOTHING, pooled=(together,))))
    (row,) = rows(section.plots[0], "rows")

    assert_valid(section.plots)
    assert (row["lowest"], row["low"], row["value"], row["high"], row["highest"]) == (0.03, 0.04, 0.05, 0.06, 0.07)
    assert row["Lowest"] == "0.030x on a"
    assert "The bar is its 95 % interval" in section.notes[0]


def test_few_hosts_together_have_no_bar_to_explain() -> None:
    """What is not drawn is not explained; why it is not there is said."""
    together = pool(4, None, "too few")
    notes = pooled.section(reported(make_run(), findings=dataclasses.replace(NOTHING, pooled=(together,)))).notes

    assert "bar" not in notes[0]
    assert notes[1] == (
        "What 4 hosts have in common has no interval and no verdict: that takes 6 hosts or more, as fewer may all be "
        "of one kind."
    )
