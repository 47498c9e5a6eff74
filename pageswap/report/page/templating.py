"""How templates become pages: everything is escaped; our own scripts are inlined and allowed by their hash."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Final

import jinja2
from markupsafe import Markup

from pageswap.text.invisible_characters import finalized

TEMPLATES: Final = Path(__file__).resolve().parents[3] / "templates"


def environment() -> jinja2.Environment:
    """Give the settings that all pages are made with."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=finalized,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.policies["json.dumps_kwargs"] = {"sort_keys": False, "separators": (",", ":")}
    return made


def inlined(text: str, element: str) -> Markup:
    """Pass our own script or style on as markup, once it holds nothing that would end the element early."""
    if f"</{element}" in text.lower() or "<!--" in text:
        raise ValueError(f"a {element} to be inlined holds text that would end it early")
    return Markup(text)  # noqa: S704 - our own file or library, checked above


def csp_hash(script: str) -> str:
    """Give what a content security policy calls an inlined script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
