"""Charts hold the table's numbers, and their drawings hold nothing but shapes."""

from __future__ import annotations

import pytest

from pageswap.analysis.summary import summarise
from pageswap.report.chart import Plot, _checked, plots, ticks
from pageswap.report.selection import select
from tests.fake_run import FakeRun, make_run


def drawn(run: FakeRun) -> list[Plot]:
    """Draw a run."""
    summary = summarise(run)
    return plots(summary, select(summary))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.04, 1.2, [0.05, 0.1, 0.2, 0.5, 1.0]),
        (0.93, 1.07, [0.95, 1.0, 1.05]),
        (0.5, 3_000_000.0, [1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0]),
    ],
)
def test_ticks_are_round_and_few(low: float, high: float, expected: list[float]) -> None:
    """Even steps in a narrow range, 1, 2, 5 in a wide one, decades in a very wide one."""
    assert expected == ticks(low, high)


def test_an_unmeasured_case_is_a_row_with_its_status() -> None:
    """A chart does not hide what it cannot draw."""
    run = make_run(region_size=[1 << 27], touch=["none"])
    run.end("unavailable", "no userfaultfd", method="mremap_fixed")
    (plot,) = drawn(run)

    assert "mremap_fixed: unavailable" in plot.description
    assert ">unavailable<" in plot.svg


@pytest.mark.parametrize("baseline", [{}, {"method": "memcpy"}, {"touch": "none"}])
@pytest.mark.parametrize("blocks", [1, 7])
def test_any_baseline_and_any_number_of_blocks_can_be_drawn(baseline: dict[str, str], blocks: int) -> None:
    """Also one block, without intervals, and no baseline, without ratios."""
    for plot in drawn(make_run(baseline=baseline, blocks=blocks)):
        assert "<svg" in plot.svg


def test_a_run_in_which_nothing_was_measured_can_be_drawn() -> None:
    """All rows, no marks."""
    run = make_run()
    run.end("failed", "mmap: ENOMEM")

    assert [">failed<" in plot.svg for plot in drawn(run)] == [True] * 4


def test_a_ratio_of_exactly_one_can_be_drawn() -> None:
    """An axis needs two ends."""
    run = make_run(noise=0.0, block_noise=0.0, speeds={"copy_words": 800}, method=["memcpy", "copy_words"])

    assert len(drawn(run)) == 4


@pytest.mark.parametrize("svg", ["<svg><script/></svg>", '<svg onload="x"/>', '<svg><a href="x"/></svg>'])
def test_a_drawing_with_more_than_shapes_is_refused(svg: str) -> None:
    """Whatever the converter makes of a name, no script comes of it."""
    with pytest.raises(ValueError, match="no chart needs"):
        _checked(svg)
