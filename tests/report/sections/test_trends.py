"""The charts of a size or a count: lines by method, crossovers marked where they were decided."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import TYPE_CHECKING, Any

import pytest

from pageswap.analysis.checks.crossovers import Crossover
from pageswap.answers.words import say
from pageswap.report.sections import trends
from pageswap.report.sections.trends import MOST_LEVELS, MOST_PANELS
from tests.fake_run import FakeRun, make_run
from tests.report.reported import reported, rows
from tests.report.schema import assert_valid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.report.sections.section import Section

SIZES = [4096, 16384, 65536, 262144]


def only(run: FakeRun, crossovers: Sequence[Crossover] | None = None) -> Section:
    """Return the one section of trends that a run has, with these crossovers or those that are found in it."""
    reportable = reported(run)
    if crossovers is not None:
        found = dataclasses.replace(reportable.findings, crossovers=tuple(crossovers))
        reportable = dataclasses.replace(reportable, findings=found, summary=reportable.every)
    (section,) = [section for make in trends.SECTIONS if (section := make(reportable))]
    return section


def sized(**more: Any) -> FakeRun:
    """Return a run over page sizes, in which the time of a copy grows with the page and that of a remap does not."""
    run = make_run(page_size=SIZES, region_size=[1 << 27], touch=["none"], **more)
    for outcome in run.outcomes:
        if outcome["method"] != "mremap_fixed":
            outcome["elapsed_ns"] = outcome["elapsed_ns"] * outcome["page_size"] // 4096
    return run


def test_the_rate_is_drawn_against_the_page_size() -> None:
    """One line a method, in bytes a second, each mark with its time and size in words."""
    section = only(sized())
    (plot,) = section.plots
    points = rows(plot, "points")

    assert_valid(section.plots)
    assert section.id == "sizes"
    assert {point["Case"] for point in points} == {"copy_words", "memcpy", "mremap_fixed"}
    assert [point["At"] for point in points if point["Case"] == "memcpy"] == ["4KiB", "16KiB", "64KiB", "256KiB"]
    remap = [point["value"] for point in points if point["Case"] == "mremap_fixed"]
    assert remap[-1] / remap[0] == pytest.approx(64, rel=0.1)


def test_a_crossover_is_marked_and_told() -> None:
    """Where the lines cross there is a rule with its interval, and a row that says it in words."""
    section = only(sized())
    found = reported(sized()).findings.crossovers
    marks = rows(section.plots[0], "crossovers")

    assert_valid(section.plots)
    assert [mark["Crossover"] for mark in marks] == [
        say("crossing", "crossing", each) for each in found if each.is_shown and "memcpy" in (each.a, each.b)
    ]
    assert len(marks) == 1
    assert marks[0]["Label"].startswith("mremap_fixed crosses at ")
    assert all(mark["low"] <= mark["at"] <= mark["high"] for mark in marks)
    assert {each["mark"]["type"] for each in section.plots[0].spec["layer"]} == {"rule", "line", "point", "text"}
    assert [row[-1] for row in section.grids[0].rows] == [
        say("crossing", "crossing", each) for each in found if each.is_shown
    ]
    assert [row[-1] for row in section.grids[1].rows] == [
        say("crossing", "crossing", each).removeprefix("none: ") for each in found if not each.is_shown
    ]
    assert "the bar across it is the 95 % confidence interval of that size" in section.notes[0]


def test_crossovers_come_first_and_what_is_left_out_is_told() -> None:
    """Those of the charts drawn before those of others; pairs that do not change places are summed up by pair."""
    hosts = tuple(f"h{number:02d}" for number in range(70))
    (known, *_) = reported(sized()).findings.crossovers
    crossed = [
        dataclasses.replace(
            known,
            host=host,
            a="memcpy",
            b="mremap_fixed",
            from_bytes=65536,
            to_bytes=262144,
            at_bytes=7e4,
            found=("memcpy", "mremap_fixed"),
        )
        for host in hosts
    ]
    level = dataclasses.replace(
        known, a="copy_words", b="memcpy", from_bytes=None, to_bytes=None, at_bytes=None, found=("",) * 4
    )
    ahead = dataclasses.replace(level, found=("memcpy",) * 4)
    others = [dataclasses.replace(ahead if number > 8 else level, host=host) for number, host in enumerate(hosts)]
    section = only(sized(hosts=hosts, blocks=1), [*others, *crossed])
    drawn = [plot.title.rpartition(": ")[2] for plot in section.plots]
    first, second = section.grids

    assert (first.caption, first.first) == ("Where the faster one changes", "the charts above come first")
    assert [row[0] for row in first.rows[: len(drawn)]] == drawn
    assert (len(first.shown), len(first.rows)) == (60, 70)
    (row,) = second.rows
    assert row[:2] == ("copy_words", "memcpy")
    assert row[2].split("; ") == [
        "memcpy faster at every size in 61 of 70 sets of cases",
        "no difference found at any size in 9 of 70 sets of cases",
    ]


def between(low: float | None, high: float | None) -> Crossover:
    """Make a crossover of the charts of `sized` between 64 KiB and 256 KiB."""
    levels = reported(sized()).findings.crossovers[0].levels
    sizes, found = (4096, 65536, 262144), ("memcpy", "memcpy", "mremap_fixed")
    crossing = Crossover("local", "memcpy", "mremap_fixed", levels, "page_size", sizes, found, "mremap_fixed", 1)
    return dataclasses.replace(crossing, from_bytes=65536, to_bytes=262144, at_bytes=7e4, low=low, high=high)


def test_medians_that_cross_are_not_drawn_as_a_crossover() -> None:
    """Where no difference was found nothing is dashed."""
    crossing = dataclasses.replace(between(1e4, 9e4), found=("",) * 3, from_bytes=None, to_bytes=None)
    section = only(sized(), [crossing])

    assert rows(section.plots[0], "crossovers") == []
    assert "dashed" not in section.notes[0]


def test_a_crossover_without_ends_is_marked_where_it_is() -> None:
    """An end that is not known is not made up."""
    crossing = between(None, None)
    section = only(sized(), [crossing])

    (mark,) = rows(section.plots[0], "crossovers")
    assert (mark["at"], mark["low"], mark["high"]) == (70_000.0, 70_000.0, 70_000.0)
    assert mark["Crossover"] == say("crossing", "crossing", crossing)


def test_no_line_of_a_crossover_goes_through_the_label_of_another() -> None:
    """Those of lines further right are lower, and where they have no room there each line ends below them all."""
    right = between(None, None)
    left = dataclasses.replace(right, a="copy_words", b="memcpy", faster="memcpy", at_bytes=2e4)
    (plot,) = only(sized(), [right, left]).plots
    marks = rows(plot, "crossovers")
    (dashed,) = [each for each in plot.spec["layer"] if "strokeDash" in each["mark"]]

    assert [mark["at"] for mark in marks] == [20_000.0, 70_000.0]
    assert marks[0]["value"] > marks[1]["value"]
    assert [mark["next"] for mark in marks] == [70_000.0, 70_000.0]
    assert [mark["letters"] for mark in marks] == [len(marks[1]["Label"]), 0]
    assert [mark["free"] for mark in marks] == [24.0, 24.0]
    assert dashed["encoding"]["y2"] == {"value": 280}


def test_lines_are_named_at_their_ends() -> None:
    """In the order of the lines there, by names that do not lie upon each other."""
    speeds = dict.fromkeys(("a", "b", "c"), 800.0)
    run = make_run(page_size=SIZES, region_size=[1 << 27], touch=["none"], method=["memcpy", *speeds], speeds=speeds)
    (plot,) = only(run).plots
    scale = plot.spec["layer"][-1]["encoding"]["y"]["scale"]["domain"]
    ends = sorted(rows(plot, "ends"), key=lambda each: each["value"])
    heights = [280 * math.log(each["value"] / scale[0]) / math.log(scale[1] / scale[0]) for each in ends]
    last = sorted((point["value"], point["Case"]) for point in rows(plot, "points") if point["At"] == "256KiB")

    assert [each["end"] for each in ends] == [name for _, name in last]
    assert all(above - below >= 15.9 for below, above in itertools.pairwise(heights))


def test_marks_that_would_hide_each_other_stand_side_by_side() -> None:
    """As far apart as a mark is wide, around the size that they are of; a mark alone stands at its size."""
    run = make_run(page_size=SIZES, region_size=[1 << 27], touch=["none"], speeds={"copy_words": 800.0}, noise=0.0)
    points = rows(only(run).plots[0], "points")
    beside = {point["Case"]: point["beside"] / point["x"] for point in points if point["At"] == "4KiB"}

    assert beside["copy_words"] != beside["memcpy"]
    assert beside["copy_words"] * beside["memcpy"] == pytest.approx(1.0)
    assert beside["mremap_fixed"] == 1.0


@pytest.mark.parametrize(
    ("factor", "levels", "ident"),
    [("threads", [1, 2, 4], "threads"), ("iterations", [100, 1_000], "iterations"), ("run_pages", [1, 8], "runs")],
)
def test_other_counts_have_their_charts(factor: str, levels: list[int], ident: str) -> None:
    """Threads, batches and runs of pages as sizes do."""
    run = make_run(region_size=[1 << 27], touch=["none"], **{factor: levels})
    if factor == "run_pages":
        for case in run.case_list:
            case["workload"] = "move"
    section = only(run)

    assert_valid(section.plots)
    assert section.id == ident
    assert "Both axes are logarithmic" in section.notes[0]
    assert {
        each["encoding"][axis]["scale"]["type"] for each in section.plots[0].spec["layer"] for axis in ("x", "y")
    } == {"log"}


def test_a_method_looks_alike_in_every_chart() -> None:
    """Its colour and its shape, also where others are missing; and all charts have the same axis."""
    run = make_run(hosts=("a", "b"), page_size=SIZES, region_size=[1 << 27], touch=["none"])
    run.end("unavailable", "", method="copy_words", host="b")
    section = only(run)
    looks = [
        {
            channel: dict(zip(scale["domain"], scale["range"], strict=True))["memcpy"]
            for channel in ("color", "shape")
            for scale in [
                next(each for each in plot.spec["layer"] if "shape" in each["encoding"])["encoding"][channel]["scale"]
            ]
        }
        for plot in section.plots
    ]
    axes = [plot.spec["layer"][-1]["encoding"]["y"]["scale"]["domain"] for plot in section.plots]

    assert len(looks) == 2
    assert looks[0] == looks[1]
    assert axes[0] == axes[1]


def test_trends_are_bounded() -> None:
    """Panels, levels and lines, and each is said."""
    speeds = {f"m{index}": 100.0 + index for index in range(12)}
    run = make_run(
        region_size=[(index + 1) << 20 for index in range(40)],
        method=["memcpy", *speeds],
        speeds=speeds,
        blocks=1,
        hosts=tuple("abcdefgh"),
        touch=["none"],
    )
    section = only(run)

    assert len(section.plots) == MOST_PANELS
    assert len({point["x"] for point in rows(section.plots[0], "points")}) == MOST_LEVELS
    assert len({point["Case"] for point in rows(section.plots[0], "points")}) == 8
    assert any("8 of 13 lines are drawn, that of the baseline and the fastest" in note for note in section.notes)
    assert "memcpy" in {point["Case"] for point in rows(section.plots[0], "points")}
    assert any("24 of 40 values are drawn" in note for note in section.notes)
    assert any("6 of 8 charts" in note for note in section.notes)


@pytest.mark.parametrize("is_measured", [True, False])
def test_the_line_of_the_baseline_is_drawn_and_named_where_there_is_one(*, is_measured: bool) -> None:
    """However slow it is, and although not all of its cases are what others are compared with."""
    speeds = {f"m{index}": 100.0 + index for index in range(12)}
    baseline = {"method": "memcpy", "touch": "none"}
    run = make_run(
        method=["memcpy", *speeds], speeds=speeds, blocks=1, baseline=baseline, page_size=SIZES, region_size=[1 << 27]
    )
    if not is_measured:
        run.end("failed", "", method="memcpy")
    section = only(run)
    drawn = {point["Case"] for plot in section.plots for point in rows(plot, "points")}

    assert ("memcpy" in drawn) == is_measured
    assert any("that of the baseline and the fastest" in note for note in section.notes) == is_measured


def test_a_crossover_of_regions_is_drawn_over_regions() -> None:
    """Where the region is what varies its chart has the mark and the table."""
    run = make_run(region_size=[1 << 20, 1 << 22, 1 << 24], touch=["none"])
    for outcome in run.of(method="memcpy"):
        outcome["elapsed_ns"] = outcome["elapsed_ns"] * outcome["region_size"] * 10 >> 20
    found = reported(run).findings.crossovers
    section = only(run)

    assert_valid(section.plots)
    assert section.id == "regions"
    assert len(rows(section.plots[0], "crossovers")) == sum(each.is_shown for each in found) > 0
    assert "A dashed line marks" in section.notes[0]
    assert section.grids[0].caption == "Where the faster one changes"
