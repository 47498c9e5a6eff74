"""Errors quote on one line, and guess only what is near."""

from __future__ import annotations

import pytest

from pageswap.spec.quoting import as_called, guess, quoted, short_list

NAMES = ("exchange_nt_avx2", "exchange_avx2", "memcpy", "mremap_fixed")


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("avx2", "exchange_avx2"),
        ("memcopy", "memcpy"),
        ("MEMCPY", "memcpy"),
        ("mremap", "mremap_fixed"),
        ("memmove", "memcpy"),
    ],
)
def test_guesses_a_near_name_or_one_that_it_is_a_part_of(word: str, name: str) -> None:
    """The shortest of the names that hold it, since that is the nearest."""
    assert guess(word, NAMES) == f"; did you mean '{name}'?"


@pytest.mark.parametrize(
    ("word", "names", "name"),
    [
        ("--spce", ("--spec", "--dry"), "--spec"),
        ("--check", ("--spec", "--dry"), "--dry"),
        ("--verbose", ("--lease", "--spec"), ""),
        ("--force", ("--core",), ""),
        ("all", ("realloc_growth.yaml",), ""),
        ("nothing.yaml", ("thread_scaling.yaml",), ""),
        ("Mremap-vs-copy.yml", ("mremap_vs_copy.yaml",), "mremap_vs_copy.yaml"),
        ("smok", ("smoke.yaml",), "smoke.yaml"),
        ("results", ("resume", "report"), ""),
        ("--setup-only", ("--set",), ""),
        ("-n", ("--repeats",), "--repeats"),
        ("-N", ("--repeats",), ""),
    ],
)
def test_what_all_names_have_is_no_likeness(word: str, names: tuple[str, ...], name: str) -> None:
    """Two dashes in front or .yaml behind bring no two words nearer; a part is a beginning or a whole word."""
    assert guess(word, names) == (f"; did you mean '{name}'?" if name else "")


@pytest.mark.parametrize("word", ["", "x", "quux", "m" * 100_000])
def test_guesses_nothing_when_no_name_is_near(word: str) -> None:
    """A far guess sends people the wrong way; a huge word costs no time."""
    assert guess(word, NAMES) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a", "'a'"), ("a\nb\x1b[31m", "'a\\nb\\x1b[31m'"), ("x" * 61, "'" + "x" * 60 + "...'"), ("\ud800", "'\\ud800'")],
)
def test_quotes_on_one_line_whatever_it_is(text: str, expected: str) -> None:
    """No terminal escape, no line break, nothing endless."""
    assert quoted(text) == expected


def test_lists_the_first_names_and_tells_how_many_there_are() -> None:
    """A thousand levels do not fill the screen."""
    assert short_list(map(str, range(1000)), most=3) == "0, 1, 2, ... (1,000 in all)"


def test_messages_name_the_command_as_it_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a cure can be typed; other words stay, and without ./inv it is inv."""
    text = "'inv resume' goes on, `inv` lists; invoke, inv"

    assert as_called(text) == text
    monkeypatch.setenv("PAGESWAP_INV", "../my lab\\1/inv")
    assert as_called(text) == r"'../my lab\1/inv resume' goes on, `../my lab\1/inv` lists; invoke, inv"
