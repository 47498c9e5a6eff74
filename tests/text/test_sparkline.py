"""A series in one line of letters."""

from __future__ import annotations

from pageswap.text.sparkline import sparkline


def test_heights_go_from_the_smallest_to_the_largest() -> None:
    """On a logarithmic scale."""
    assert sparkline([[1, 2, 4, 8, 16, 32, 64, 128]]) == "▁▂▃▄▅▆▇█"


def test_a_bar_stands_where_the_level_changes() -> None:
    """Between two letters."""
    assert sparkline([[1, 1], [2, 2]]) == "▁▁│██"


def test_what_hardly_varies_is_flat() -> None:
    """In the middle of the line; noise is no landscape."""
    assert sparkline([[1, 1.001, 0.999]]) == "▅▅▅"


def test_long_series_fit() -> None:
    """By the medians of neighbours, each level keeping at least a letter."""
    drawn = sparkline([[1.0] * 400, [2.0] * 99, [1.0]], 40)

    assert len(drawn) <= 42
    assert drawn.count("│") == 2
    assert sparkline([]) == ""
