"""A chart is bounded, says what it leaves out, and never leaves out the extremes."""

from __future__ import annotations

from pageswap.analysis.summary import summarise
from pageswap.report.charts.selection import MOST_DOTS, MOST_PLOTS, MOST_ROWS, evenly, select
from tests.fake_run import make_run


def test_a_usual_run_is_drawn_whole() -> None:
    """Nothing left out, nothing said."""
    selection = select(summarise(make_run()))

    assert len(selection.groups) == 4
    assert selection.cases == selection.of_cases
    assert selection.dots <= selection.dots_per_case
    assert selection.groups[0].title == "With a 128MiB region, touch none"


def test_many_plots_are_sampled_with_the_extremes_among_them() -> None:
    """The one plot with an outlying ratio is always drawn."""
    run = make_run(region_size=[(size + 1) << 20 for size in range(60)])
    for outcome in run.of(region_size=31 << 20, touch="none", method="mremap_fixed"):
        outcome["elapsed_ns"] *= 3
    selection = select(summarise(run))

    assert len(selection.groups) <= MOST_PLOTS
    assert any(group.title == "With a 31MiB region, touch none" for group in selection.groups)
    assert selection.cases < selection.of_cases == 240


def test_many_methods_keep_the_fastest_and_the_slowest() -> None:
    """A plot's height is bounded too."""
    speeds = {f"m{index:03d}": 100.0 + index for index in range(100)}
    run = make_run(method=["memcpy", *speeds], speeds=speeds, region_size=[1 << 27], touch=["none"], noise=0.0)
    (group,) = select(summarise(run)).groups
    names = [label for label, _ in group.rows]

    assert len(names) == MOST_ROWS
    assert (names[0], names[-1]) == ("m000", "m099")


def test_dots_are_bounded_over_all_plots() -> None:
    """Blocks are thinned evenly, and the page says how many are drawn."""
    selection = select(summarise(make_run(blocks=400)))
    rows = sum(len(group.rows) for group in selection.groups)

    assert rows * selection.dots_per_case <= MOST_DOTS
    assert (selection.dots_per_case, selection.dots) == (375, 400)


def test_evenly_keeps_both_ends() -> None:
    """The first and the last block show a drift best."""
    assert evenly(range(10), 4) == [0, 3, 6, 9]
    assert evenly(range(3), 4) == [0, 1, 2]
