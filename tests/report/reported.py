"""A run as the page's parts get it, and what their charts draw."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pageswap.analysis.findings import Findings
from pageswap.analysis.trials.table import frame
from pageswap.report.sections.reported_run import reported_run

if TYPE_CHECKING:
    from pageswap.report.charts.vegalite import Plot
    from pageswap.report.sections.reported_run import ReportedRun
    from tests.fake_run import FakeRun

NOTHING = Findings((), (), (), (), (), {}, (), ())


def reported(run: FakeRun, **changes: Any) -> ReportedRun:
    """Return what the page's parts of a run are made from, with some of it changed."""
    return dataclasses.replace(reported_run(run, frame(run)), **changes)


def rows(plot: Plot, dataset: str) -> list[dict[str, Any]]:
    """Return what a chart draws."""
    found: list[dict[str, Any]] = plot.spec["datasets"][dataset]
    return found
