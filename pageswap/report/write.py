"""Writes a run's report: fills the page's model, then the templates, then one file."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from pageswap.analysis.answer import answer
from pageswap.analysis.atomic import replacing
from pageswap.analysis.intervals import MINIMUM_N
from pageswap.analysis.summary import summarise
from pageswap.analysis.wording import clipped, level_text, plural
from pageswap.report.chart import plots
from pageswap.report.conditions import host_facts, run_facts
from pageswap.report.selection import select
from pageswap.report.table import table
from pageswap.report.text import finalized
from pageswap.report.vega import bundle

if TYPE_CHECKING:
    from pageswap.analysis.rundata import RunData
    from pageswap.analysis.summary import Summary

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
_HOSTS_OPEN = 4
_LONGEST_TITLE = 600


def render(run_data: RunData, out_path: Path) -> Path:
    """Write the report of a run as one self-contained HTML file, and give its path.

    The file makes no network request, is readable without scripts, and appears whole or not at all. Raises StoreError
    when it cannot be written.
    """
    page = _page(run_data)
    environment = _environment()
    with replacing(out_path) as file:
        for part in environment.get_template("report.html.j2").generate(page):
            file.write(part.encode())
    return out_path


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
    return environment


def _page(run_data: RunData) -> dict[str, Any]:
    summary = summarise(run_data)
    selection = select(summary)
    meta = run_data.meta()
    environments = run_data.environments()
    scripts = [bundle(), (TEMPLATES / "charts.js").read_text(encoding="utf-8")]
    return {
        "summary": summary,
        "title": clipped(summary.question or summary.experiment, _LONGEST_TITLE),
        "name": clipped(summary.experiment, _LONGEST_TITLE),
        "answer": answer(summary),
        "plots": plots(summary, selection),
        "left_out": selection.left_out,
        "table": table(summary),
        "fixed": [(name, level_text(name, value)) for name, value in summary.fixed.items()],
        "counted": _counted(summary),
        "hosts": [(host, host_facts(environments.get(host, {})), host in environments) for host in summary.hosts],
        "hosts_open": len(summary.hosts) <= _HOSTS_OPEN,
        "run_facts": run_facts(meta),
        "commands": _commands(meta),
        "spec_text": str(meta.get("spec_text", "")),
        "minimum_n": MINIMUM_N,
        "style": _inlined((TEMPLATES / "report.css").read_text(encoding="utf-8"), "style"),
        "scripts": [_inlined(script, "script") for script in scripts],
        "script_hashes": [_csp_hash(script) for script in scripts],
    }


def _counted(summary: Summary) -> str:
    statuses = ", ".join(f"{count:,} {status}" for status, count in summary.statuses.items())
    where = plural(len(summary.hosts), "host")
    cases = len(summary.cases) // max(1, len(summary.hosts))
    text = f"{plural(cases, 'case')} on {where}, {plural(summary.trials, 'measured trial')}"
    return f"{text}{f' ({statuses})' if statuses else ''} and {plural(summary.warmups, 'warm-up trial')}"


def _commands(meta: Any) -> list[str]:  # noqa: ANN401 - the store's own dictionary
    provenance = meta.get("provenance") or {}
    commit, command = provenance.get("commit"), provenance.get("command")
    commands = [f"git checkout {commit}"] if commit else []
    commands += [f"./{command}" if str(command).startswith("inv ") else str(command)] if command else []
    return [*commands, f"./inv export --run {meta.get('run_id', '')} --to csv"]


def _inlined(text: str, element: str) -> Markup:
    """Pass our own script or style on as markup, once it holds nothing that would end the element early."""
    if f"</{element}" in text.lower() or "<!--" in text:
        raise ValueError(f"a {element} to be inlined holds text that would end it early")
    return Markup(text)  # noqa: S704 - our own file or library, checked above


def _csp_hash(script: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
