"""What happens during a campaign, as it is told to whoever shows it."""

from __future__ import annotations

import contextlib
import queue
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from pageswap.fleet.transport.transport import waits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_T = TypeVar("_T")
_LOOK_S: Final = 0.5


def next_in(waiting: queue.SimpleQueue[_T], timeout_s: float | None = None) -> _T:
    """Return what comes out of a queue next; raises queue.Empty where nothing does within `timeout_s` (None: never).

    Python hears a signal that comes just before the main thread waits only when that wait ends: each is a short one.
    """
    for wait_s in waits(timeout_s, _LOOK_S):
        with contextlib.suppress(queue.Empty):
            return waiting.get(timeout=wait_s)
    raise queue.Empty


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
