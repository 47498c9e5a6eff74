"""Drawings hold nothing but shapes, and a drawer that fails says what to do."""

from __future__ import annotations

import pytest

from pageswap.errors import StoreError
from pageswap.report.charts.drawing import Drawer, checked

SPEC = {"mark": "point", "data": {"values": [{"a": 1}]}, "encoding": {"x": {"field": "a", "type": "quantitative"}}}


@pytest.mark.parametrize("svg", ["<svg><script/></svg>", '<svg onload="x"/>', '<svg><a href="x"/></svg>'])
def test_a_drawing_with_more_than_shapes_is_refused(svg: str) -> None:
    """Whatever the converter makes of a name, no script comes of it."""
    with pytest.raises(ValueError, match="no chart needs"):
        checked(svg)


def test_drawings_come_in_the_order_of_their_specifications() -> None:
    """Each chart gets its own drawing."""
    with Drawer() as drawer:
        drawings, script = drawer.answers([{**SPEC, "title": name} for name in ("first", "second")])

    assert ["first" in drawings[0], "second" in drawings[1]] == [True, True]
    assert script == ""


def test_a_chart_that_cannot_be_drawn_says_so() -> None:
    """The report fails with a cure, rather than with half its charts."""
    with Drawer() as drawer, pytest.raises(StoreError, match=r"could not be drawn: .*'inv report' tries again"):
        drawer.answers([{"mark": 3}])


def test_a_drawer_that_was_killed_says_so() -> None:
    """As by a host that is out of memory."""
    with Drawer() as drawer:
        drawer._process.kill()
        with pytest.raises(StoreError, match="exit code -9"):
            drawer.answers([SPEC])


def test_a_drawer_that_is_left_ends() -> None:
    """Also when nothing was asked of it."""
    with Drawer() as drawer:
        process = drawer._process

    assert process.returncode is not None
