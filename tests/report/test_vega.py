"""The scripts of the charts are made once and kept, and a cache that cannot be used costs only time."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from pageswap.report import vega

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_scripts_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second report reads what the first has left."""
    monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "cache"))
    first = vega.bundle()
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_text("kept", encoding="utf-8")

    assert "vegaEmbed" in first
    assert metadata.version("vl-convert-python") in kept.name
    assert vega.bundle() == "kept"


def test_a_cache_that_cannot_be_used_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file where the folder should be."""
    (tmp_path / "cache").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "cache"))

    assert "vegaEmbed" in vega.bundle()
