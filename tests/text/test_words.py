"""Words are put together as sentences do, levels printed as a file writes them; of like reasons the largest is told."""

from __future__ import annotations

import pytest

from pageswap.text.words import (
    clipped,
    first_few,
    level_text,
    levels_phrase,
    listed,
    most_needed,
    visible,
    with_short_hashes,
    without_numbers,
)

POOL = "needs {0} free huge pages of {1} KiB; echo {0} > hugepages-{1}kB/nr_hugepages"


def test_clipping_marks_what_it_cut() -> None:
    """At a word, with an ellipsis."""
    assert clipped("one two three", 9) == "one two…"


def test_whole_hashes_are_cut_and_other_numbers_are_not() -> None:
    """To what tells them apart; a name, an amount and a hash that is short already stay."""
    assert with_short_hashes(f"commit:{'0123456789abcdef' * 4}/smoke") == "commit:0123456789ab/smoke"
    assert with_short_hashes(f"{'ab' * 20}, {'cd' * 32}") == f"{'ab' * 6}, {'cd' * 6}"
    for text in ("20261128T114646Z-57db96", "commit:0123456789ab", "face" * 9, "deadbeef" * 5 + "g"):
        assert with_short_hashes(text) == text


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


def test_levels_read_as_in_the_experiment_file() -> None:
    """Sizes have binary units, counts thousands separators."""
    assert levels_phrase({"page_size": 4096, "region_size": 128 << 20}) == "4KiB pages, a 128MiB region"
    assert level_text("iterations", 200_000) == "200,000"


def test_a_name_of_any_length_stays_short() -> None:
    """Ten kilobytes of name do not become ten kilobytes of label."""
    assert len(level_text("method", "x" * 10_000)) <= 80


def test_amounts_do_not_set_reasons_apart_but_names_do() -> None:
    """Pools of two sizes of pages have a cure each."""
    assert without_numbers(POOL.format(64, 2048)) == without_numbers(POOL.format(257, 2048))
    assert without_numbers(POOL.format(64, 2048)) != without_numbers(POOL.format(64, 1048576))


def test_the_largest_need_is_found_as_a_number() -> None:
    """Not as text, and with its commas; a reason without any is the least."""
    reasons = ["needs 9 mappings", "needs up to 1,200,000 mappings; 2 now", "no userfaultfd"]

    assert most_needed(reasons) == reasons[1]


def test_a_version_is_no_bug() -> None:
    """Its parts are numbers; all of them together are none."""
    reasons = ["needs Linux 5.7.2", "needs Linux 6.8.0"]

    assert most_needed(reasons) == reasons[1]
    assert len(set(map(without_numbers, reasons))) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a<U+202E>b"),
        ("\u200b\ufeff", "<U+200B><U+FEFF>"),
        ("a\x00b\x1b[31m", "a<U+0000>b<U+001B>[31m"),
        ("\ud800", "<U+D800>"),
        ("line\n\tnext é 漢", "line\n\tnext é 漢"),
    ],
)
def test_what_has_no_glyph_is_named(text: str, shown: str) -> None:
    """Line ends and tabs stay, as an experiment file has them."""
    assert shown == visible(text)
