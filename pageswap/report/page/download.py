"""The run's trials as a file inside the page: CSV as it is where short, compressed where longer, else left out."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import io
import re
from typing import Any

from pageswap.analysis.export.trials_file import WRITERS

_PLAIN_BYTES = 128 << 10
_MOST_BYTES = 1 << 20
_MOST_TRIALS = 20_000
_LONGEST_NAME = 80


@dataclasses.dataclass(frozen=True)
class Download:
    """A file inside the page: its name, its address and its size in words."""

    name: str
    address: str
    size: str


def download(run_id: str, trials: Any) -> Download | None:  # noqa: ANN401 - pandas is analysis's
    """Give all trials as a download, or None where they would swell the page by more than a megabyte."""
    if len(trials) > _MOST_TRIALS:
        return None
    buffer = io.BytesIO()
    WRITERS["csv"](trials, buffer)
    data, kind, suffix = buffer.getvalue(), "text/csv", "csv"
    if len(data) > _PLAIN_BYTES:
        # Without a time in it, so that the same run gives the same page.
        data, kind, suffix = gzip.compress(data, mtime=0), "application/gzip", "csv.gz"
    if len(data) > _MOST_BYTES:
        return None
    address = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    name = re.sub(r"[^A-Za-z0-9_-]", "", run_id[:_LONGEST_NAME]) or "trials"
    return Download(f"{name}.{suffix}", address, f"{max(1, round(len(data) / 1000)):,} kB")
