"""Checks charts against the schema of Vega-Lite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pageswap.report.charts.vegalite import Plot


def assert_valid(plots: Iterable[Plot]) -> None:
    """Fail with the schema's own words where a chart is no Vega-Lite."""
    for plot in plots:
        alt.LayerChart.from_dict(plot.spec)
