"""The store: creates a run's database, takes in journals exactly once, and gives the rows back."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Self

from pageswap.agent.journal.job import TrialSpec
from pageswap.agent.journal.line_fields import utc_now
from pageswap.errors import StoreError
from pageswap.spec.experiment import derived_asks
from pageswap.spec.factors import FACTORS, default_levels
from pageswap.store import schema
from pageswap.store.creating import created
from pageswap.store.database import CURE_OF_DAMAGE, clear_errors
from pageswap.store.facts import READ, facts_from, facts_of
from pageswap.store.host_notes import HostNotes
from pageswap.store.inserts import insert_lines, insert_run, insert_trials
from pageswap.store.migration import open_migrated
from pageswap.store.more_blocks import add_blocks
from pageswap.store.schema import PROFILE_COLUMNS, ROW_COLUMNS, TRIAL_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pageswap.plan.plan import Plan

# How the end of a segment begins whose agent never ran.
NOT_STARTED: Final = "not started"


@dataclasses.dataclass(frozen=True, slots=True)
class Segment:
    """One start of an agent: how many bytes of its journal are stored, and why no more will come (None: may come)."""

    segment: int
    journal_offset: int
    ended: str | None


class Store(HostNotes):
    """A run's database; safe to share between threads, as each call holds its lock for one transaction."""

    @classmethod
    def create(  # noqa: PLR0913 - what a run is made of
        cls,
        path: Path,
        *,
        run_id: str,
        plan: Plan,
        hosts: Sequence[str],
        provenance: Mapping[str, Any],
        options: Mapping[str, Any],
    ) -> Self:
        """Write a new database holding `plan` for `hosts`, and open it.

        It is written beside `path` and renamed, so that a file at `path` is always whole. Raises StoreError.
        """
        with created(path) as connection:
            insert_run(connection, run_id, plan.experiment, provenance, options)
            connection.executemany("INSERT INTO host (position, host) VALUES (?, ?)", enumerate(hosts))
            insert_trials(connection, plan.trials)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path, *, is_held: bool = False, to_read: bool = False) -> Self:
        """Open a run's database, bringing an older one to the present schema; `is_held` where this process holds it.

        One that another process holds stays as it is, and so does one opened `to_read` alone. Raises StoreError when it
        is absent, damaged, newer or something else.
        """
        if not path.is_file():
            raise StoreError(f"{path}: there is no run database; was the run killed before its plan was stored?")
        with clear_errors(path, "cannot be opened"):
            return cls(path, open_migrated(path, is_held=is_held, to_read=to_read))

    def table(self, name: str) -> list[dict[str, Any]]:
        """Return a whole table as it is stored, by its columns' names."""
        names = [column for (column,) in self._read("SELECT name FROM pragma_table_info(?)", name)]
        return [dict(zip(names, row, strict=True)) for row in self._read(f'SELECT * FROM "{name}"')]  # noqa: S608 - of our own code

    def meta(self) -> dict[str, Any]:
        """Return run_id, created_at, experiment, spec_text, provenance, options and hosts (in the run's order).

        What an older run asks, which did not say so, is derived from its cases.
        """
        texts, documents = ("run_id", "created_at", "spec_text"), ("experiment", "provenance", "options")
        (row,) = self._read(f"SELECT {', '.join((*texts, *documents))} FROM run")  # noqa: S608 - our own names
        meta = dict(zip((*texts, *documents), row, strict=True))
        meta.update({name: self._document(meta[name]) for name in documents})
        experiment = meta["experiment"]
        if not experiment.get("asks"):
            baseline = experiment["baseline"] or {}
            experiment["asks"] = derived_asks(experiment["workload"], baseline, self._levels.values())
        return {**meta, "hosts": [host for (host,) in self._read("SELECT host FROM host ORDER BY position")]}

    def environments(self) -> dict[str, dict[str, Any]]:
        """Return each host's environment as its latest agent found it; hosts not yet reached are absent."""
        return {host: self._document(environment) for host, environment in self._of_hosts("environment")}

    def segment_facts(self) -> dict[tuple[str, int], dict[str, Any]]:
        """Return what each start of an agent found, by host and segment, by the names of FACTS; unknown is None."""
        return {(host, segment): facts_from(values) for host, segment, *values in self._read(READ)}

    def run_facts(self) -> list[dict[str, Any]]:
        """Return what is known of the run on each host, in the run's order: `host`, and what its latest agent found."""
        meta = self.meta()
        blank = facts_of(meta["provenance"])
        # Of several segments of a host the latest is the last one.
        latest = {host: facts for (host, _), facts in sorted(self.segment_facts().items())}
        return [{"host": host, **latest.get(host, blank)} for host in meta["hosts"]]

    def methods(self) -> dict[str, list[dict[str, Any]]]:
        """Return each host's methods, available or why not; hosts not yet reached are absent."""
        return {host: self._document(methods) for host, methods in self._of_hosts("methods")}

    def _document(self, text: str) -> Any:  # noqa: ANN401 - JSON
        try:
            return json.loads(text)
        except ValueError as error:
            raise StoreError(f"{self.path}: holds what is no JSON: {error}; {CURE_OF_DAMAGE}") from error

    def cases(self) -> list[dict[str, Any]]:
        """Return each case's case_id, workload and levels (sizes in bytes), in the plan's order.

        A factor that the run's version did not know is at its default; one that only a newer version knows is kept.
        """
        return [{"case_id": case_id, **levels} for case_id, levels in self._levels.items()]

    @functools.cached_property
    def _levels(self) -> dict[str, dict[str, Any]]:
        """Each case's workload and levels; a plan never changes."""
        usual = {**dict.fromkeys(FACTORS), **default_levels()}
        return {
            case_id: {"workload": workload, **usual, **self._document(levels)}
            for case_id, workload, levels in self._read("SELECT case_id, workload, levels FROM cases ORDER BY position")
        }

    def columns(self) -> tuple[str, ...]:
        """Name the columns of `rows`."""
        return (*ROW_COLUMNS, *{name: None for levels in self._levels.values() for name in levels})

    def rows(self, host: str | None = None) -> Iterator[tuple[Any, ...]]:
        """Give each (host, trial)'s last attempt in the order of `columns`, or one host's; unmeasured is None.

        `rounds_ns` is a JSON array as text, `warmup` 0 or 1. A trial without an outcome is not a row. They are read
        part by part, of a run that is still written as each part is when it is read. Raises StoreError meanwhile.
        """
        place, names = ROW_COLUMNS.index("case_id"), self.columns()[len(ROW_COLUMNS) :]
        levels = {case_id: tuple(map(of_case.get, names)) for case_id, of_case in self._levels.items()}
        hosts = [(host,)] if host is not None else self._read("SELECT host FROM host ORDER BY position")
        ((last,),) = self._read("SELECT coalesce(max(ordinal), -1) FROM trial")
        for (each,) in hosts:
            for first in range(0, last + 1, schema.MOST_ROWS):
                part = self._read(schema.ROWS, each, first, first + schema.MOST_ROWS - 1)
                yield from (row + levels[row[place]] for row in part)

    def status_counts(self) -> dict[str, Counter[str]]:
        """Count the last attempts' statuses of each host, warm-ups included; hosts without any are absent."""
        counts: dict[str, Counter[str]] = {}
        for host, status, count in self._read(schema.STATUS_COUNTS):
            counts.setdefault(host, Counter())[status] = count
        return counts

    def outcome_count(self) -> int:
        """Count all attempts of all trials on all hosts."""
        return self._count("SELECT count(*) FROM outcome")

    def has_begun(self) -> bool:
        """Tell whether an agent may ever have run for this run."""
        query = "SELECT count(*) FROM segment WHERE ended IS NULL OR ended NOT LIKE ?"
        return self._count(query, f"{NOT_STARTED}%") > 0

    def trial_count(self, host: str) -> int:
        """Return how many trials the plan has for a host, in the blocks that it may run."""
        return self._count(schema.PLANNED_COUNT, host)

    def planned_trials(self) -> int:
        """Count the measured trials of all hosts together, of the blocks that each may run."""
        hosts = self._read("SELECT host FROM host")
        return sum(self._count(f"{schema.PLANNED_COUNT} AND NOT t.warmup", host) for (host,) in hosts)

    def add_blocks(self, repeats: int) -> None:
        """Let the plan have `repeats` measured blocks, which are more than it has."""
        with self._transaction("more blocks cannot be stored") as connection:
            add_blocks(connection, repeats)

    def missing(self, host: str) -> list[TrialSpec]:
        """Return the trials `host` still owes, in the plan's order, each with the attempt number to run it as.

        Of the measured blocks those count that `allow_blocks` allowed; all, where it was never called for the host.
        """
        return [self._trial(*row) for row in self._read(schema.MISSING, host)]

    def _trial(self, case_id: str, attempt: int, *place: Any) -> TrialSpec:  # noqa: ANN401 - what TRIAL_COLUMNS name
        levels = dict(self._levels[case_id])
        workload = levels.pop("workload")
        fields = dict(zip(TRIAL_COLUMNS, place, strict=True))
        fields["warmup"] = bool(fields["warmup"])
        return TrialSpec(attempt=attempt, workload=workload, levels=levels, **fields)

    def missing_count(self, host: str) -> int:
        """Count what `missing` gives, which may be long."""
        return self._count(schema.MISSING_COUNT, host)

    def unprofiled(self, host: str) -> list[TrialSpec]:
        """Return a trial of each case that `host` has measured and of which it has no profile, in the plan's order."""
        return [self._trial(*row) for row in self._read(schema.UNPROFILED, host)]

    def profiles(self) -> list[dict[str, Any]]:
        """Return what was found of each case by a profile: `host`, `case_id` and schema.PROFILE_COLUMNS by name."""
        names = ("host", "case_id", *PROFILE_COLUMNS)
        order = "JOIN host USING (host) JOIN cases USING (case_id) ORDER BY host.position, cases.position"
        rows = self._read(f"SELECT {', '.join(names)} FROM profile {order}")  # noqa: S608 - our own names
        found = [dict(zip(names, row, strict=True)) for row in rows]
        return [
            {**each, "names_hidden": bool(each["names_hidden"]), "symbols": self._document(each["symbols"])}
            for each in found
        ]

    def traces(self, hashes: Iterable[str]) -> dict[str, str]:
        """Return traces by their hashes, packed as by `pageswap.agent.trace`; "" stands for no trace."""
        wanted = [sha256 for sha256 in set(hashes) if sha256]
        found = dict(row for each in wanted for row in self._read("SELECT * FROM trace WHERE sha256 = ?", each))
        missing = set(wanted) - found.keys()
        if missing:
            raise StoreError(f"{self.path}: lacks the trace {min(missing):.12}; {CURE_OF_DAMAGE}")
        return found

    def answered(self, host: str, first_segment: int) -> set[str]:
        """Return the trial ids that `host`'s segments from `first_segment` on have an outcome for."""
        query = "SELECT DISTINCT trial_id FROM outcome WHERE host = ? AND segment >= ?"
        return {trial_id for (trial_id,) in self._read(query, host, first_segment)}

    def segments(self, host: str) -> list[Segment]:
        """Return every start of an agent on `host`, oldest first."""
        query = "SELECT segment, journal_offset, ended FROM segment WHERE host = ? ORDER BY segment"
        return [Segment(*row) for row in self._read(query, host)]

    def new_segment(self, host: str) -> int:
        """Write down that an agent is about to be started on `host`; return the segment's number, from 1."""
        query = (
            "INSERT INTO segment (host, segment, created_at) SELECT ?1, coalesce(max(segment), 0) + 1, ?2"
            " FROM segment WHERE host = ?1 RETURNING segment"
        )
        ((segment,),) = self._write("a new segment cannot be stored", query, host, utc_now())
        return int(segment)

    def end_segment(self, host: str, segment: int, why: str) -> None:
        """Write down that nothing more will come from a segment, keeping an earlier reason."""
        query = "UPDATE segment SET ended = coalesce(ended, ?) WHERE host = ? AND segment = ?"
        self._write("a segment's end cannot be stored", query, why, host, segment)

    def ingest(
        self, host: str, segment: int, offset: int, lines: Iterable[bytes]
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Store whole journal lines, the first of which starts at byte `offset`, exactly once.

        Return the journal fields of the trials that this added, and why the journal ended if it did. Rows and the
        journal's new offset are one transaction. Lines that are stored already are passed over. Raises StoreError when
        nothing could be stored, and JournalError at the first line that is not the journal's next: what came before it
        is stored, and its trials are the error's `stored`.
        """
        with self._transaction("rows cannot be stored") as connection:
            trials, ended, refused = insert_lines(connection, host, segment, offset, lines)
        if refused is not None:
            refused.stored = tuple(trials)
            raise refused
        return trials, ended
