"""What happens during a campaign, as it is told to whoever shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Started(NamedTuple):
    """A run begins or goes on: trials over all hosts, and how many each host owes; others have a final outcome."""

    run_id: str
    run_dir: Path
    trials: int
    owed: dict[str, int]


class TrialsEnded(NamedTuple):
    """These trials' outcomes are stored; each mapping is a journal's trial line."""

    host: str
    trials: tuple[dict[str, Any], ...]


class Noted(NamedTuple):
    """What is to be known of a host: something that went wrong or is waited for, or a decision of its stopping rule."""

    host: str
    text: str
    granted: int = 0  # so many trials more are owed


class Stopping(NamedTuple):
    """The run was interrupted: `how` is drain (the trial in hand ends) or kill."""

    how: str


class HostEnded(NamedTuple):
    """A host has done what it could, `missing` trials being owed to a resume, or cannot be used for an `error`."""

    host: str
    missing: int
    error: Exception | None = None


class Finished(NamedTuple):
    """All hosts have ended: of their `trials` so many are stored by status; what follows is the report."""

    trials: int
    statuses: Mapping[str, int]
    missing: int


Event = Started | TrialsEnded | Noted | Stopping | HostEnded | Finished
