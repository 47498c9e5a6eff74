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


def test_the_page_has_the_section_where_a_run_had_readers() -> None:
    """And no trace of it in any other run."""
    assert "readers" in [section.id for section in model(read_run()).sections]
    assert readers.section(reported(make_run())) is None
    assert readers.section(reported(read_run(neighbours=["idle"]))) is None
