"""Writes a run's report: computes it, fills the page's model, then the templates, then one file."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from pageswap.analysis.atomic import replacing
from pageswap.report.model import model
from pageswap.report.text import finalized
from pageswap.report.vega import SNIPPET, keep_bundle, kept_bundle

if TYPE_CHECKING:
    from pageswap.analysis.rundata import RunData
    from pageswap.report.drawing import Drawer
    from pageswap.report.model import Model

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"


def write(run_data: RunData, out_path: Path, drawer: Drawer) -> Path:
    """Write the page and give its path; its static charts are the drawer's."""
    page = model(run_data)
    parts = _inlined_parts(page, drawer)
    with replacing(out_path) as file:
        for text in _environment().get_template("report.html.j2").generate({"page": page, **parts}):
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
    return {
        "drawings": dict(zip(map(id, page.plots), drawings, strict=True)),
        "style": _inlined((TEMPLATES / "report.css").read_text(encoding="utf-8"), "style"),
        "scripts": [_inlined(script, "script") for script in scripts],
        "script_hashes": [_csp_hash(script) for script in scripts],
    }


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=finalized,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False, "separators": (",", ":")}
    environment.globals["id"] = id
    return environment


def _inlined(text: str, element: str) -> Markup:
    """Pass our own script or style on as markup, once it holds nothing that would end the element early."""
    if f"</{element}" in text.lower() or "<!--" in text:
        raise ValueError(f"a {element} to be inlined holds text that would end it early")
    return Markup(text)  # noqa: S704 - our own file or library, checked above


def _csp_hash(script: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
