"""How a run is to be measured and judged, as the command line says it."""

from __future__ import annotations

import dataclasses
from typing import Any, Self


@dataclasses.dataclass(frozen=True)
class Options:
    """A run's options; they are stored with it, and a resume uses the same.

    `tune` raises limits for the run, `wait` waits for a host that is measured by someone else, `strict` counts
    unavailable and skipped trials as failures. An agent that nobody follows for `lease_s` seconds stops.
    """

    tune: bool = False
    wait: bool = False
    strict: bool = False
    lease_s: float = 60.0

    def to_json(self) -> dict[str, Any]:
        """Give the options as one JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Read `to_json`'s object, leaving out what this version does not know."""
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in document.items() if name in known})
