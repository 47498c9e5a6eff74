"""How an error quotes what a person wrote, and guesses what was meant."""

from __future__ import annotations

import difflib
import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

# Longer words are cut in error texts, and no name of ours is near them.
_SHOWN_CHARACTERS = 60

# As difflib measures it; below it a guess is more often wrong than right.
_CLOSE_ENOUGH = 0.75

# A shorter part of a name is in too many names to mean one of them.
_TELLING_PART = 3

# What C libraries, kernels and other tools call something of ours.
_ELSEWHERE = {
    "memcpy": ("memmove", "bcopy"),
    "uffd_move": ("userfaultfd",),
    "iterations": ("iters",),
    "check": ("validate",),
    "doctor": ("ping",),
    "report": ("show", "view", "open"),
    "compare": ("continuous", "diff"),
    "hosts": ("inventory", "limit", "l", "machine"),
    "inventory": ("i",),
    "set": ("extra_vars", "e", "parameter_list", "L"),
    "filter": ("k", "bench", "b"),
    "repeats": ("runs", "count", "n", "r", "invocations"),
    "dry": ("check", "C", "list_hosts", "list_tasks"),
    "at_once": ("forks", "f"),
    "to": ("csv", "parquet", "format"),
    "out": ("output", "o"),
    "format": ("html", "md", "markdown", "json"),
    "fail_above": ("threshold", "factor", "f"),
}


def printable(text: str) -> str:
    """Return `text` on one line, with every character that cannot be printed escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)


def as_called(text: str) -> str:
    """Return a text in which 'inv' and `inv`, and an inv that begins it, are what this program was called as."""
    return re.sub(r"(?:(?<=['`])|^)inv(?=[ '`])", lambda _: os.environ.get("PAGESWAP_INV", "inv"), text)


def short(text: str) -> str:
    """Return `text` printable, and cut when long."""
    return printable(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "...")


def quoted(text: str) -> str:
    """Return `text` printable, cut when long, between single quotes."""
    return f"'{short(text)}'"


def guess(word: str, names: Iterable[str]) -> str:
    """Return ``; did you mean 'NAME'?`` for the name nearest to `word`, or nothing when none is near.

    A name is near when another tool's word for it was typed, when it begins with the word, when one of the two is whole
    words of the other, as ``avx2`` is of ``exchange_avx2``, or else when it begins with the same letter and difflib
    finds it close. Dashes in front, an ending such as .yaml, capitals but of a single letter, and whether - or _ joins
    words change nothing.
    """
    if len(word) > _SHOWN_CHARACTERS:
        return ""
    typed = _bare(word)
    best, best_rank = "", (0, 0.0)
    for name in names:
        known = _bare(name)
        ratio = difflib.SequenceMatcher(None, typed, known).ratio()
        part, whole = sorted((typed, known), key=len)
        is_part = len(part) >= _TELLING_PART and (known.startswith(typed) or f"_{part}_" in f"_{whole}_")
        rank = (2 if typed in _ELSEWHERE.get(known, ()) else int(is_part), ratio)
        is_close = ratio >= _CLOSE_ENOUGH and known[:1] == typed[:1]
        if (rank[0] or is_close) and rank > best_rank:
            best, best_rank = name, rank
    return f"; did you mean '{best}'?" if best else ""


def _bare(name: str) -> str:
    name = name.lstrip("-")
    return re.sub(r"\.ya?ml$", "", name.lower() if len(name) > 1 else name).replace("-", "_")


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
