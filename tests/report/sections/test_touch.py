"""What a method leaves for the first access stands beside what it does."""

from __future__ import annotations

from pageswap.report.sections import touch
from tests.fake_run import make_run
from tests.report.reported import reported, rows
from tests.report.schema import assert_valid


def test_what_is_paid_later_stands_beside_what_is_not() -> None:
    """Each pair of touch none and moved, and by how much it differs."""
    run = make_run(region_size=[1 << 27], noise=0.0, block_noise=0.0)
    for outcome in run.of(method="mremap_fixed", touch="moved"):
        outcome["elapsed_ns"] = outcome["elapsed_ns"] * 3 // 2
    section = touch.section(reported(run))
    marks = rows(section.plots[0], "marks")

    assert_valid(section.plots)
    assert {mark["Case"]: mark["More"] for mark in marks} == {
        "copy_words": "no change",
        "memcpy": "no change",
        "mremap_fixed": "+50 %",
    }
