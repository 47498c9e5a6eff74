"""Charts as static SVG, drawn by another process while this one goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from xml.etree import ElementTree as ET

from markupsafe import Markup

from pageswap.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORKER = Path(__file__).with_name("svg_worker.py")
_SVG_ELEMENTS = frozenset(("svg", "g", "path", "text", "line", "rect", "defs", "clipPath", "tspan", "title"))
_PATIENCE_S = 300


class Drawer:
    """Vega's engine in a process of its own: starting it takes half a second, which pass beside the imports.

    Use it as a context; it ends with it. What it cannot draw raises StoreError.
    """

    def __init__(self) -> None:
        """Start the process."""
        # Without PYTHONPATH and the working directory: nothing but the installed vl_convert is needed.
        self._process = subprocess.Popen(  # noqa: S603 - our own file and no argument
            [sys.executable, "-I", str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        """Give the drawer itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.communicate()

    def answers(self, specs: Sequence[dict[str, Any]], snippet: str | None = None) -> tuple[list[Markup], str]:
        """Draw Vega-Lite specifications, and bundle Vega with a snippet of script where one is given.

        Gives the drawings, each checked to hold nothing but shapes and text, and the bundle or "". It can be asked
        once.
        """
        wishes: list[dict[str, Any]] = [{"svg": spec} for spec in specs]
        wishes += [{"bundle": snippet}] if snippet is not None else []
        lines = "".join(json.dumps(wish) + "\n" for wish in wishes)
        try:
            out, complaints = self._process.communicate(lines, timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired as error:
            raise StoreError(f"the charts were not drawn in {_PATIENCE_S} s; try 'inv report' again") from error
        texts = [json.loads(line) for line in out.splitlines()]
        if self._process.returncode or len(texts) != len(wishes):
            last = complaints.strip().splitlines()[-1:] or [f"exit code {self._process.returncode}"]
            raise StoreError(
                f"the charts could not be drawn: {last[0]}; what was measured is stored: 'inv report' tries again"
            )
        return [checked(text) for text in texts[: len(specs)]], "".join(texts[len(specs) :])


def checked(svg: str) -> Markup:
    """Pass a drawing on as markup once it is well-formed and holds nothing but shapes and text; else ValueError."""
    for element in ET.fromstring(svg).iter():  # noqa: S314 - the drawing is our own converter's
        name = str(element.tag).rpartition("}")[2]
        handlers = [key for key in element.attrib if key.lower().startswith("on") or key.endswith("href")]
        if name not in _SVG_ELEMENTS or handlers:
            raise ValueError(f"the chart's SVG holds <{name}> {handlers}, which no chart needs")
    return Markup(svg)  # noqa: S704 - checked above
