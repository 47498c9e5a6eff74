"""The first table has a row a contender, and more only where conditions decide; the picture a mark a comparison."""

from __future__ import annotations

from typing import Any

import pytest

from pageswap.analysis.summary import summarise
from pageswap.analysis.verdicts import FASTER, NO_DIFFERENCE, NOT_MEASURED, SLOWER
from pageswap.answers.record import CORRUPT, FASTEST, MEASURED, NOT_TOLD_APART, PART, Answer, Finding, Trust
from pageswap.report.page.first_screen import first_rows, marks_of_rows, overview
from pageswap.report.page.model import model
from tests.fake_run import FakeRun, make_run
from tests.report.reported import rows
from tests.report.schema import assert_valid


def finding(subject: str, verdict: str, ratio: float | None, **more: Any) -> Finding:
    """Return a finding with an interval of a tenth around its ratio."""
    ends = {"low": ratio / 1.1, "high": ratio * 1.1} if ratio else {"low": None, "high": None}
    times = f"{1 / ratio:.0f} times slower" if ratio and ratio < 1 else f"{ratio:.0f} times faster" if ratio else ""
    usual = {"host": "a", "against": "memcpy", "where": {}, "times": times, "why": "", **ends}
    return Finding(subject=subject, verdict=verdict, ratio=ratio, **(usual | more))


def answered(*findings: Finding, asks: str = "faster") -> Answer:
    """Return an answer of findings."""
    return Answer(asks, "mixed", "", Trust("good"), findings)


def test_a_slower_contender_is_told_by_how_many_times() -> None:
    """With the interval in the same words, not as a fraction."""
    (row,) = first_rows(answered(finding("mremap", SLOWER, 0.05)))

    assert (row.contender, row.speed, row.interval) == ("mremap", "20.0 times slower", "18.2 to 22.0")
    assert (row.verdict, row.where) == ("slower", "")


def test_conditions_that_end_alike_are_one_row_with_the_whole_range() -> None:
    """From the smallest factor to the largest, and the outermost ends of the intervals."""
    found = [
        finding("mremap", SLOWER, ratio, where={"touch": word}) for ratio, word in ((0.05, "none"), (0.1, "moved"))
    ]
    (row,) = first_rows(answered(*found))

    assert (row.speed, row.interval, row.where) == ("10.0 to 20.0 times slower", "9.1 to 22.0", "")


def test_a_contender_that_ends_differently_has_a_row_for_each_and_says_where() -> None:
    """Sizes as a range, other levels by name, hosts by theirs."""
    sizes = [4096, 8192, 16384, 32768]
    found = [
        finding("mremap", SLOWER if size < 16384 else FASTER, size / 16000, where={"page_size": size}) for size in sizes
    ]
    rows = first_rows(answered(*found))
    hosts = [finding("mremap", FASTER, 2.0), finding("mremap", NO_DIFFERENCE, 1.01, host="b")]

    assert [(row.verdict, row.where) for row in rows] == [
        ("slower", "4KiB to 8KiB pages"),
        ("faster", "16KiB to 32KiB pages"),
    ]
    assert [row.where for row in first_rows(answered(*hosts))] == ["on a", "on b"]


def test_a_factor_of_a_store_that_nobody_knows_here_is_told_by_its_name() -> None:
    """A later version's store may have one."""
    ends = {"red": SLOWER, "blue": SLOWER, "green": FASTER}
    found = [finding("m", verdict, 2.0, where={"shade": shade}) for shade, verdict in ends.items()]

    assert [row.where for row in first_rows(answered(*found))] == ["red and blue shade", "green shade"]


def test_what_was_not_told_apart_is_no_change_in_either_direction() -> None:
    """Its figure is around 1, and so are its ends."""
    (row,) = first_rows(answered(finding("m", NO_DIFFERENCE, 1.02, low=0.99, high=1.05)))
    (wide,) = first_rows(answered(finding("m", NO_DIFFERENCE, 0.4, low=0.1, high=1.3)))

    assert (row.speed, row.interval) == ("1.020 times as fast", "0.990 to 1.050")
    assert (wide.speed, wide.interval) == ("0.4 times as fast", "0.1 to 1.3")


def test_what_was_not_told_from_the_best_is_a_multiple_too() -> None:
    """Several directions in one range have one unit, and each row says what it was compared with."""
    found = [
        finding("m", NOT_TOLD_APART, 0.8, where={"page_size": 4096}),
        finding("m", NOT_TOLD_APART, 1.3, where={"page_size": 8192}, against="n"),
    ]
    rows = first_rows(answered(*found, asks="fastest"))

    assert [(row.speed, row.verdict, row.against) for row in rows] == [
        ("0.80 to 1.30 times as fast", NOT_TOLD_APART, "memcpy and n")
    ]


def test_what_no_level_tells_apart_is_counted() -> None:
    """Rather than described as something it is not."""
    found = [
        finding("m", FASTER if (threads + size) % 2 else SLOWER, 2.0, where={"threads": threads, "page_size": size})
        for threads in (1, 2)
        for size in (4096, 8193, 16384)
    ]

    assert [row.where for row in first_rows(answered(*found))] == ["in 3 of 6 conditions"] * 2


def test_few_conditions_that_no_level_tells_apart_are_named() -> None:
    """Each by all that varies."""
    words = [("none", 1), ("none", 2), ("moved", 1), ("moved", 2)]
    found = [
        finding("m", FASTER if place in (0, 3) else SLOWER, 2.0, where={"touch": touch, "threads": threads})
        for place, (touch, threads) in enumerate(words)
    ]

    assert [row.where for row in first_rows(answered(*found))] == [
        "touch none, 1 thread; touch moved, 2 threads",
        "touch none, 2 threads; touch moved, 1 thread",
    ]


def test_the_fastest_contender_comes_first() -> None:
    """Then the others by their best; what has no figure is last, and has its reason."""
    found = [
        finding("slow", SLOWER, 0.5),
        finding("gone", NOT_MEASURED, None, why="no such call"),
        finding("fast", FASTER, 3.0),
    ]
    rows = first_rows(answered(*found))

    assert [row.contender for row in rows] == ["fast", "slow", "gone"]
    assert (rows[-1].speed, rows[-1].reasons) == ("", ("no such call",))


def test_where_a_contender_is_the_fastest_comes_before_where_it_is_not() -> None:
    """Whatever the order of the conditions."""
    found = [
        finding("m", verdict, ratio, where={"backing": backing})
        for backing, verdict, ratio in (("memfd", SLOWER, 0.1), ("thp", FASTEST, 3.0))
    ]

    assert [row.verdict for row in first_rows(answered(*found, asks="fastest"))] == ["fastest", "slower"]


def test_a_change_of_conditions_is_a_row_for_each_method() -> None:
    """A method's name is no condition there."""
    found = [
        finding("2 threads", FASTER, 2.0, where={"method": name}, against="1 thread") for name in ("memcpy", "mremap")
    ]
    rows = first_rows(answered(*found, asks="gain"))

    assert [(row.contender, row.against) for row in rows] == [
        ("memcpy: 2 threads", "1 thread"),
        ("mremap: 2 threads", "1 thread"),
    ]


@pytest.mark.parametrize(("verdict", "interval"), [(PART, ""), (MEASURED, ""), (CORRUPT, ""), (FASTER, "1.82 to 2.20")])
def test_only_a_ratio_has_its_interval(verdict: str, interval: str) -> None:
    """The one of a share or a rate would be another figure's; what is corrupt has none at all."""
    (row,) = first_rows(answered(finding("m", verdict, 2.0, times="2 times faster")))

    assert row.interval == interval


@pytest.mark.parametrize(("verdict", "ratio", "times"), [(FASTER, 4.0, "0.25"), (SLOWER, 0.05, "20")])
def test_what_calls_take_has_its_interval_in_the_same_multiples(verdict: str, ratio: float, times: str) -> None:
    """A time a quarter as long lies between a fifth and a third, whichever of the two is faster."""
    (row,) = first_rows(answered(finding("m", verdict, ratio, times=f"{times} times as long"), asks="cost"))
    low, high = (float(end) for end in row.interval.split(" to "))

    assert low < float(times) < high


def test_what_calls_take_under_several_conditions_is_in_the_same_multiples() -> None:
    """A call that is faster takes a fraction of the time, and so it does where it is not told apart."""
    found = [finding("m", FASTER, ratio, where={"threads": threads}) for threads, ratio in ((1, 2.0), (2, 4.0))]
    found += [finding("n", NO_DIFFERENCE, 1.25)]
    rows = first_rows(answered(*found, asks="cost"))

    assert [(row.speed, row.interval) for row in rows] == [
        ("0.250 to 0.50 times as long", "0.227 to 0.55"),
        ("0.80 times as long", "0.73 to 0.88"),
    ]


def test_a_rate_is_a_row_for_each_condition_with_its_own_interval() -> None:
    """Two rates are no range of one."""
    found = [
        finding("m", MEASURED, 2.0, where={"threads": threads}, times=times)
        for threads, times in ((1, "9.5 GB/s, 8.9 to 10.4"), (2, "17.5 GB/s, 16.0 to 18.0"))
    ]

    assert [(row.speed, row.interval, row.where) for row in first_rows(answered(*found, asks="rate"))] == [
        ("9.5 GB/s", "8.9 to 10.4", "1 thread"),
        ("17.5 GB/s", "16.0 to 18.0", "2 threads"),
    ]


def test_an_interval_of_several_figures_holds_them_all() -> None:
    """As printed: each end has the digits of its own figure."""
    wide = {"low": 1 / 34, "high": 1 / 20}
    found = [
        finding("m", SLOWER, 1 / 1.9, where={"threads": 1}, low=1 / 2.0, high=1 / 1.8),
        finding("m", SLOWER, 1 / 23, where={"threads": 2}, **wide),
    ]
    (row,) = first_rows(answered(*found))

    assert (row.speed, row.interval) == ("1.90 to 23 times slower", "1.80 to 34")


def test_what_moves_no_page_comes_last_and_is_said_to() -> None:
    """However fast it was."""
    rows = first_rows(answered(finding("null", FASTER, 200.0), finding("m", FASTER, 2.0)), {"null"})

    assert [row.contender for row in rows] == ["m", "null (moves no page)"]


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
