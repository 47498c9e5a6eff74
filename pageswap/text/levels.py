"""Levels and workloads in words, as a person reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pageswap.agent.workloads import find_workload
from pageswap.spec.factors import FACTORS
from pageswap.text.lists import clipped
from pageswap.units import format_size

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_NAME = 80


def operation(workload: str) -> str:
    """Name what one iteration of a workload is, in the singular."""
    return find_workload(workload).operation


def level_text(factor: str, value: Any) -> str:  # noqa: ANN401 - a level is whatever the factor holds
    """Print one level as the experiment file writes it: ``4KiB``, ``200,000``, ``memcpy``."""
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
