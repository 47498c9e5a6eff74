"""Words and names put together as a sentence has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def listed(words: list[str], last: str = "and") -> str:
    """Join words as a sentence does: ``a``, ``a and b``, ``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def clipped(text: str, longest: int) -> str:
    """Shorten a text to a number of characters, at a word where there is one, with a mark that it was."""
    if len(text) <= longest:
        return text
    head = text[: longest - 1]
    return f"{head.rsplit(' ', 1)[0] if ' ' in head[longest // 2 :] else head}…"


def plural(count: int, noun: str, several: str = "") -> str:
    """Print a count with its noun: ``1 case``, ``12 cases``."""
    return f"{count:,} {noun if count == 1 else several or noun + 's'}"


def first_few(words: Iterable[str], most: int, noun: str = "") -> str:
    """Return the first ``most`` words, and how many more there are: ``a, b and 3 more hosts``.

    ``noun`` is in the singular; without it the rest is only counted. No words give "".
    """
    named = list(words)
    rest = len(named) - most
    if rest <= 0:
        return listed(named) if named else ""
    counted = plural(rest, f"more {noun}") if noun else f"{rest:,} more"
    return f"{', '.join(named[:most])} and {counted}"


def host_prefix(hosts: Sequence[str], host: str) -> str:
    """Return ``host: `` where there are several hosts, and nothing where there is one."""
    return f"{host}: " if len(hosts) > 1 else ""
