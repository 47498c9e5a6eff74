"""Writes a run's report: computes it, fills the page's model, then the templates, then one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pageswap.files import replacing
from pageswap.report.charts.vega_bundle import SNIPPET, keep_bundle, kept_bundle
from pageswap.report.page.model import model
from pageswap.report.page.templating import TEMPLATES, csp_hash, environment, inlined

if TYPE_CHECKING:
    from pathlib import Path

    from pageswap.analysis.trials.run_data import RunData
    from pageswap.report.charts.drawing import Drawer
    from pageswap.report.page.model import Model


def write(run_data: RunData, out_path: Path, drawer: Drawer) -> Path:
    """Write the page and give its path; its static charts are the drawer's."""
    page = model(run_data)
    parts = _inlined_parts(page, drawer)
    with replacing(out_path) as file:
        for text in environment().get_template("report.html.j2").generate({"page": page, **parts}):
            file.write(text.encode())
    return out_path


def _inlined_parts(page: Model, drawer: Drawer) -> dict[str, Any]:
    script = kept_bundle() if page.plots else ""
    drawings, bundled = drawer.answers([plot.fixed() for plot in page.plots], SNIPPET if script is None else None)
    if script is None:
        script = bundled
        keep_bundle(script)
    own = [(TEMPLATES / name).read_text(encoding="utf-8") for name in ("cases.js", *(["charts.js"] if script else []))]
    scripts = [*([script] if script else []), *own]
    of_plot = dict(zip(map(id, page.plots), drawings, strict=True))
    return {
        "drawing_of": lambda plot: of_plot[id(plot)],
        "style": inlined((TEMPLATES / "report.css").read_text(encoding="utf-8"), "style"),
        "scripts": [inlined(script, "script") for script in scripts],
        "script_hashes": [csp_hash(script) for script in scripts],
    }
