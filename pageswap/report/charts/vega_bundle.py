"""Vega's scripts as one text, made once for each version and kept: making it takes two seconds, a report one."""

from __future__ import annotations

import contextlib
from importlib import metadata
from pathlib import Path

from pageswap.agent.workspace.work_folder import cache_root
from pageswap.errors import HostError, StoreError
from pageswap.files import replacing

SNIPPET = "window.vegaEmbed = vegaEmbed;"


def kept_bundle() -> str | None:
    """Give Vega, Vega-Lite and Vega-Embed as one script that defines the global vegaEmbed, or None.

    It is read from the user's private cache folder, where an earlier report by the same version of vl-convert left it.
    """
    kept = _kept_at()
    if kept is not None:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return kept.read_text(encoding="utf-8")
    return None


def keep_bundle(script: str) -> None:
    """Leave the bundle for later reports; a cache that cannot be used costs only time."""
    kept = _kept_at()
    if kept is not None:
        with contextlib.suppress(StoreError), replacing(kept) as file:
            file.write(script.encode())


def _kept_at() -> Path | None:
    try:
        return Path(cache_root()) / f"vega-lite-for-vl-convert-{metadata.version('vl-convert-python')}.js"
    except HostError:
        return None
