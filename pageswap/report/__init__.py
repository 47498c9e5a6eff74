"""The report: one self-contained HTML file; the only importer of jinja2 and vl_convert."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pageswap.report.charts.drawing import Drawer

if TYPE_CHECKING:
    from pathlib import Path

    from pageswap.analysis.trials.run_data import RunData

__all__ = ["render"]


def render(run_data: RunData, out_path: Path) -> Path:
    """Write the report of a run as one self-contained HTML file, and return its path.

    The file makes no network request, is readable without scripts, and appears whole or not at all. Raises StoreError
    when it cannot be written.
    """
    # The drawing process starts first, so that it loads Vega while this one imports pandas and scipy.
    with Drawer() as drawer:
        from pageswap.report.page.write import write

        return write(run_data, out_path, drawer)
