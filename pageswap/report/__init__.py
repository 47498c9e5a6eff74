"""The report: one self-contained HTML file; the only importer of jinja2, altair and vl_convert."""

from __future__ import annotations

from pageswap.report.write import render

__all__ = ["render"]
