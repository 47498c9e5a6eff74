"""The scripts of the charts are made once and kept, and a cache that cannot be used costs only time."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from pageswap.report import render
from pageswap.report.charts import vega_bundle
from tests.fake_run import make_run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_scripts_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second report reads what the first has left, under the name of what made it."""
    monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "cache"))
    before = vega_bundle.kept_bundle()
    vega_bundle.keep_bundle("window.vegaEmbed")
    (kept,) = (tmp_path / "cache").iterdir()

    assert before is None
    assert metadata.version("vl-convert-python") in kept.name
    assert vega_bundle.kept_bundle() == "window.vegaEmbed"


def test_a_report_leaves_the_scripts_for_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundle is made by the report that finds none."""
    monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "cache"))
    page = render(make_run(blocks=1), tmp_path / "report.html").read_text(encoding="utf-8")
    kept = vega_bundle.kept_bundle()

    assert kept
    assert "vegaEmbed" in kept
    assert kept in page


def test_a_cache_that_cannot_be_used_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file where the folder should be."""
    (tmp_path / "cache").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "cache"))

    vega_bundle.keep_bundle("anything")
    assert vega_bundle.kept_bundle() is None
