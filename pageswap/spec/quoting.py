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

# What C libraries, kernels and other tools call something of ours: a word, or a flag without its dashes.
_WORDS_ELSEWHERE = {
    "memcpy": ("memmove", "bcopy"),
    "uffd_move": ("userfaultfd",),
    "iterations": ("iters",),
    "repeats": ("runs", "count", "n", "r", "invocations"),
    "check": ("validate",),
    "doctor": ("ping",),
    "report": ("show", "view", "open"),
    "compare": ("continuous", "diff"),
    "hosts": ("inventory", "machine"),
}
_FLAGS_ELSEWHERE = {
    "hosts": ("limit", "l", "machine"),
    "inventory": ("i",),
    "set": ("extra_vars", "e", "parameter_list", "L"),
    "filter": ("k", "bench", "b"),
    "repeats": _WORDS_ELSEWHERE["repeats"],
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

    Another tool's word for something of ours means that alone, here or not. Else a name is near when it begins with the
    word, when one of the two is whole words of the other, as ``avx2`` is of ``exchange_avx2``, or when it begins with
    the same letter and difflib finds it close. Dashes in front, an ending such as .yaml, capitals but of a single
    letter, and whether - or _ joins words change nothing.
    """
    if len(word) > _SHOWN_CHARACTERS:
        return ""
    typed = _bare(word)
    elsewhere = _FLAGS_ELSEWHERE if word.startswith("-") else _WORDS_ELSEWHERE
    meant = [name for name, words in elsewhere.items() if typed in words]
    ranks = {name: (_bare(name) in meant, 0.0) if meant else _likeness(typed, _bare(name)) for name in names}
    best = max(ranks, key=ranks.__getitem__, default="")
    return f"; did you mean '{best}'?" if best and any(ranks[best]) else ""


def _likeness(typed: str, known: str) -> tuple[bool, float]:
    """Return whether one of two names is a part of the other, and how much else is alike; 0.0 where that is little."""
    part, whole = sorted((typed, known), key=len)
    is_part = len(part) >= _TELLING_PART and (known.startswith(typed) or f"_{part}_" in f"_{whole}_")
    ratio = difflib.SequenceMatcher(None, typed, known).ratio()
    return is_part, ratio if is_part or (ratio >= _CLOSE_ENOUGH and known[:1] == typed[:1]) else 0.0


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
