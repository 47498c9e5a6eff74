"""Methods of which a trial did not verify: named before anything else is said, and never recommended."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pageswap.analysis.summary import Summary


@dataclasses.dataclass(frozen=True)
class Corrupted:
    """A method with the number of its trials that did not verify."""

    method: str
    trials: int


def corrupted(summary: Summary) -> tuple[Corrupted, ...]:
    """Return every such method, the one with most of them first."""
    found = [Corrupted(method, count.trials) for method, count in summary.corrupt.items()]
    return tuple(sorted(found, key=lambda each: -each.trials))
