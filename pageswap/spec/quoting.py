"""How an error quotes what a person wrote, and guesses what was meant."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

# Longer words are cut in error texts, and no name of ours is near them.
_SHOWN_CHARACTERS = 60

# difflib's own default: below it, a guess is more often wrong than right.
_CLOSE_ENOUGH = 0.6

# C0 and C1 but tab and newline, marks that cannot be seen or turn the direction of writing, and what is no character.
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)

# A shorter part of a name is in too many names to mean one of them.
_TELLING_PART = 3


def printable(text: str) -> str:
    """Return `text` on one line, with every character that cannot be printed escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)


def plain(text: str) -> str:
    """Return `text` with every character escaped that a terminal would obey rather than show; its lines stay lines.

    What comes from a host is shown, and must not paint over what stands there or turn its letters around.
    """
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape", "replace").decode(), text)


def short(text: str) -> str:
    """Return `text` printable, and cut when long."""
    return printable(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "...")


def quoted(text: str) -> str:
    """Return `text` printable, cut when long, between single quotes."""
    return f"'{short(text)}'"


def guess(word: str, names: Iterable[str]) -> str:
    """Return ``; did you mean 'NAME'?`` for the name nearest to `word`, or nothing when none is near.

    A name is near when one of the two is a part of the other, as ``avx2`` is of ``exchange_avx2``, or else when
    difflib finds it close.
    """
    if len(word) > _SHOWN_CHARACTERS:
        return ""
    lowered = word.lower()
    best, best_rank = "", (False, 0.0)
    for name in names:
        ratio = difflib.SequenceMatcher(None, lowered, name.lower()).ratio()
        is_part = len(lowered) >= _TELLING_PART and (lowered in name.lower() or name.lower() in lowered)
        if (ratio >= _CLOSE_ENOUGH or is_part) and (is_part, ratio) > best_rank:
            best, best_rank = name, (is_part, ratio)
    return f"; did you mean '{best}'?" if best else ""


def check_choice(what: str, text: str, names: Collection[str]) -> str:
    """Return a word that is one of some names; raises ValueError that lists them."""
    if text not in names:
        raise ValueError(f"unknown {what} {quoted(text)}{guess(text, names) or ';'} it is one of {short_list(names)}")
    return text


def short_list(names: Iterable[str], most: int = 12) -> str:
    """Return names after commas, the first `most` of them."""
    every = list(names)
    rest = f", ... ({len(every):,} in all)" if len(every) > most else ""
    return ", ".join(every[:most]) + rest
