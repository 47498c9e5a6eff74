"""Levels are printed as an experiment file writes them, and read in a sentence."""

from __future__ import annotations

from pageswap.text.levels import level_text, levels_phrase


def test_levels_read_as_in_the_experiment_file() -> None:
    """Sizes have binary units, counts thousands separators."""
    assert levels_phrase({"page_size": 4096, "region_size": 128 << 20}) == "4KiB pages, a 128MiB region"
    assert level_text("iterations", 200_000) == "200,000"


def test_a_name_of_any_length_stays_short() -> None:
    """Ten kilobytes of name do not become ten kilobytes of label."""
    assert len(level_text("method", "x" * 10_000)) <= 80
