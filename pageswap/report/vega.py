"""Vega's scripts as one text, made once for each version and kept: making it takes two seconds, a report one."""

from __future__ import annotations

import contextlib
from importlib import metadata
from pathlib import Path

import altair as alt
import vl_convert

from pageswap.agent.workdir import cache_root
from pageswap.analysis.atomic import replacing
from pageswap.errors import HostError, StoreError

VEGA_LITE = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
_SNIPPET = "window.vegaEmbed = vegaEmbed;"


def bundle() -> str:
    """Give Vega, Vega-Lite and Vega-Embed as one script that defines the global vegaEmbed.

    It is read from the user's private cache folder where it lies from an earlier report by the same version of
    vl-convert; a cache that cannot be used costs only time.
    """
    kept = _kept_at()
    if kept is not None:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return kept.read_text(encoding="utf-8")
    script = vl_convert.javascript_bundle(_SNIPPET, vl_version=VEGA_LITE)
    if kept is not None:
        with contextlib.suppress(StoreError), replacing(kept) as file:
            file.write(script.encode())
    return script


def _kept_at() -> Path | None:
    try:
        return Path(cache_root()) / f"vega-lite-{VEGA_LITE}-vl-convert-{metadata.version('vl-convert-python')}.js"
    except HostError:
        return None
