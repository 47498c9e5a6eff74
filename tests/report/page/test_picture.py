"""The picture at a glance: a row a contender, a mark a comparison."""

from __future__ import annotations

import pytest

from pageswap.analysis.summary import summarise
from pageswap.report.page.model import model
from pageswap.report.page.picture import marks_of_rows, overview
from tests.fake_run import FakeRun, make_run
from tests.report.reported import rows
from tests.report.schema import assert_valid


def conditions() -> FakeRun:
    """Return a run whose baseline is one thread alone, whatever the method."""
    run = make_run(
        threads=[1, 2], region_size=[1 << 20], touch=["none"], neighbours=["idle", "spinning"], replicas=True,
        baseline={"threads": 1, "neighbours": "idle"},
    )  # fmt: skip
    run.experiment["question"] = "Which methods gain from a second thread?"
    return run


def test_the_picture_shows_each_contender_once() -> None:
    """One row a contender, one mark a comparison; a single chart of ratios needs no other."""
    picture = overview(summarise(make_run()))

    assert picture is not None
    assert_valid([picture])
    assert len(rows(picture, "marks")) == 8
    assert len({row["row"] for row in rows(picture, "marks")}) == 2
    assert overview(summarise(make_run(region_size=[1 << 27], touch=["none"]))) is None
    assert overview(summarise(make_run(baseline={}))) is None


def test_the_marks_of_a_row_are_named() -> None:
    """What tells them apart, from top to bottom where they are few."""
    many = make_run(region_size=[(index + 1) << 20 for index in range(9)], blocks=1)
    alone = make_run(region_size=[1 << 20], touch=["none"], blocks=1)

    page = model(make_run())
    (how,) = page.picture_notes
    assert how.endswith(
        "The marks of a row are, from top to bottom: a 128MiB region, touch none; a 128MiB region, touch moved; "
        "a 256MiB region, touch none; a 256MiB region, touch moved."
    )
    assert page.picture
    assert [each["end"] for each in rows(page.picture, "ends")][:4] == [
        "a 128MiB region, touch none",
        "a 128MiB region, touch moved",
        "a 256MiB region, touch none",
        "a 256MiB region, touch moved",
    ]
    assert marks_of_rows(summarise(many)) == ([], ["region size", "touch"])
    assert marks_of_rows(summarise(alone)) == ([], [])


def test_what_the_picture_leaves_out_is_said() -> None:
    """Contenders beyond those there is room for, and marks beyond those that a row has: each where it is so."""
    speeds = {f"m{index:02d}": 100.0 + index for index in range(20)}
    crowd = make_run(method=["memcpy", *speeds], speeds=speeds, blocks=1, touch=["none"])
    long = make_run(backing=[f"b{index}" for index in range(30)], region_size=[1 << 20], touch=["none"], blocks=1)

    assert "The chart shows 32 of 40 comparisons: those of the fastest. The table" in model(crowd).picture_notes[0]
    assert "The chart shows 48 of 60 comparisons, taken evenly over the run. The table" in model(long).picture_notes[0]
    assert not any("The chart shows" in note for note in model(make_run()).picture_notes)


def test_a_baseline_without_a_method_has_a_row_for_each_method() -> None:
    """At a glance and in the charts of ratios, which are named by what was changed."""
    summary = summarise(conditions())
    glance = overview(summary)
    page = model(conditions())
    ratios = page.sections[0]

    assert glance
    assert_valid([glance, *ratios.plots])
    assert [name.rpartition("\n")[0] for name in dict.fromkeys(mark["row"] for mark in rows(glance, "marks"))][:2] == [
        "copy_words\n2 threads",
        "memcpy\n2 threads",
    ]
    assert len(rows(glance, "marks")) == 9
    assert sorted(plot.title for plot in ratios.plots) == [
        "With 2 threads",
        "With 2 threads, spinning neighbours",
        "With spinning neighbours",
    ]
    assert {row["Case"] for row in rows(ratios.plots[0], "measured")} == {"copy_words", "memcpy", "mremap_fixed"}
    assert "threads" in [section.id for section in page.sections]


def test_calls_are_drawn_by_what_they_cost() -> None:
    """At a glance: multiples of the baseline's time, the cheapest first, as the answer has them."""
    costs = {"getpid": 100.0, "mmap_munmap": 2_000.0, "getpid_cached": 2.0}
    run = make_run(
        method=list(costs), speeds=costs, baseline={"method": "getpid"}, region_size=[1 << 20], touch=["none"]
    )
    run.experiment["workload"] = "call"
    run.families = dict.fromkeys(costs, "control")
    page = model(run)

    assert page.picture
    assert_valid([page.picture])
    assert page.picture.title == "Time relative to getpid"
    assert [(mark["Case"], mark["value"]) for mark in rows(page.picture, "marks")] == [
        ("getpid_cached", pytest.approx(0.02, rel=0.03)),
        ("mmap_munmap", pytest.approx(20, rel=0.03)),
    ]
    assert all(mark["low"] <= mark["value"] <= mark["high"] for mark in rows(page.picture, "marks"))
    assert "further to the right is dearer" in page.picture_notes[0]
