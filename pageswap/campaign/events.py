"""What happens during a campaign, as it is told to whoever shows it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from pageswap.errors import PageswapError


@dataclasses.dataclass(frozen=True, slots=True)
class Started:
    """A run begins or goes on: trials over all hosts, how many have a final outcome, how many each host owes."""

    run_id: str
    run_dir: Path
    hosts: tuple[str, ...]
    trials: int
    done: int
    owed: dict[str, int]


@dataclasses.dataclass(frozen=True, slots=True)
class Waiting:
    """A host is measured by someone else, who is waited for; `holder` has pid, user, run_id and since."""

    host: str
    holder: dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Measuring:
    """An agent works on a host, started just now or found alive."""

    host: str
    segment: int
    pid: int | None
    is_reattached: bool


@dataclasses.dataclass(frozen=True, slots=True)
class TrialsEnded:
    """These trials' outcomes are stored; each mapping is a journal's trial line."""

    host: str
    trials: tuple[dict[str, Any], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Noted:
    """Something went wrong on a host that the campaign deals with itself."""

    host: str
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Granted:
    """A host may measure so many `trials` more by the experiment's stopping rule."""

    host: str
    text: str
    trials: int


@dataclasses.dataclass(frozen=True, slots=True)
class Enough:
    """A host has measured enough by the experiment's stopping rule."""

    host: str
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Stopping:
    """The run was interrupted: `how` is drain (the trial in hand ends) or kill."""

    how: str


@dataclasses.dataclass(frozen=True, slots=True)
class HostEnded:
    """A host has done what it could; `missing` trials were cut short and are owed to a resume."""

    host: str
    missing: int


@dataclasses.dataclass(frozen=True, slots=True)
class HostFailed:
    """A host cannot be used any further."""

    host: str
    error: PageswapError


@dataclasses.dataclass(frozen=True, slots=True)
class Finished:
    """All hosts have ended; what follows is the report."""

    interrupted: bool


Event = (
    Started
    | Waiting
    | Measuring
    | TrialsEnded
    | Granted
    | Enough
    | Noted
    | Stopping
    | HostEnded
    | HostFailed
    | Finished
)
