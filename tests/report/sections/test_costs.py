"""Where the time goes: calls, and shares of the memory's limit."""

from __future__ import annotations

import dataclasses

import pytest

from pageswap.analysis.explanations.costs import CostPart, CostStack, Share
from pageswap.report.page.model import model
from pageswap.report.sections import costs
from pageswap.statistics.intervals import Interval
from tests.fake_run import make_run
from tests.report.reported import NOTHING, reported, rows
from tests.report.schema import assert_valid


def test_a_swap_is_shown_as_its_calls() -> None:
    """The parts lie end to end, and what they leave is drawn too."""
    stack = CostStack(
        "local",
        "mremap_fixed",
        {"region_size": 1 << 27, "method": "mremap_fixed"},
        1_000.0,
        (CostPart("trips", "3 x getpid", 300.0), CostPart("mappings", "3 x mremap_untouched", 450.0)),
        250.0,
    )
    section = costs.section(reported(make_run(), findings=dataclasses.replace(NOTHING, costs=(stack,))))
    parts = rows(section.plots[0], "parts")

    assert_valid(section.plots)
    assert [(part["Part"], part["from"], part["to"]) for part in parts] == [
        ("trips", 0.0, 300.0),
        ("mappings", 300.0, 750.0),
        ("not explained", 750.0, 1_000.0),
    ]


def test_shares_of_the_limit_are_a_table() -> None:
    """The nearest to the limit first."""
    shares = {
        ("local", "c0000"): Share(0.25, None, 1e10, "stream_copy"),
        ("local", "c0004"): Share(0.5, Interval(0.4955, 0.5049), 1e10, "stream_copy"),
    }
    section = costs.section(reported(make_run(), findings=dataclasses.replace(NOTHING, shares=shares)))

    assert [row[1] for row in section.grids[0].rows] == ["50.0 % [49.5 to 50.5]", "25 %"]
    assert section.grids[0].rows[0][0].startswith("memcpy")
    assert "with the same backing, as many threads and a region of the same size" in section.notes[0]


def test_a_call_is_drawn_as_the_calls_inside_it() -> None:
    """One bar for each condition, as long as the call took; the table has what each part is, with intervals."""
    times = {"getpid": 100.0, "mremap_untouched": 2_000.0, "mremap_touched": 4_000.0}
    run = make_run(
        method=list(times),
        speeds=times,
        baseline={"method": "mremap_touched"},
        threads=[1, 2],
        region_size=[1 << 20],
        touch=["none"],
    )
    run.experiment["workload"] = "call"
    run.families = dict.fromkeys(times, "control")
    section = costs.section(reported(run))
    (plot,), (grid,) = section.plots, section.grids
    parts = rows(plot, "parts")
    page = model(run)

    assert_valid(section.plots)
    assert [part["Call"] for part in parts[:3]] == [
        "getpid",
        "mremap_untouched - getpid",
        "mremap_touched - mremap_untouched",
    ]
    assert [mark["total"] for mark in rows(plot, "totals")] == [pytest.approx(part["to"]) for part in parts[2::3]]
    assert [row[:2] for row in grid.rows][2:4] == [
        ("1 thread", "the page's entry and its TLB flush"),
        ("2 threads", "the way into the kernel"),
    ]
    assert all("[" in cell and " to " in cell for row in grid.rows for cell in row[-2:])
    # It is the picture that shows the answer, so it stands at the top and only there.
    assert page.picture
    assert page.picture.title == "One call and the calls inside it"
    assert [len(each.plots) for each in page.sections if each.id == "costs"] == [0]


def test_what_is_paid_later_stands_beside_what_is_not() -> None:
    """Each pair of touch none and moved, and by how much it differs."""
    run = make_run(region_size=[1 << 27], noise=0.0, block_noise=0.0)
    for outcome in run.of(method="mremap_fixed", touch="moved"):
        outcome["elapsed_ns"] = outcome["elapsed_ns"] * 3 // 2
    section = costs.paid_later(reported(run))
    marks = rows(section.plots[0], "marks")

    assert_valid(section.plots)
    assert {mark["Case"]: mark["More"] for mark in marks} == {
        "copy_words": "no change",
        "memcpy": "no change",
        "mremap_fixed": "+50 %",
    }


def test_each_way_of_reading_what_was_moved_is_a_row_of_its_own() -> None:
    """Reading each 4 KiB of a huge page costs more than its one fault, and both are told against no reading."""
    run = make_run(region_size=[1 << 27], touch=["none", "moved", "every"], noise=0.0, block_noise=0.0)
    for touch, ns in (("moved", 3), ("every", 6)):
        for outcome in run.of(method="mremap_fixed", touch=touch):
            outcome["elapsed_ns"] = outcome["elapsed_ns"] * ns // 2
    section = costs.paid_later(reported(run))
    marks = [mark for mark in rows(section.plots[0], "marks") if "mremap" in mark["Case"]]

    assert_valid(section.plots)
    assert [(mark["touch"], mark["More"]) for mark in marks] == [
        ("touch none", "+50 %"),
        ("touch moved", "+50 %"),
        ("touch none", "+200 %"),
        ("touch every", "+200 %"),
    ]
    assert len({mark["row"] for mark in marks}) == 2
