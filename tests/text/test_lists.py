"""Words are put together as sentences do, and never without an end."""

from __future__ import annotations

import pytest

from pageswap.text.lists import clipped, first_few, host_prefix, listed


def test_clipping_marks_what_it_cut() -> None:
    """At a word, with an ellipsis."""
    assert clipped("one two three", 9) == "one two…"


def test_lists_read_as_sentences_do() -> None:
    """Commas, then a word."""
    assert listed(["a", "b", "c"]) == "a, b and c"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, ""), (1, "h0"), (2, "h0 and h1"), (3, "h0, h1 and 1 more host"), (1_003, "h0, h1 and 1,001 more hosts")],
)
def test_the_first_are_named_and_the_rest_counted(count: int, text: str) -> None:
    """A line stays a line, however many there are, and none is dropped in silence."""
    assert text == first_few([f"h{number}" for number in range(count)], 2, "host")


def test_a_host_is_named_where_there_are_several() -> None:
    """One host needs no name before each line."""
    assert host_prefix(["a", "b"], "b") == "b: "
    assert host_prefix(["a"], "a") == ""
