"""The same thing measured twice: the noise floor."""

from __future__ import annotations

from pageswap.report.sections import noise
from tests.fake_run import make_run
from tests.report.reported import reported, rows
from tests.report.schema import assert_valid


def test_the_noise_floor_is_drawn_for_each_host() -> None:
    """Every A/A pair is a dot, the floor a band."""
    run = make_run(hosts=("a", "b"), replicas=True)
    of_run = reported(run)
    section = noise.section(of_run)
    plot = section.plots[0]

    assert_valid(section.plots)
    assert len(rows(plot, "pairs")) == sum(len(floor.pairs) for floor in of_run.every.noise.values()) > 0
    assert {band["Host"] for band in rows(plot, "bands")} == {"a", "b"}


def test_no_tick_has_a_signed_zero() -> None:
    """The middle of an axis of percents is 0 %, neither above nor below."""
    run = make_run(replicas=True)
    axis = noise.section(reported(run)).plots[0].spec["layer"][0]["encoding"]["x"]["axis"]

    assert axis["labelExpr"].startswith("abs(datum.value - 1) < 1e-9 ? '0 %'")
