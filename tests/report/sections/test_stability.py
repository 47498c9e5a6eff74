"""How steady the measurement was: drift, the noise floor, and unusual trials, the worst first."""

from __future__ import annotations

import dataclasses

from pageswap.analysis.checks.stability import Drift
from pageswap.analysis.verdicts import FASTER, SLOWER
from pageswap.report.sections import stability
from pageswap.report.sections.section import MOST_ROWS, case_name
from tests.fake_run import make_run
from tests.report.reported import NOTHING, reported, rows
from tests.report.schema import assert_valid


def test_drift_that_was_found_stands_out() -> None:
    """Flagged lines are told from the others by width and shape, not by colour alone."""
    drifts = (
        Drift("local", "", "blocks", 7, 0.2, 0.001, 0.001, is_flagged=True, profile=(1.0, 1.1, None, 1.2)),
        Drift("local", "c0000", "rounds", 7, 0.0, 0.9, 1.0, is_flagged=False, profile=(1.0, 1.0)),
    )
    section = stability.drift(reported(make_run(), findings=dataclasses.replace(NOTHING, drift=drifts)))

    assert_valid(section.plots)
    assert [plot.title for plot in section.plots] == ["Over the run", "Inside the trials"]
    assert [(row["x"], row["kind"]) for row in rows(section.plots[0], "rows")] == [
        (1, "drifts"),
        (2, "drifts"),
        (4, "drifts"),
    ]
    assert "Over the run: 1 of 1 host drifted, drawn thick." in section.notes


def test_hosts_are_told_apart_in_the_chart_of_drift() -> None:
    """By colour and shape, with a legend, as long as there are enough of both."""
    drifts = [
        Drift(host, "", "blocks", 7, 0.0, 0.9, 1.0, is_flagged=host == "b", profile=(1.0, 1.1)) for host in ("b", "a")
    ]
    found = dataclasses.replace(NOTHING, drift=tuple(drifts))
    section = stability.drift(reported(make_run(hosts=("a", "b")), findings=found))
    many = [dataclasses.replace(drifts[0], host=f"h{number}") for number in range(9)]
    crowd = make_run(hosts=tuple(each.host for each in many), blocks=1)
    crowded = stability.drift(reported(crowd, findings=dataclasses.replace(NOTHING, drift=tuple(many))))
    for channel in ("color", "shape"):
        scale = section.plots[0].spec["layer"][1]["encoding"][channel]["scale"]
        assert scale["domain"] == ["a", "b"]
        assert len(set(scale["range"])) == 2

    assert_valid([*section.plots, *crowded.plots])
    assert "The pointer names the host of a line." in crowded.notes[-1]


def test_the_noise_floor_is_drawn_for_each_host() -> None:
    """Every A/A pair is a dot, the floor a band."""
    run = make_run(hosts=("a", "b"), replicas=True)
    of_run = reported(run)
    section = stability.noise(of_run)
    plot = section.plots[0]

    assert_valid(section.plots)
    assert len(rows(plot, "pairs")) == sum(len(floor.pairs) for floor in of_run.every.noise.values()) > 0
    assert {band["Host"] for band in rows(plot, "bands")} == {"a", "b"}


def test_no_difference_inside_its_band_is_called_one() -> None:
    """Each baseline has its own band: a noisy one says nothing of another condition's differences."""
    run = make_run(touch=["none"], replicas=True)
    for outcome in run.of(replica=1, region_size=256 << 20):
        outcome["elapsed_ns"] = outcome["elapsed_ns"] * (3 if outcome["block"] % 2 else 2) // 2
    of_run = reported(run)
    every = of_run.every
    bands = {band["Where"]: band for band in rows(stability.noise(of_run).plots[0], "bands")}
    decided = [
        (case.ratio, bands[case_name(every, case.host, case.levels, every.baseline)])
        for case in every.cases
        if case.verdict in (FASTER, SLOWER)
    ]
    widest = max(band["high"] for band in bands.values())

    assert set(bands) == {"a 128MiB region", "a 256MiB region"}
    assert not any(band["low"] <= ratio <= band["high"] for ratio, band in decided)
    assert any(1 / widest <= ratio <= widest for ratio, _ in decided)


def test_no_tick_has_a_signed_zero() -> None:
    """The middle of an axis of percents is 0 %, neither above nor below."""
    run = make_run(replicas=True)
    axis = stability.noise(reported(run)).plots[0].spec["layer"][0]["encoding"]["x"]["axis"]

    assert axis["labelExpr"].startswith("abs(datum.value - 1) < 1e-9 ? '0 %'")


def test_outliers_are_listed_worst_first() -> None:
    """And no more than can be read."""
    run = make_run(blocks=140, noise=0.001)
    for number, outcome in enumerate(run.of(warmup=0, method="memcpy", touch="none")[: MOST_ROWS + 5]):
        outcome["elapsed_ns"] *= 2 + number
    run.of(warmup=0, method="copy_words")[0]["elapsed_ns"] //= 2
    section = stability.outliers(reported(run))
    (grid,) = section.grids
    scores = [abs(float(row[-1].replace(",", ""))) for row in grid.shown]

    assert scores == sorted(scores, reverse=True)
    assert (len(scores), len(grid.rows)) == (MOST_ROWS, MOST_ROWS + 6)
    assert grid.is_folded
    assert any(float(row[-1].replace(",", "")) < -3.5 for row in grid.rows)
    assert "beyond 3.5 either way" in section.notes[0]
