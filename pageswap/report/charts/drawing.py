"""Charts as static SVG, and Vega's scripts for live ones: both made by another process while this one goes on."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import resource
import select
import subprocess
import sys
import tempfile
import threading
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from markupsafe import Markup

from pageswap.agent.host.readers import short_of_memory
from pageswap.agent.workspace.work_folder import cache_root
from pageswap.errors import HostError, StoreError
from pageswap.files import replacing

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORKER = Path(__file__).with_name("svg_worker.py")
_SVG_ELEMENTS = frozenset(("svg", "g", "path", "text", "line", "rect", "defs", "clipPath", "tspan", "title"))
_SNIPPET = "window.vegaEmbed = vegaEmbed;"
_PATIENCE_S = 300
# JavaScript's engine reserves 64 GiB of addresses, of which it uses few.
_NEEDED_BYTES = {"as": 80 << 30, "data": 1 << 30}


class Drawer:
    """Vega's engine in a process of its own: starting it takes a second, which passes beside the imports.

    What it cannot draw raises StoreError, and ends it.
    """

    def __init__(self) -> None:
        """Start the process, with as much memory as this one may take: then only a limit that stays is in its way."""
        for limit in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
            most = resource.getrlimit(limit)[1]
            resource.setrlimit(limit, (most, most))
        # A file takes whatever it complains of, and nobody needs to read it meanwhile.
        self._complaints = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - it lasts
        # Without PYTHONPATH and the working directory: nothing but the installed vl_convert is needed.
        self.process = subprocess.Popen(  # noqa: S603 - our own file and no argument
            [sys.executable, "-I", str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
            encoding="utf-8",
        )
        assert self.process.stdin is not None  # noqa: S101 - asked for above
        assert self.process.stdout is not None  # noqa: S101 - likewise
        self._wishes, self._answers = self.process.stdin, self.process.stdout
        self._answered = select.poll()
        self._answered.register(self._answers)
        self._in_use = threading.Lock()

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        self.process.communicate()
        self._complaints.close()

    def draw(self, specs: Sequence[dict[str, Any]]) -> tuple[list[Markup], str]:
        """Return the drawings of Vega-Lite specifications, and the script that defines the global vegaEmbed.

        Each drawing is checked to hold nothing but shapes and text. The script, which takes two seconds to make, is
        kept for later reports; without any specification it is "".
        """
        with self._in_use:
            try:
                texts = [self._answer({"svg": spec}) for spec in specs]
                script = kept_bundle() if specs else ""
                if script is None:
                    script = self._answer({"bundle": _SNIPPET})
                    keep_bundle(script)
            except BaseException:
                # Else its answer would be taken for the next one's.
                self.process.kill()
                self.process.wait()
                raise
        return [checked(text) for text in texts], script

    def _answer(self, wish: dict[str, Any]) -> str:
        line = ""
        with contextlib.suppress(BrokenPipeError):
            self._wishes.write(json.dumps(wish) + "\n")
            self._wishes.flush()
            if not self._answered.poll(_PATIENCE_S * 1000):
                raise StoreError(f"a chart was not drawn in {_PATIENCE_S} s; try 'inv report' again")
            line = self._answers.readline()
        if line.endswith("\n"):
            return str(json.loads(line))
        self.process.wait()
        self._complaints.seek(0)
        last = self._complaints.read().strip().splitlines()[-1:] or [f"exit code {self.process.returncode}"]
        limits = short_of_memory(_NEEDED_BYTES)
        raise StoreError(
            f"the charts could not be drawn: {limits or last[0]}; what was measured is stored: 'inv report' tries again"
        )


def drawer() -> Drawer:
    """Return this process's drawer, started when first asked for, and when the last one has ended."""
    kept = _kept_by(os.getpid())
    if not kept or kept[0].process.poll() is not None:
        kept[:] = [Drawer()]
        atexit.register(_end, os.getpid(), kept[0])
    return kept[0]


@functools.cache
def _kept_by(_pid: int) -> list[Drawer]:
    return []


def _end(owner: int, kept: Drawer) -> None:
    if os.getpid() == owner:  # and not a fork of it
        kept.end()


def kept_bundle() -> str | None:
    """Return Vega, Vega-Lite and Vega-Embed as one script, as an earlier report by this vl-convert left it, or None."""
    with contextlib.suppress(HostError, OSError, UnicodeDecodeError):
        return _kept_at().read_text(encoding="utf-8")
    return None


def keep_bundle(script: str) -> None:
    """Leave the scripts in the user's private cache folder; one that cannot be used costs only time."""
    with contextlib.suppress(HostError, StoreError), replacing(_kept_at()) as file:
        file.write(script.encode())


def _kept_at() -> Path:
    return Path(cache_root()) / f"vega-lite-for-vl-convert-{metadata.version('vl-convert-python')}.js"


def checked(svg: str) -> Markup:
    """Pass a drawing on as markup once it is well-formed and holds nothing but shapes and text; else ValueError."""
    for element in ET.fromstring(svg).iter():  # noqa: S314 - the drawing is our own converter's
        name = str(element.tag).rpartition("}")[2]
        handlers = [key for key in element.attrib if key.lower().startswith("on") or key.endswith("href")]
        if name not in _SVG_ELEMENTS or handlers:
            raise ValueError(f"the chart's SVG holds <{name}> {handlers}, which no chart needs")
    return Markup(svg)  # noqa: S704 - checked above
