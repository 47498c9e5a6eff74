"""Why trials did not end ok: which reasons are one, and which of them has the cure that is enough for all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

# A number, but not one that is part of a name: hugepages-2048kB.
_NUMBER: Final = re.compile(r"(?<![-\d])\d+(?:,\d+)*(?:\.\d+)?")


def without_numbers(reason: str) -> str:
    """Return a reason as it is alike in all blocks: free memory, for one, is another in each."""
    return _NUMBER.sub("#", reason)


def most_needed(reasons: Iterable[str]) -> str:
    """Return of reasons that differ in numbers alone the one with the largest first number, which is what is needed."""
    numbers = {reason: _NUMBER.search(reason) for reason in reasons}
    return max(numbers, key=lambda reason: float(found[0].replace(",", "")) if (found := numbers[reason]) else 0.0)
