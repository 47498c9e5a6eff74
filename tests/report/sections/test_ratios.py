"""The charts of ratios show every case of a usual run, never leave out the extremes, and can be made of any run."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from pageswap.analysis.explanations.several_hosts import Pooled
from pageswap.analysis.summary import summarise
from pageswap.analysis.verdicts import Comparison
from pageswap.report.sections.ratios import MOST_DOTS, MOST_PLOTS, MOST_ROWS, over_all_hosts, ratio_plots, select
from pageswap.statistics.intervals import Interval
from tests.fake_run import FakeRun, make_run
from tests.report.reported import NOTHING, reported, rows
from tests.report.schema import assert_valid

if TYPE_CHECKING:
    from pageswap.report.charts.vegalite import Plot


def drawn(run: FakeRun) -> list[Plot]:
    """Draw a run."""
    summary = summarise(run)
    return ratio_plots(summary, select(summary))


def test_an_unmeasured_case_is_a_row_with_its_status() -> None:
    """A chart does not hide what it cannot draw."""
    run = make_run(region_size=[1 << 27], touch=["none"])
    run.end("unavailable", "no userfaultfd", method="mremap_fixed")
    (plot,) = drawn(run)

    assert "mremap_fixed: unavailable" in plot.description
    assert {"row": "mremap_fixed\nunavailable"} in plot.spec["datasets"]["rows"]


@pytest.mark.parametrize("baseline", [{}, {"method": "memcpy"}, {"touch": "none"}])
@pytest.mark.parametrize("blocks", [1, 7])
def test_any_baseline_and_any_number_of_blocks_can_be_drawn(baseline: dict[str, str], blocks: int) -> None:
    """Also one block, without intervals, and no baseline, without ratios."""
    plots = drawn(make_run(baseline=baseline, blocks=blocks))

    assert_valid(plots)
    assert all(plot.spec["datasets"]["measured"] for plot in plots)


def test_a_run_in_which_nothing_was_measured_can_be_drawn() -> None:
    """All rows, no marks."""
    run = make_run()
    run.end("failed", "mmap: ENOMEM")

    plots = drawn(run)

    assert_valid(plots)
    assert ["copy_words: failed" in plot.description for plot in plots] == [True] * 4


def test_a_ratio_of_exactly_one_can_be_drawn() -> None:
    """An axis needs two ends."""
    run = make_run(noise=0.0, block_noise=0.0, speeds={"copy_words": 800}, method=["memcpy", "copy_words"])

    plots = drawn(run)

    assert_valid(plots)
    assert [row["value"] for plot in plots for row in plot.spec["datasets"]["measured"]] == [1.0] * 4


def pool(hosts: int, interval: Interval | None, verdict: str) -> Pooled:
    """Make a comparison over so many hosts, of which a and b are the ends."""
    over = Comparison("", "c0002", verdict, hosts, 0.05, interval, None, None, 1, None, None)
    return Pooled({"method": "mremap_fixed"}, over, ("a", 0.03), ("b", 0.07))


def test_hosts_together_are_drawn_with_their_ends() -> None:
    """The mean over hosts, and the hosts between which it lies."""
    together = pool(8, Interval(0.04, 0.06), "slower")
    section = over_all_hosts(reported(make_run(), findings=dataclasses.replace(NOTHING, pooled=(together,))))
    (row,) = rows(section.plots[0], "rows")

    assert_valid(section.plots)
    assert (row["lowest"], row["low"], row["value"], row["high"], row["highest"]) == (0.03, 0.04, 0.05, 0.06, 0.07)
    assert row["row"] == "mremap_fixed\n20 times slower"
    assert row["Lowest"] == "0.030 times as fast on a"
    assert "The bar is its 95 % interval" in section.notes[0]


def test_few_hosts_together_have_no_bar_to_explain() -> None:
    """What is not drawn is not explained; why it is not there is said."""
    together = pool(4, None, "too few")
    notes = over_all_hosts(reported(make_run(), findings=dataclasses.replace(NOTHING, pooled=(together,)))).notes

    assert "bar" not in notes[0]
    assert notes[1] == (
        "What 4 hosts have in common has no interval and no verdict: that takes 6 hosts or more, as fewer may all be "
        "of one kind."
    )


def test_a_usual_run_is_drawn_whole() -> None:
    """Nothing left out, nothing said."""
    selection = select(summarise(make_run()))

    assert len(selection.groups) == 4
    assert selection.cases == selection.of_cases
    assert selection.dots <= selection.dots_per_case
    assert next(iter(selection.groups)) == "With a 128MiB region, touch none"


def test_many_plots_are_sampled_with_the_extremes_among_them() -> None:
    """The one plot with an outlying ratio is always drawn."""
    run = make_run(region_size=[(size + 1) << 20 for size in range(60)])
    for outcome in run.of(region_size=31 << 20, touch="none", method="mremap_fixed"):
        outcome["elapsed_ns"] *= 3
    selection = select(summarise(run))

    assert len(selection.groups) <= MOST_PLOTS
    assert "With a 31MiB region, touch none" in selection.groups
    assert selection.cases < selection.of_cases == 240


def test_many_methods_keep_the_fastest_and_the_slowest() -> None:
    """A plot's height is bounded too."""
    speeds = {f"m{index:03d}": 100.0 + index for index in range(100)}
    run = make_run(method=["memcpy", *speeds], speeds=speeds, region_size=[1 << 27], touch=["none"], noise=0.0)
    (found,) = select(summarise(run)).groups.values()
    names = [label for label, _ in found]

    assert len(names) == MOST_ROWS
    assert (names[0], names[-1]) == ("m000", "m099")


def test_dots_are_bounded_over_all_plots() -> None:
    """Blocks are thinned evenly, and the page says how many are drawn."""
    selection = select(summarise(make_run(blocks=400)))
    rows = sum(map(len, selection.groups.values()))

    assert rows * selection.dots_per_case <= MOST_DOTS
    assert (selection.dots_per_case, selection.dots) == (375, 400)
