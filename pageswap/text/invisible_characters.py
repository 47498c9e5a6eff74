"""Text of unknown origin made harmless to read: what would hide or reorder other text is shown by its name."""

from __future__ import annotations

import unicodedata

_KEPT = "\n\t"
# Controls, formatting marks (bidirectional ones among them), lone surrogates, private use.
_INVISIBLE = ("Cc", "Cf", "Cs", "Co")


def visible(text: str) -> str:
    """Replace each character without a glyph, which may change how others are shown, by its number: ``<U+202E>``."""
    if text.isprintable():
        return text
    return "".join(_named(character) for character in text)


def _named(character: str) -> str:
    if character in _KEPT or unicodedata.category(character) not in _INVISIBLE:
        return character
    return f"<U+{ord(character):04X}>"
