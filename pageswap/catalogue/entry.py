"""What the catalogue says of one folder of results, and which of many entries are meant."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# A run's state. RUNNING: another process is at work on it now. Of the last two nothing else is known than `problem`.
COMPLETE: Final = "complete"
UNFINISHED: Final = "unfinished"
RUNNING: Final = "running"
DAMAGED: Final = "damaged"
FOREIGN: Final = "foreign"


@dataclasses.dataclass(frozen=True)
class Entry:
    """One folder of results.

    ``created_at`` is UTC ISO 8601. ``hosts`` has the facts of each host in the run's order, by the names of
    `pageswap.store.facts.FACTS`; what is not known is None. ``trials`` counts the outcomes, ``statuses`` the last
    attempts by status, ``missing`` the trials that are still to be run. ``problem`` says what is wrong and its cure, ""
    where nothing is.
    """

    folder: Path
    run_id: str
    experiment: str
    state: str
    problem: str = ""
    created_at: str = ""
    question: str = ""
    note: str = ""
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    commit: str | None = None
    dirty: bool | None = None
    hosts: tuple[Mapping[str, Any], ...] = ()
    cases: int = 0
    trials: int = 0
    missing: int = 0
    statuses: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def is_readable(self) -> bool:
        """Tell whether the folder has a run that can be opened."""
        return self.state not in (DAMAGED, FOREIGN)


def chosen(
    entries: Iterable[Entry],
    *,
    experiment: str = "",
    host: str = "",
    tags: Mapping[str, str] | None = None,
    since: str = "",
) -> list[Entry]:
    """Return the entries that fit all that is asked for; "" asks for nothing.

    ``experiment`` is a name, ``host`` one that the run measured, ``tags`` are those that it has among others with these
    values, ``since`` the beginning of a UTC time in ISO 8601, such as 2026-11-22. What cannot be read has no host, no
    tag and no time, so that it is left out where one of these is asked for.
    """
    wanted = dict(tags or {})
    return [
        entry
        for entry in entries
        if (not experiment or entry.experiment == experiment)
        and (not host or any(facts["host"] == host for facts in entry.hosts))
        and wanted.items() <= dict(entry.tags).items()
        and (not since or entry.created_at >= since)
    ]
