"""Drawings hold nothing but shapes, the charts' scripts are made once, and a drawer that fails says what to do."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from pageswap.errors import StoreError
from pageswap.report import render
from pageswap.report.charts.drawing import Drawer, checked, keep_bundle, kept_bundle
from tests.fake_run import make_run

if TYPE_CHECKING:
    from pathlib import Path

SPEC = {"mark": "point", "data": {"values": [{"a": 1}]}, "encoding": {"x": {"field": "a", "type": "quantitative"}}}


@pytest.mark.parametrize("svg", ["<svg><script/></svg>", '<svg onload="x"/>', '<svg><a href="x"/></svg>'])
def test_a_drawing_with_more_than_shapes_is_refused(svg: str) -> None:
    """Whatever the converter makes of a name, no script comes of it."""
    with pytest.raises(ValueError, match="no chart needs"):
        checked(svg)


def test_drawings_come_in_the_order_of_their_specifications() -> None:
    """Each chart gets its own drawing."""
    with Drawer() as drawer:
        drawings, script = drawer.draw([{**SPEC, "title": name} for name in ("first", "second")])

    assert ["first" in drawings[0], "second" in drawings[1]] == [True, True]
    assert "vegaEmbed" in script


def test_a_chart_that_cannot_be_drawn_says_so() -> None:
    """The report fails with a cure, rather than with half its charts."""
    with Drawer() as drawer, pytest.raises(StoreError, match=r"could not be drawn: .*'inv report' tries again"):
        drawer.draw([{"mark": 3}])


def test_a_drawer_that_was_killed_says_so() -> None:
    """As by a host that is out of memory."""
    with Drawer() as drawer:
        drawer.process.kill()
        with pytest.raises(StoreError, match="exit code -9"):
            drawer.draw([SPEC])


def test_a_drawer_that_is_left_ends() -> None:
    """Also when nothing was asked of it."""
    with Drawer() as drawer:
        process = drawer.process

    assert process.returncode is not None


def test_the_scripts_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second report reads what the first has left, under the name of what made it."""
    monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "cache"))
    before = kept_bundle()
    keep_bundle("window.vegaEmbed")
    (kept,) = (tmp_path / "cache").iterdir()

    assert before is None
    assert metadata.version("vl-convert-python") in kept.name
    assert kept_bundle() == "window.vegaEmbed"


def test_a_report_leaves_the_scripts_for_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundle is made by the report that finds none."""
    monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "cache"))
    page = render(make_run(blocks=1), tmp_path / "report.html").read_text(encoding="utf-8")
    kept = kept_bundle()

    assert kept
    assert "vegaEmbed" in kept
    assert kept in page


def test_a_cache_that_cannot_be_used_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file where the folder should be."""
    (tmp_path / "cache").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "cache"))

    keep_bundle("anything")
    assert kept_bundle() is None
