"""The store: creates a run's database, takes in journals exactly once, and gives the rows back."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Self

from pageswap.agent.journal.job import TrialSpec
from pageswap.agent.journal.journal import JournalReader
from pageswap.agent.journal.line_fields import ENDS, utc_now
from pageswap.agent.workspace.work_folder import sync_folder
from pageswap.errors import JournalError, StoreError
from pageswap.spec.asks import derived_asks
from pageswap.spec.factors import FACTORS, default_levels
from pageswap.store import rows
from pageswap.store.columns import TRIAL_COLUMNS
from pageswap.store.database import CREATING, clear_errors, connect
from pageswap.store.host_notes import HostNotes
from pageswap.store.inserts import insert_record, insert_run, insert_trials
from pageswap.store.migration import open_migrated
from pageswap.store.schema import create_tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pageswap.plan.plan import Plan

# How the end of a segment begins whose agent never ran.
NOT_STARTED: Final = "not started"


@dataclasses.dataclass(frozen=True, slots=True)
class Segment:
    """One start of an agent: how many bytes of its journal are stored, and why no more will come (None: may come)."""

    host: str
    segment: int
    journal_offset: int
    ended: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Ingested:
    """What one call of `Store.ingest` added: the trials' journal fields, and why the journal ended if it did."""

    trials: list[dict[str, Any]]
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
        if path.exists():
            raise StoreError(f"{path}: exists already; a run is written once, use 'inv resume' to go on with it")
        new = path.with_name(f"{path.name}.{os.getpid()}.new")
        with clear_errors(path, CREATING):
            connection = connect(new)
            try:
                connection.execute("BEGIN IMMEDIATE")
                create_tables(connection)
                insert_run(connection, (run_id, utc_now()), plan.experiment, (provenance, options))
                connection.executemany(
                    "INSERT INTO host (host, position) VALUES (?, ?)", [(h, i) for i, h in enumerate(hosts)]
                )
                insert_trials(connection, plan.trials)
                connection.execute("COMMIT")
                connection.close()
                new.rename(path)
                sync_folder(str(path.parent))
            except BaseException:
                connection.close()
                with contextlib.suppress(OSError):
                    new.unlink(missing_ok=True)
                    new.with_name(f"{new.name}-journal").unlink(missing_ok=True)
                raise
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a run's database, bringing an older one to the present schema.

        Raises StoreError when it is absent, damaged, newer or something else.
        """
        if not path.is_file():
            raise StoreError(f"{path}: there is no run database; was the run killed before its plan was stored?")
        with clear_errors(path, "cannot be opened"):
            return cls(path, open_migrated(path))

    def meta(self) -> dict[str, Any]:
        """Give run_id, created_at, experiment, spec_text, provenance, options and hosts (in the run's order).

        What an older run asks, which did not say so, is derived from its cases.
        """
        (row,) = self._read("SELECT run_id, created_at, experiment, spec_text, provenance, options FROM run")
        run_id, created_at, experiment_text, spec_text, provenance, options = row
        experiment = json.loads(experiment_text)
        if not experiment.get("asks"):
            experiment["asks"] = derived_asks(experiment["workload"], experiment["baseline"] or {}, self.cases())
        return {
            "run_id": run_id,
            "created_at": created_at,
            "experiment": experiment,
            "spec_text": spec_text,
            "provenance": json.loads(provenance),
            "options": json.loads(options),
            "hosts": [host for (host,) in self._read("SELECT host FROM host ORDER BY position")],
        }

    def environments(self) -> dict[str, dict[str, Any]]:
        """Give each host's environment as its latest agent found it; hosts not yet reached are absent."""
        found = self._read("SELECT host, environment FROM host WHERE environment IS NOT NULL ORDER BY position")
        return {host: json.loads(environment) for host, environment in found}

    def methods(self) -> dict[str, list[dict[str, Any]]]:
        """Give each host's methods, available or why not; hosts not yet reached are absent."""
        found = self._read("SELECT host, methods FROM host WHERE methods IS NOT NULL ORDER BY position")
        return {host: json.loads(methods) for host, methods in found}

    def cases(self) -> list[dict[str, Any]]:
        """Return each case's case_id, workload and levels (sizes in bytes), in the plan's order.

        A factor that the run's version did not know is at its default; one that only a newer version knows is kept.
        """
        return [{"case_id": case_id, **levels} for case_id, levels in self._levels.items()]

    @functools.cached_property
    def _levels(self) -> dict[str, dict[str, Any]]:
        """Each case's workload and levels; a plan never changes."""
        usual = default_levels()
        return {
            case_id: {"workload": workload, **_in_order({**usual, **json.loads(levels)})}
            for case_id, workload, levels in self._read(rows.CASES)
        }

    def columns(self) -> tuple[str, ...]:
        """Name the columns of `rows` and `all_attempts`."""
        return (*rows.COLUMNS, *self._level_names)

    @property
    def _level_names(self) -> list[str]:
        return list({name: None for levels in self._levels.values() for name in levels})

    def rows(self, host: str | None = None) -> list[tuple[Any, ...]]:
        """Return each (host, trial)'s last attempt in the order of `columns`, or one host's; unmeasured is None.

        `rounds_ns` is a JSON array as text, `warmup` 0 or 1. A trial without an outcome is not a row.
        """
        found = self._read(rows.LAST_ATTEMPTS) if host is None else self._read(rows.LAST_ATTEMPTS_OF, host)
        return self._with_levels(found)

    def _with_levels(self, found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        names, place = self._level_names, rows.COLUMNS.index("case_id")
        levels = {case_id: tuple(map(of_case.get, names)) for case_id, of_case in self._levels.items()}
        return [row + levels[row[place]] for row in found]

    def all_attempts(self) -> list[tuple[Any, ...]]:
        """Give every attempt, also those that a later one superseded, in the form of `rows`."""
        return self._with_levels(self._read(rows.EVERY_ATTEMPT))

    def status_counts(self) -> Counter[str]:
        """Count the last attempts' statuses over all hosts, warm-ups included."""
        return Counter(dict(self._read(rows.STATUS_COUNTS)))

    def host_status_counts(self) -> dict[str, dict[str, int]]:
        """Count the last attempts' statuses of each host, warm-ups included; hosts without any are absent."""
        counts: dict[str, dict[str, int]] = {}
        for host, status, count in self._read(rows.HOST_STATUS_COUNTS):
            counts.setdefault(host, {})[status] = count
        return counts

    def outcome_count(self) -> int:
        """Count all attempts of all trials on all hosts."""
        ((count,),) = self._read("SELECT count(*) FROM outcome")
        return int(count)

    def has_begun(self) -> bool:
        """Tell whether an agent may ever have run for this run."""
        return bool(
            self._read("SELECT 1 FROM segment WHERE ended IS NULL OR ended NOT LIKE ? LIMIT 1", f"{NOT_STARTED}%")
        )

    def trial_count(self, host: str | None = None) -> int:
        """Give how many trials the plan has for each host, or for one in the blocks that it may run."""
        query = (
            "SELECT count(*) FROM trial WHERE warmup OR block < coalesce((SELECT blocks FROM stopping WHERE host = ?),"
            " block + 1)"
        )
        ((count,),) = self._read(query, host)
        return int(count)

    def planned_trials(self) -> int:
        """Count the measured trials of all hosts together, of the blocks that each may run."""
        ((count,),) = self._read(rows.PLANNED)
        return int(count)

    def missing(self, host: str) -> list[TrialSpec]:
        """Give the trials `host` still owes, in the plan's order, each with the attempt number to run it as.

        Of the measured blocks only those allowed count (`allow_blocks`, `stop`), all while neither was said.
        """
        return [self._trial(*row) for row in self._read(rows.MISSING, host)]

    def _trial(self, case_id: str, attempt: int, *place: Any) -> TrialSpec:  # noqa: ANN401 - what TRIAL_COLUMNS name
        levels = dict(self._levels[case_id])
        workload = levels.pop("workload")
        fields = dict(zip(TRIAL_COLUMNS, place, strict=True))
        fields["warmup"] = bool(fields["warmup"])
        return TrialSpec(attempt=attempt, workload=workload, levels=levels, **fields)

    def missing_count(self, host: str) -> int:
        """Count what `missing` gives, which may be long."""
        ((count,),) = self._read(rows.MISSING_COUNT, host)
        return int(count)

    def answered(self, host: str, first_segment: int) -> set[str]:
        """Give the trial ids that `host`'s segments from `first_segment` on have an outcome for."""
        return {trial_id for (trial_id,) in self._read(rows.ANSWERED, host, first_segment)}

    def segments(self, host: str) -> list[Segment]:
        """Give every start of an agent on `host`, oldest first."""
        found = self._read(
            "SELECT host, segment, journal_offset, ended FROM segment WHERE host = ? ORDER BY segment", host
        )
        return [Segment(*row) for row in found]

    def new_segment(self, host: str) -> int:
        """Write down that an agent is about to be started on `host`; gives the segment's number, from 1."""
        with self._transaction("a new segment cannot be stored") as connection:
            query = "SELECT coalesce(max(segment), 0) + 1 FROM segment WHERE host = ?"
            (segment,) = connection.execute(query, (host,)).fetchone()
            connection.execute(
                "INSERT INTO segment (host, segment, created_at) VALUES (?, ?, ?)", (host, segment, utc_now())
            )
        return int(segment)

    def end_segment(self, host: str, segment: int, why: str) -> None:
        """Write down that nothing more will come from a segment, keeping an earlier reason."""
        with self._transaction("a segment's end cannot be stored") as connection:
            connection.execute(
                "UPDATE segment SET ended = coalesce(ended, ?) WHERE host = ? AND segment = ?", (why, host, segment)
            )

    def ingest(self, host: str, segment: int, offset: int, lines: Iterable[bytes]) -> Ingested:
        """Store whole journal lines, the first of which starts at byte `offset`, exactly once.

        Rows and the journal's new offset are one transaction. Lines that are stored already are passed over. Raises
        StoreError when nothing could be stored, and JournalError at the first line that is not the journal's next:
        what came before it is stored, and its trials are the error's `stored`.
        """
        refused: JournalError | None = None
        trials: list[dict[str, Any]] = []
        with self._transaction("rows cannot be stored") as connection:
            query = "SELECT journal_offset, next_seq, ended FROM segment WHERE host = ? AND segment = ?"
            stored = connection.execute(query, (host, segment)).fetchone()
            if stored is None:
                raise StoreError(f"{self._path}: has no segment {segment} of host '{host}'")
            done, next_seq, ended = stored
            if offset > done:
                raise JournalError(f"{host}: segment {segment}: bytes {done:,} to {offset:,} of its journal are lost")
            (run_id,) = connection.execute("SELECT run_id FROM run").fetchone()
            reader = JournalReader(run_id=run_id, host=host, segment=segment, offset=done)
            for line in lines:
                start, offset = offset, offset + len(line)
                if start < done:
                    continue
                try:
                    for record in reader.feed(line):
                        _check_turn(record, next_seq, ended)
                        insert_record(connection, record)
                        next_seq += 1
                        if record["kind"] == "trial":
                            trials.append(record)
                    done, ended = reader.offset, reader.end or ended
                except JournalError as error:
                    refused = error
                    break
                except (UnicodeEncodeError, RecursionError) as error:
                    refused = JournalError(f"{host}, segment {segment}, byte {start}: {error}")
                    break
            update = "UPDATE segment SET journal_offset = ?, next_seq = ?, ended = ? WHERE host = ? AND segment = ?"
            connection.execute(update, (done, next_seq, ended, host, segment))
        if refused is not None:
            refused.stored = tuple(trials)
            raise refused
        return Ingested(trials, ended)


def _check_turn(record: dict[str, Any], next_seq: int, ended: str | None) -> None:
    """Refuse what a reader that starts in the middle of a journal cannot know to be wrong."""
    if record["seq"] != next_seq or ended in ENDS:
        expected = "nothing" if ended in ENDS else f"line {next_seq}"
        raise JournalError(
            f"{record['host']}, segment {record['segment']}: line {record['seq']} where {expected} was expected"
        )


def _in_order(levels: dict[str, Any]) -> dict[str, Any]:
    """Return the levels in the registry's order, and after them what the registry does not know."""
    return {name: levels[name] for name in (*FACTORS, *levels) if name in levels}
