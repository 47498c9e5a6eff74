"""What a check of the host has found: its grade, its words, its cure."""

from __future__ import annotations

import dataclasses

OK = "ok"
WARN = "warn"
BAD = "bad"
UNREADABLE = "not readable here"


@dataclasses.dataclass(frozen=True)
class Finding:
    """One check: status is ok, warn or bad; `cure` is "" where there is nothing to cure."""

    check: str
    status: str
    found: str
    cure: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the finding as a JSON object with the field names above."""
        return dataclasses.asdict(self)
