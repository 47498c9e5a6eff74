"""Writes pages, each one file that holds all it needs: a run's report, and the index of a site."""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup, escape

from pageswap.answers import words
from pageswap.answers.kept_templates import KeptTemplates
from pageswap.files import replacing
from pageswap.history.kept_records import keep
from pageswap.report.charts.drawing import drawer
from pageswap.store.store import Store
from pageswap.text.words import visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import jinja2

    from pageswap.analysis.trials.run_data import RunData

_TEMPLATES: Final = words.TEMPLATES.parent
# A line that ends between a number and its unit is read twice.
_BEFORE_UNIT: Final = re.compile(r"(?<=\d) (?=(?:%|ns|[kMGT]?B/s|[kKMGT]i?B|[kMGT]|bytes)(?!\w))")


def render(run_data: RunData, out_path: Path) -> Path:
    """Write the report of a run as one self-contained HTML file, and return its path.

    The file makes no network request, is readable without scripts, and appears whole or not at all. Raises StoreError
    when it cannot be written.
    """
    # The drawing process starts first, so that it loads Vega while this one imports pandas and scipy.
    drawing = drawer()
    from pageswap.report.page.model import model
    from pageswap.report.sections.section import kind_of, note, notes

    page = model(run_data)
    drawings, vega = drawing.draw([plot.fixed() for plot in page.plots])
    of_plot = dict(zip(map(id, page.plots), drawings, strict=True))
    scripts = [vega, own("cases.js"), own("charts.js")] if vega else [own("cases.js")]
    facts = _inlined(own("report.css"), scripts) | {"kind_of": kind_of, "note": note, "notes": notes}
    facts |= {"page": page, "drawing_of": lambda plot: of_plot[id(plot)]}
    with replacing(out_path) as file:
        for text in _environment().get_template("report.html.j2").generate(facts):
            file.write(text.encode())
    if isinstance(run_data, Store):
        # What many runs are told by is known here, and takes another second when it has to be found again.
        keep(run_data, page.run.every, page.answer)
    return out_path


def site_page(title: str, runs: Sequence[Mapping[str, Any]], pages: Sequence[Mapping[str, str]] = ()) -> str:
    """Return the index page of a site: its runs, newest first, are entries of its index.json.

    ``pages`` are what the site has about many runs: each a path, a kind, a title and a text. It makes no request, is
    readable without scripts, and works from a file.
    """
    facts = {"title": title, "runs": runs, "pages": pages}
    return page_text("site.html.j2", facts, ("report.css", "site.css"), ("site.js",))


def page_text(template: str, facts: Mapping[str, Any], styles: Sequence[str], scripts: Sequence[str] = ()) -> str:
    """Return a page made by one of our templates, with our own styles and scripts inside."""
    inlined = _inlined("".join(map(own, styles)), [own(name) for name in scripts])
    return _environment().get_template(template).render(**facts, **inlined)


def site_feed(index: Mapping[str, Any]) -> str:
    """Return the Atom feed (RFC 4287) of a site's newest runs; its links are relative to it: a site can move."""
    facts = {"index": index, "urn": lambda name: uuid.uuid5(uuid.NAMESPACE_URL, f"pageswap {name}").urn}
    return _environment().get_template("feed.xml.j2").render(facts)


def _environment() -> jinja2.Environment:
    """Return the settings of pages: those of words, but that everything is escaped."""
    kept = KeptTemplates(_TEMPLATES, "pages")
    made = words.environment().overlay(
        autoescape=True, finalize=printed, keep_trailing_newline=True, bytecode_cache=kept
    )
    made.filters = made.filters | {"verbatim": lambda text: escape(visible(text))}
    made.policies = {**made.policies, "json.dumps_kwargs": {"sort_keys": False, "separators": (",", ":")}}
    return made


def printed(value: object) -> object:
    """Make text `visible`, and keep its numbers beside their units; markup is as it is to be."""
    if isinstance(value, str) and not isinstance(value, Markup):
        shown = visible(value)
        return _BEFORE_UNIT.sub("\u00a0", shown) if " " in shown else shown
    return value


def filled(template: str, style: str, scripts: Sequence[str], **facts: Any) -> str:  # noqa: ANN401 - whatever it shows
    """Return a page of its template, with our own style and scripts inside."""
    return _environment().get_template(template).render(**facts, **_inlined(style, scripts))


def own(name: str) -> str:
    """Return the text of one of our own styles or scripts."""
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _inlined(style: str, scripts: Sequence[str]) -> dict[str, Any]:
    """Return our own style and scripts as markup, and what a content security policy calls each of these scripts."""
    for text in (style, *scripts):
        if re.search("</(style|script)|<!--", text, re.IGNORECASE):
            raise ValueError("a style or script to be inlined holds text that would end it early")
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    return {
        "style": Markup(style),  # noqa: S704 - our own file, checked above
        "scripts": [Markup(script) for script in scripts],  # noqa: S704 - our own files and library, checked above
        "script_hashes": [f"sha256-{digest}" for digest in digests],
    }
