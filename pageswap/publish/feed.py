"""The Atom feed of a site (RFC 4287): an entry a run, its answer as plain text."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from pageswap.text.invisible_characters import visible

if TYPE_CHECKING:
    from collections.abc import Mapping

_ATOM = "http://www.w3.org/2005/Atom"
_NEVER = "1970-01-01T00:00:00Z"
_ENTRIES = 100


def feed(index: Mapping[str, Any]) -> bytes:
    """Write the newest hundred runs of an index as a feed; links are relative to the feed, so that a site can move."""
    ET.register_namespace("", _ATOM)
    root = ET.Element(f"{{{_ATOM}}}feed")
    _add(root, "id", _id(f"site {index['title']}"))
    _add(root, "title", index["title"])
    _add(root, "updated", index["updated"] or _NEVER)
    _add(root, "link", rel="self", href="feed.xml", type="application/atom+xml")
    _add(root, "link", rel="alternate", href="index.html", type="text/html")
    _add(root, "generator", "pageswap")
    _add(_add(root, "author"), "name", "pageswap")
    for run in index["runs"][:_ENTRIES]:
        entry = _add(root, "entry")
        _add(entry, "id", _id(f"run {run['experiment']} {run['run_id']}"))
        _add(entry, "title", run["question"] or run["experiment"])
        _add(entry, "updated", run["updated"] or _NEVER)
        _add(entry, "published", run["started"] or run["updated"] or _NEVER)
        _add(entry, "link", rel="alternate", href=run["report"], type="text/html")
        _add(entry, "category", term=run["experiment"])
        _add(entry, "summary", "\n".join([*run["answer"], f"Hosts: {', '.join(h['host'] for h in run['hosts'])}."]))
    ET.indent(root)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root) + b"\n"


def _add(parent: ET.Element, name: str, text: str | None = None, **attributes: str) -> ET.Element:
    # XML has no way at all to write most control characters.
    shown = {key: visible(value) for key, value in attributes.items()}
    element = ET.SubElement(parent, f"{{{_ATOM}}}{name}", shown)
    element.text = None if text is None else visible(text)
    return element


def _id(name: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"pageswap {name}").urn
