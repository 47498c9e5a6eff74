"""Axes have few and round ticks, and text without a glyph is named also in charts."""

from __future__ import annotations

import pytest

from pageswap.report.charts.vegalite import around, evenly, layer, plot, row_axis, spread, ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.04, 1.2, [0.05, 0.1, 0.2, 0.5, 1.0]),
        (0.93, 1.07, [0.95, 1.0, 1.05]),
        (0.5, 3_000_000.0, [1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0]),
    ],
)
def test_ticks_are_round_and_few(low: float, high: float, expected: list[float]) -> None:
    """Even steps in a narrow range, 1, 2, 5 in a wide one, decades in a very wide one."""
    assert expected == ticks(low, high)


def test_a_domain_has_two_ends_whatever_it_is_around() -> None:
    """One value, none, and the value that must be in it."""
    for low, high in (around([5.0]), around([]), around([2.0, 3.0], always=[1.0])):
        assert 0 < low < high

    assert around([2.0, 3.0], always=[1.0])[0] < 1.0


def test_a_chart_names_what_has_no_glyph() -> None:
    """In its data and in what is read out, as everywhere on the page."""
    made = plot("t", ["a\u202eb"], [layer("d", {"type": "point"})], {"d": [{"Case": "a\u202eb", "value": 1}]}, 10)

    assert made.description == "t. a<U+202E>b"
    assert made.spec["datasets"]["d"] == [{"Case": "a<U+202E>b", "value": 1}]


def test_wide_letters_get_the_room_they_take() -> None:
    """Two names of as many letters: the one with four m may be half as wide again in each of them."""
    narrow, wide = (row_axis([name])["axis"]["labelLimit"] for name in ("title_list_till", "mremap_may_move"))

    assert len("title_list_till") == len("mremap_may_move")
    assert wide >= narrow + 4 * 4


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([50.0, 10.0], [50.0, 10.0]),
        ([10.0, 10.0, 10.0], [10.0, 20.0, 30.0]),
        ([95.0, 99.0], [90.0, 100.0]),
        ([99.0, 95.0, 94.0], [100.0, 90.0, 80.0]),
    ],
)
def test_places_are_moved_apart_in_their_order(places: list[float], expected: list[float]) -> None:
    """And not beyond the axis."""
    assert spread(places, 10, 100) == expected


def test_evenly_keeps_both_ends() -> None:
    """The first and the last block show a drift best."""
    assert evenly(range(10), 4) == [0, 3, 6, 9]
    assert evenly(range(3), 4) == [0, 1, 2]
