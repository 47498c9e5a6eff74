"""Unusual trials are listed, the worst first, and no more than can be read."""

from __future__ import annotations

from pageswap.report.sections import outliers
from pageswap.report.sections.outliers import MOST_LISTED
from tests.fake_run import make_run
from tests.report.reported import reported


def test_outliers_are_listed_worst_first() -> None:
    """And no more than can be read."""
    run = make_run(blocks=40, noise=0.001)
    for number, outcome in enumerate(run.of(warmup=0, method="memcpy", touch="none")[: MOST_LISTED + 5]):
        outcome["elapsed_ns"] *= 2 + number
    section = outliers.section(reported(run))
    scores = [abs(float(row[-1].replace(",", ""))) for row in section.grids[0].rows]

    assert scores == sorted(scores, reverse=True)
    assert len(scores) == MOST_LISTED
    assert section.grids[0].caption == "Outliers: 35, of which the farthest 30 are shown; the trials' CSV has all"
    assert section.grids[0].is_folded
