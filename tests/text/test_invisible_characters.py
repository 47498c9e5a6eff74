"""Characters that hide or reorder text are shown by name."""

from __future__ import annotations

import pytest

from pageswap.text.invisible_characters import visible


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
