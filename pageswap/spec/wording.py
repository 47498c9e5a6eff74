"""How an error quotes what a person wrote, and guesses what was meant."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Longer words are cut in error texts, and no name of ours is near them.
_SHOWN_CHARACTERS = 60

# difflib's own default: below it, a guess is more often wrong than right.
_CLOSE_ENOUGH = 0.6

# A shorter part of a name is in too many names to mean one of them.
_TELLING_PART = 3


def quoted(text: str) -> str:
    """Give `text` between single quotes, on one line, cut when long, with what cannot be printed escaped."""
    shown = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in shown)
    return f"'{safe}'"


def guess(word: str, names: Iterable[str]) -> str:
    """Give ``; did you mean 'NAME'?`` for the name nearest to `word`, or nothing when none is near.

    A name is near when difflib finds it close, or when one of the two is a part of the other: ``avx2`` means
    ``exchange_avx2``.
    """
    if len(word) > _SHOWN_CHARACTERS:
        return ""
    lowered = word.lower()
    best, best_ratio = "", 0.0
    for name in names:
        ratio = difflib.SequenceMatcher(None, lowered, name.lower()).ratio()
        is_part = len(lowered) >= _TELLING_PART and (lowered in name.lower() or name.lower() in lowered)
        if (ratio >= _CLOSE_ENOUGH or is_part) and ratio > best_ratio:
            best, best_ratio = name, ratio
    return f"; did you mean '{best}'?" if best else ""


def listed(names: Iterable[str], most: int = 12) -> str:
    """Give names after commas, the first `most` of them."""
    every = list(names)
    rest = f", ... ({len(every):,} in all)" if len(every) > most else ""
    return ", ".join(every[:most]) + rest
