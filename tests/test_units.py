"""Sizes, durations and counts: what is read, what is refused with which cure, and how each is printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageswap import native, units


@pytest.mark.parametrize(
    ("text", "size_bytes"), [("4096", 4096), ("4KiB", 4096), ("2MiB", 2 << 20), ("1GiB", 1 << 30), ("1_024", 1024)]
)
def test_reads_sizes(text: str, size_bytes: int) -> None:
    """Bytes, or one of the binary units."""
    assert size_bytes == units.parse_size(text)


@pytest.mark.parametrize(("text", "cure"), [("4K", "'4KiB'"), ("4kb", "'4KiB'"), ("2 M", "'2MiB'"), ("1g", "'1GiB'")])
def test_loose_sizes_are_refused_with_what_was_meant(text: str, cure: str) -> None:
    """1,000 or 1,024 is not for a parser to guess."""
    with pytest.raises(ValueError, match=cure):
        units.parse_size(text)


@pytest.mark.parametrize("text", ["", "-4096", "4.5MiB", "KiB", "4KiB ", "0x10", "four"])
def test_everything_else_is_no_size(text: str) -> None:
    """The error names the spellings that are."""
    with pytest.raises(ValueError, match="is not a size; write 4096, 4KiB, 2MiB or 1GiB"):
        units.parse_size(text)


def test_a_size_of_any_length_is_refused_in_a_short_text() -> None:
    """Its cure repeats no more of it than the refusal does."""
    with pytest.raises(ValueError, match="is not a size") as caught:
        units.parse_size("9" * 100_000 + "k")

    assert len(str(caught.value)) < 200


@given(st.integers(min_value=0, max_value=1 << 50))
def test_a_printed_size_reads_back(size_bytes: int) -> None:
    """No digit is lost on the way to a person and back."""
    assert size_bytes == units.parse_size(units.format_size(size_bytes))


@pytest.mark.parametrize(("text", "seconds"), [("500ms", 0.5), ("60s", 60.0), ("1.5min", 90.0), ("2h", 7200.0)])
def test_reads_durations(text: str, seconds: float) -> None:
    """With a unit, always."""
    assert seconds == units.parse_duration(text)


@pytest.mark.parametrize("text", ["60", "-1s", "1 s", "1m", "s", ""])
def test_everything_else_is_no_duration(text: str) -> None:
    """A bare number could be seconds or milliseconds."""
    with pytest.raises(ValueError, match="is not a duration; write 500ms, 60s, 5min or 1h"):
        units.parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.44, "0.4s"), (12.4, "12s"), (59.7, "1min 0s"), (200, "3min 20s"), (7500, "2h 5min"), (3599.9, "1h 0min")],
)
def test_prints_durations_for_people(seconds: float, text: str) -> None:
    """No second is dropped by rounding each unit for itself."""
    assert text == units.format_duration(seconds)


def test_the_base_page_is_the_cores() -> None:
    """A backing of small pages is of them."""
    assert min(backing.kernel_page_bytes for backing in native.backings()) == units.BASE_PAGE_BYTES
