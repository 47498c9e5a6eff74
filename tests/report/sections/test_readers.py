"""The pictures of what readers met: throughput against percentile 99, percentiles by case, and the figures."""

from __future__ import annotations

import pytest

from pageswap.report.page.model import model
from pageswap.report.sections import readers
from tests.fake_run import make_run
from tests.read_run import read_run
from tests.report.reported import reported, rows
from tests.report.schema import assert_valid


def test_each_case_is_drawn_by_its_throughput_and_its_readers_percentile() -> None:
    """Only cases with readers, with what they met alone as a line."""
    section = readers.section(reported(read_run()))
    assert section
    points = {point["Method"]: point for point in rows(section.plots[0], "moving")}

    assert_valid(section.plots)
    assert points["memcpy"]["p99"] == 520
    assert points["mremap_fixed"]["p99"] == 16 * 520
    assert points["memcpy"]["value"] == pytest.approx(8192 / 800 * 1e9, rel=0.1)
    assert [mark["p99"] for mark in rows(section.plots[0], "alone")] == [520]
    assert len(points) == 3


def test_reads_of_memory_at_rest_are_drawn_otherwise() -> None:
    """A mark each, which is hollow."""
    section = readers.section(reported(read_run(neighbours=["reading"], reads=["moving", "resting"])))
    assert section
    points = {name: rows(section.plots[0], name) for name in ("moving", "resting")}

    assert_valid(section.plots)
    assert {name: {point["Reads"] for point in found} for name, found in points.items()} == {
        "moving": {"moving"},
        "resting": {"resting"},
    }
    assert [len(found) for found in points.values()] == [3, 3]


def test_percentiles_are_drawn_beside_those_alone() -> None:
    """A percentile that no trial reached is left out."""
    section = readers.section(reported(read_run()))
    assert section
    marks = [mark for mark in rows(section.plots[1], "marks") if mark["Case"].startswith("mremap_fixed")]

    assert [(mark["Percentile"], mark["value"], mark["alone"]) for mark in marks] == [
        ("50 %", 208, 208),
        ("99 %", 16 * 520, 520),
        ("99.9 %", 16 * 832, 832),
    ]


def test_a_long_name_is_broken_into_lines_that_have_room() -> None:
    """Nothing of it is cut off, and each row is as high as its label."""
    levels = {
        "neighbours": ["reading"],
        "reads": ["missing", "resting"],
        "run_pages": [1, 64],
        "touch": ["none", "moved"],
    }
    section = readers.section(reported(read_run(**levels)))
    assert section
    plot = section.plots[1]
    marks = rows(plot, "marks")
    lines = [line for mark in marks for line in mark["row"].split("\n")]

    assert max(map(len, lines)) <= 28
    assert all(" ".join(mark["row"].split()) == mark["Case"].replace(", ", " ", 1) for mark in marks)
    assert max(mark["row"].count("\n") for mark in marks) >= 3
    assert plot.spec["height"] >= 15 * 4 * len({mark["row"] for mark in marks})


def test_the_table_has_every_figure_and_the_shortest_first() -> None:
    """The ratio against alone is told with its interval."""
    section = readers.section(reported(read_run()))
    assert section
    (grid,) = section.grids

    name, throughput, *figures = grid.rows[-1]
    assert name == "mremap_fixed"
    assert throughput.endswith("MB/s")
    assert figures == [
        "250 k (5.2 M)",
        "208 ns (208 ns)",
        "8,320 ns (520 ns)",
        "13,300 ns (832 ns)",
        "",
        "16.00 [16.00 to 16.00]",
    ]


def test_who_came_before_a_page_is_told_of_by_itself() -> None:
    """In a picture and a table more, and in the first picture; all reads are told of as ever."""
    section = readers.section(reported(read_run(neighbours=["reading"], reads=["missing", "resting"])))
    assert section
    leading, every, awaited = section.plots
    points = {(point["Method"], point["Reads"]): point["p99"] for point in rows(leading, "moving")}
    marks = [mark for mark in rows(awaited, "marks") if mark["Case"].startswith("mremap_fixed")]

    assert_valid(section.plots)
    assert points == {
        ("copy_words", "missing"): 52_000,
        ("memcpy", "missing"): 52_000,
        ("mremap_fixed", "missing"): 832_000,
    }
    assert [point["p99"] for point in rows(leading, "resting")] == [520, 520, 16 * 520]
    assert [(mark["Percentile"], mark["value"], mark["alone"]) for mark in marks] == [
        ("50 %", 10_400, 208),
        ("99 %", 832_000, 520),
    ]
    assert len({mark["Case"] for mark in rows(every, "marks")}) == 6
    assert [len(grid.rows) for grid in section.grids] == [6, 3]
    assert section.grids[1].rows[-1][2:] == (
        "62 (5.2 M)",
        "10,400 ns (208 ns)",
        "832,000 ns (520 ns)",
        "",
        "",
        "1,600 [1,600 to 1,600]",
    )
    assert any("came before its page" in note for note in section.notes)


def test_the_page_has_the_section_where_a_run_had_readers() -> None:
    """And no trace of it in any other run."""
    assert "readers" in [section.id for section in model(read_run()).sections]
    assert readers.section(reported(make_run())) is None
    assert readers.section(reported(read_run(neighbours=["idle"]))) is None
