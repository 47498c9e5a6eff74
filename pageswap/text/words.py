"""Words, names, levels and reasons put together as a sentence has them."""

from __future__ import annotations

import re
import shlex
import unicodedata
from typing import TYPE_CHECKING, Any, Final

from pageswap.agent.workloads import find_workload
from pageswap.spec.factors import FACTORS
from pageswap.units import format_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Whoever reads a report on a site has no business with how its hosts are reached, nor with what is noted of them.
PRIVATE_OPTIONS: Final = ("hosts", "ssh_config")
_SSH_CONFIG: Final = "--ssh-config"
_PLACEHOLDER: Final = "SSH_CONFIG"
_LONGEST_NAME = 80
_KEPT = "\n\t"
# Controls, formatting marks (bidirectional ones among them), lone surrogates, private use: what hides or reorders text.
_INVISIBLE = ("Cc", "Cf", "Cs", "Co")
_HASH: Final = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{28,52}\b")
# A number, but not one that is part of a name: hugepages-2048kB.
_NUMBER: Final = re.compile(r"(?<![-\d])\d+(?:,\d+)*(?:\.\d+)?")


def listed(words: list[str], last: str = "and") -> str:
    """Join words as a sentence does: ``a``, ``a and b``, ``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def clipped(text: str, longest: int) -> str:
    """Shorten a text to a number of characters, at a word where there is one, with a mark that it was."""
    if len(text) <= longest:
        return text
    head = text[: longest - 1]
    return f"{head.rsplit(' ', 1)[0] if ' ' in head[longest // 2 :] else head}…"


def with_short_hashes(text: str) -> str:
    """Cut each hash in a text, of 40 to 64 hexadecimal digits, to twelve, which tell it from others as well."""
    return _HASH.sub(r"\1", text)


def plural(count: int, noun: str) -> str:
    """Print a count with its noun: ``1 case``, ``12 cases``."""
    return f"{count:,} {noun if count == 1 else noun + 's'}"


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


def operation(workload: str) -> str:
    """Name what one iteration of a workload is, in the singular."""
    return find_workload(workload).operation


def level_text(factor: str, value: Any) -> str:  # noqa: ANN401 - a level is whatever the factor holds
    """Print one level as the experiment file writes it: ``4KiB``, ``200,000``, ``memcpy``."""
    if factor in FACTORS and value in FACTORS[factor].named:
        return FACTORS[factor].named[value]
    if factor in FACTORS and FACTORS[factor].kind in ("percent", "trace"):
        return clipped(FACTORS[factor].show(value), _LONGEST_NAME)
    kind = FACTORS[factor].kind if factor in FACTORS and isinstance(value, int) else "word"
    if kind == "size":
        return format_size(value)
    return f"{value:,}" if kind == "count" else clipped(str(value), _LONGEST_NAME)


def level_phrase(factor: str, value: Any) -> str:  # noqa: ANN401 - a level is whatever the factor holds
    """Print one level so that it can stand in a sentence after "with": ``4KiB pages``, ``a 128MiB region``."""
    text = level_text(factor, value)
    if factor not in FACTORS:
        return f"{text} {factor}"
    return FACTORS[factor].phrases.get(value) or FACTORS[factor].phrase.format(text)


def levels_phrase(levels: Mapping[str, Any]) -> str:
    """Join the phrases of several levels: ``4KiB pages, a 128MiB region, touch none``."""
    return ", ".join(level_phrase(factor, value) for factor, value in levels.items())


def without_numbers(reason: str) -> str:
    """Return a reason as it is alike in all blocks: free memory, for one, is another in each."""
    return _NUMBER.sub("#", reason)


def most_needed(reasons: Iterable[str]) -> str:
    """Return of reasons that differ in numbers alone the one with the largest first number, which is what is needed."""
    numbers = {reason: _NUMBER.search(reason) for reason in reasons}
    return max(numbers, key=lambda reason: float(found[0].replace(",", "")) if (found := numbers[reason]) else 0.0)


def visible(text: str) -> str:
    """Replace each character without a glyph, which may change how others are shown, by its number: ``<U+202E>``."""
    return text if text.isprintable() else "".join(_named(character) for character in text)


def _named(character: str) -> str:
    is_kept = character in _KEPT or unicodedata.category(character) not in _INVISIBLE
    return character if is_kept else f"<U+{ord(character):04X}>"


def shown_command(provenance: Mapping[str, object]) -> str:
    """Return the command that made a run as it may be shown: without where its ssh_config lies; "" where unknown."""
    command = str(provenance.get("command") or "")
    if _SSH_CONFIG not in command:
        return command
    try:
        words = shlex.split(command)
    except ValueError:
        return re.sub(rf"{_SSH_CONFIG}[= ]\S+", f"{_SSH_CONFIG} {_PLACEHOLDER}", command)
    hidden = [
        _PLACEHOLDER
        if place and words[place - 1] == _SSH_CONFIG
        else f"{_SSH_CONFIG}={_PLACEHOLDER}"
        if word.startswith(f"{_SSH_CONFIG}=")
        else word
        for place, word in enumerate(words)
    ]
    return shlex.join(hidden)
