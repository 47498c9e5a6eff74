"""Levels and workloads in words, as a person reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pageswap.text.lists import clipped
from pageswap.units import format_size

if TYPE_CHECKING:
    from collections.abc import Mapping

_SIZES = ("page_size", "region_size")
_COUNTS = ("iterations", "threads")
_LONGEST_NAME = 80
_OPERATIONS = {"swap": "swap", "move": "move", "grow": "growth", "call": "call", "permute": "swap", "limit": "swap"}


def operation(workload: str) -> str:
    """Name what one iteration of a workload is, in the singular."""
    return _OPERATIONS.get(workload, "operation")


def level_text(factor: str, value: Any) -> str:  # noqa: ANN401 - a level is whatever the factor holds
    """Print one level as the experiment file writes it: ``4KiB``, ``200,000``, ``memcpy``."""
    if factor in _SIZES and isinstance(value, int):
        return format_size(value)
    if factor in _COUNTS and isinstance(value, int):
        return f"{value:,}"
    return clipped(str(value), _LONGEST_NAME)


def level_phrase(factor: str, value: Any) -> str:  # noqa: ANN401 - a level is whatever the factor holds
    """Print one level so that it can stand in a sentence after "with": ``4KiB pages``, ``a 128MiB region``."""
    text = level_text(factor, value)
    phrases = {
        "method": text,
        "page_size": f"{text} pages",
        "region_size": f"a {text} region",
        "iterations": f"{text} iterations",
        "threads": f"{text} thread{'' if value == 1 else 's'}",
        "touch": f"touch {text}",
        "pattern": f"pattern {text}",
        "distance": f"distance {text}",
        "run_pages": f"runs of {text} page{'' if value == 1 else 's'}",
        "alignment": f"the region aligned to {'a page' if value == 'page' else text}",
        "neighbours": f"{text} neighbours",
    }
    return phrases.get(factor, f"{text} {factor}")


def levels_phrase(levels: Mapping[str, Any]) -> str:
    """Join the phrases of several levels: ``4KiB pages, a 128MiB region, touch none``."""
    return ", ".join(level_phrase(factor, value) for factor, value in levels.items())
