"""What the catalogue says of a folder of results, how that is read from a run, and which of many entries are meant."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pageswap.catalogue.folders import Found
    from pageswap.store.store import Store

# A run's state. RUNNING: another process is at work on it now. Of the last two nothing else is known than `problem`.
COMPLETE: Final = "complete"
UNFINISHED: Final = "unfinished"
RUNNING: Final = "running"
DAMAGED: Final = "damaged"
FOREIGN: Final = "foreign"


@dataclasses.dataclass(frozen=True)
class Entry:
    """One folder of results.

    ``stamp`` is another one when the run has been written meanwhile. ``created_at`` is UTC ISO 8601. ``hosts`` has the
    facts of each host in the run's order, by ``host`` and the names of `pageswap.store.facts.FACTS`; what is not known
    is None. ``merged`` are the ids of the runs that a run was put together from, whose trials it has once more.
    ``trials`` counts those that have an outcome, ``statuses`` them by status, ``missing`` those that are still to be
    run. ``problem`` says what is wrong and its cure, "" where nothing is.
    """

    folder: Path
    run_id: str
    experiment: str
    state: str
    stamp: str = ""
    problem: str = ""
    created_at: str = ""
    question: str = ""
    note: str = ""
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    commit: str | None = None
    dirty: bool | None = None
    merged: tuple[str, ...] = ()
    hosts: tuple[Mapping[str, Any], ...] = ()
    cases: int = 0
    trials: int = 0
    missing: int = 0
    statuses: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def is_readable(self) -> bool:
        """Tell whether the folder has a run that can be opened."""
        return bool(self.created_at)

    @classmethod
    def of(cls, store: Store) -> Self:
        """Read what is told of a stored run; raises StoreError."""
        meta = store.meta()
        provenance = meta["provenance"]
        missing = sum(map(store.missing_count, meta["hosts"]))
        statuses = sum(store.status_counts().values(), Counter[str]())
        return cls(
            folder=store.path.parent,
            run_id=meta["run_id"],
            experiment=str(meta["experiment"].get("name") or ""),
            state=UNFINISHED if missing else COMPLETE,
            created_at=meta["created_at"],
            question=str(meta["experiment"].get("question") or ""),
            note=str(provenance.get("note") or ""),
            tags=_texts(provenance.get("tags")),
            commit=provenance.get("commit"),
            dirty=provenance.get("dirty"),
            merged=tuple(map(str, provenance.get("merged") or ())),
            hosts=tuple(store.run_facts()),
            cases=len(store.cases()),
            trials=statuses.total(),
            missing=missing,
            statuses=dict(statuses),
        )

    @classmethod
    def from_json(cls, found: Found, document: Mapping[str, Any]) -> Self:
        """Read what `to_json` made of the run in a folder."""
        lists = {name: tuple(document[name]) for name in ("hosts", "merged")}
        return cls(folder=found.folder, stamp=found.stamp, **{**document, **lists})

    def to_json(self) -> dict[str, Any]:
        """Return all of it but where it lies and as of when."""
        # Not asdict, which copies each fact by itself.
        names = [field.name for field in dataclasses.fields(self) if field.name not in ("folder", "stamp")]
        return {name: getattr(self, name) for name in names}


def _texts(value: object) -> dict[str, str]:
    return {str(key): str(text) for key, text in value.items()} if isinstance(value, dict) else {}


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which entries are meant: those that fit each of these, of which "" and nothing fit all.

    ``experiment`` is a name, ``host`` one that the run measured, ``tags`` are those that it has among others with these
    values, ``note`` a part of its note in letters of either case, ``since`` the beginning of a UTC time in ISO 8601,
    such as 2026-11-22. What cannot be read has no host, no tag, no note and no time.
    """

    experiment: str = ""
    host: str = ""
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    note: str = ""
    since: str = ""

    def fits(self, entry: Entry) -> bool:
        """Tell whether an entry is meant."""
        return (
            self.experiment in ("", entry.experiment)
            and (not self.host or any(facts["host"] == self.host for facts in entry.hosts))
            and self.tags.items() <= entry.tags.items()
            and self.note.casefold() in entry.note.casefold()
            and self.since <= entry.created_at
        )


def chosen(entries: Iterable[Entry], **wanted: Any) -> list[Entry]:  # noqa: ANN401 - the fields of Wanted
    """Return the entries that fit all that is asked for, which are the fields of `Wanted`."""
    return list(filter(Wanted(**wanted).fits, entries))
