"""The store keeps a run's plan and takes each journal line in exactly once."""

from __future__ import annotations

import dataclasses
import sqlite3
import types
from typing import TYPE_CHECKING, Any

import pytest

from pageswap.agent.journal.job import RETRIED, STATUSES
from pageswap.errors import JournalError, StoreError
from pageswap.store.store import Segment, Store
from tests.store.fakes import HOST, RUN_ID, FakeJournal, attempts, begin_with, make_plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def create(path: Path, hosts: list[str]) -> Store:
    """Create a store of the default plan."""
    return Store.create(path, run_id=RUN_ID, plan=make_plan(), hosts=hosts, provenance={}, options={})


def named(store: Store, rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Return rows as mappings."""
    return [dict(zip(store.columns(), row, strict=True)) for row in rows]


class TestCreate:
    """A new database holds everything the run was made of."""

    def test_meta_gives_back_what_was_given(self, store: Store) -> None:
        """The run's id, experiment, spec text, provenance, options and hosts."""
        meta = store.meta()

        assert meta["run_id"] == RUN_ID
        assert meta["experiment"]["name"] == "fake"
        assert meta["experiment"]["baseline"] == {"method": "memcpy"}
        assert "text" not in meta["experiment"]
        assert meta["spec_text"] == "name: fake\n"
        assert meta["provenance"] == {"commit": None}
        assert meta["options"] == {"tune": False}
        assert meta["hosts"] == [HOST]

    def test_the_traces_that_trials_play_are_given_back_by_their_hashes(self, tmp_path: Path) -> None:
        """Those of the levels, not one that the file named and --set replaced; one that is not there is named."""
        kept, left = ("a.csv:" + "a" * 64, "b.csv:" + "b" * 64)
        found = {level: types.SimpleNamespace(packed=level[:1]) for level in (kept, left)}
        plan = make_plan()
        plan.experiment = dataclasses.replace(plan.experiment, factors={"trace": (kept,)}, traces=found)
        with Store.create(
            tmp_path / "b.sqlite", run_id=RUN_ID, plan=plan, hosts=[HOST], provenance={}, options={}
        ) as it:
            assert it.traces(["", "a" * 64, "a" * 64]) == {"a" * 64: "a"}
            assert it.traces([""]) == {}
            assert "traces" not in it.meta()["experiment"]
            with pytest.raises(StoreError, match="lacks the trace bbbbbbbbbbbb"):
                it.traces(["b" * 64])

    def test_what_a_run_asks_that_does_not_say_so_follows_from_its_factors(self, store: Store) -> None:
        """Its three sizes: that there are as many cases varies nothing more."""
        assert store.meta()["experiment"]["asks"] == "crossover"

    def test_cases_come_back_in_order(self, store: Store) -> None:
        """Each with its id and typed levels."""
        cases = store.cases()

        assert [case["case_id"] for case in cases] == ["c0000", "c0001", "c0002"]
        assert cases[2]["region_size"] == 3 << 20
        assert cases[1]["method"] == "memcpy"

    def test_a_new_run_misses_the_whole_plan(self, store: Store) -> None:
        """In the plan's order, every field as it was planned."""
        assert make_plan().trials == store.missing(HOST)

    def test_seeds_may_use_all_bits_of_a_signed_word(self, tmp_path: Path) -> None:
        """The largest seed comes back as it was."""
        plan = make_plan(cases=1, blocks=1)
        plan.trials = [dataclasses.replace(trial, seed=(1 << 63) - 1) for trial in plan.trials]

        with Store.create(tmp_path / "s", run_id="r", plan=plan, hosts=["h"], provenance={}, options={}) as store:
            assert plan.trials == store.missing("h")

    def test_an_existing_run_is_not_overwritten(self, store: Store) -> None:
        """A run is written once."""
        with pytest.raises(StoreError, match="exists already"):
            create(store.path, [HOST])

    def test_nothing_is_left_when_it_fails(self, tmp_path: Path) -> None:
        """Neither the database nor a half-written one beside it."""
        with pytest.raises(StoreError, match="UNIQUE"):
            create(tmp_path / "run.sqlite", ["same", "same"])

        assert list(tmp_path.iterdir()) == []

    def test_a_missing_folder_is_named(self, tmp_path: Path) -> None:
        """No traceback of the operating system."""
        with pytest.raises(StoreError, match=r"none/run\.sqlite: cannot be created"):
            create(tmp_path / "none" / "run.sqlite", [HOST])


class TestIngest:
    """Journal lines become rows exactly once."""

    def test_rows_have_what_the_journal_said(self, store: Store) -> None:
        """Levels from the plan, outcome from the journal, null kept as None."""
        journal = FakeJournal()
        trials, ended = store.ingest(HOST, 1, 0, [journal.begin(), journal.trial("b00.c0001"), journal.end()])
        (row,) = named(store, store.rows())

        assert [trial["trial_id"] for trial in trials] == ["b00.c0001"]
        assert ended == "done"
        assert (row["method"], row["block"], row["warmup"], row["case_id"]) == ("memcpy", 0, 0, "c0001")
        assert (row["status"], row["elapsed_ns"], row["rounds_ns"]) == ("ok", 2000, "[900,1100]")
        assert row["involuntary_switches"] is None
        assert store.environments() == {HOST: {"hostname": "box", "cpus": 2}}
        assert store.status_counts() == {HOST: {"ok": 1}}

    def test_unmeasured_fields_are_none(self, store: Store) -> None:
        """A trial that never ran has no zeros."""
        nothing = dict.fromkeys(("elapsed_ns", "rounds_ns", "cpu", "vmas_peak", "setup_ns"))
        store.ingest(HOST, 1, 0, begin_with("b00.c0000", status="unavailable", reason="no mremap", **nothing))
        (row,) = named(store, store.rows())

        assert [row[name] for name in nothing] == [None] * 5
        assert row["reason"] == "no mremap"

    @pytest.mark.parametrize("counters", [{}, {"counters": None}])
    def test_counters_that_are_none_are_no_text(self, store: Store, counters: dict[str, None]) -> None:
        """Whether a line leaves them out or says that there are none."""
        store.ingest(HOST, 1, 0, begin_with("b00.c0000", **counters))
        (row,) = store.rows()

        assert row[store.columns().index("counters")] is None

    def test_unknown_fields_are_kept_aside(self, store: Store) -> None:
        """A newer agent's extra facts are not lost."""
        store.ingest(HOST, 1, 0, begin_with("b00.c0000", fork_ns=7))

        with sqlite3.connect(store.path) as connection:
            assert connection.execute("SELECT extra FROM outcome").fetchall() == [('{"fork_ns":7}',)]
        connection.close()

    def test_the_same_lines_five_times_are_stored_once(self, store: Store) -> None:
        """Told apart by their offset."""
        journal = FakeJournal()
        lines = [journal.begin(), journal.trial("b00.c0000"), journal.trial("b00.c0001")]
        counts = [len(store.ingest(HOST, 1, 0, lines)[0]) for _ in range(5)]

        assert counts == [2, 0, 0, 0, 0]
        assert len(attempts(store.path)) == 2

    def test_a_host_that_repeats_itself_is_refused(self, store: Store) -> None:
        """Also when the repetition comes at new offsets, at once or later: nothing is doubled."""
        journal = FakeJournal()
        lines = [journal.begin(), journal.trial("b00.c0000")]
        with pytest.raises(JournalError):
            store.ingest(HOST, 1, 0, [*lines, *lines])
        with pytest.raises(JournalError):
            store.ingest(HOST, 1, sum(map(len, lines)), lines[1:])

        assert len(attempts(store.path)) == 1

    def test_a_line_after_the_end_is_refused(self, store: Store) -> None:
        """Also when it comes later."""
        journal = FakeJournal()
        lines = [journal.begin(), journal.end()]
        store.ingest(HOST, 1, 0, lines)
        with pytest.raises(JournalError, match="line 2 where nothing was expected"):
            store.ingest(HOST, 1, sum(map(len, lines)), [journal.trial("b00.c0001")])

    @pytest.mark.parametrize("value", [b"NaN", b"-1", b'"x"', b"1e3", b"9223372036854775808"])
    def test_an_impossible_measure_is_refused(self, store: Store, value: bytes) -> None:
        """Nothing but whole numbers that fit, or null."""
        journal = FakeJournal()
        lines = [journal.begin(), journal.trial("b00.c0001").replace(b'"elapsed_ns": 2000', b'"elapsed_ns": ' + value)]
        with pytest.raises(JournalError):
            store.ingest(HOST, 1, 0, lines)

        assert list(store.rows()) == []

    def test_text_that_is_not_text_is_written_out(self, store: Store) -> None:
        """Half a surrogate pair is JSON, but no database takes it."""
        store.ingest(HOST, 1, 0, begin_with("b00.c0001", reason="\ud800"))
        (row,) = named(store, store.rows())

        assert row["reason"] == r"\ud800"

    def test_overlapping_pieces_join(self, store: Store) -> None:
        """A reattached stream may start before what is stored."""
        journal = FakeJournal()
        lines = [journal.begin(), *(journal.trial(f"b00.c000{case}") for case in range(3)), journal.end()]
        store.ingest(HOST, 1, 0, lines[:3])
        store.ingest(HOST, 1, len(lines[0]), lines[1:])

        assert len(list(store.rows())) == 3
        assert store.segments(HOST) == [Segment(1, sum(map(len, lines)), "done")]

    def test_a_hole_is_refused(self, store: Store) -> None:
        """Bytes that never came are not passed over."""
        with pytest.raises(JournalError, match="bytes 0 to 10 of its journal are lost"):
            store.ingest(HOST, 1, 10, [FakeJournal().begin()])

    def test_lines_before_a_bad_one_are_kept(self, store: Store) -> None:
        """And the offset stands before the bad one."""
        journal = FakeJournal()
        good = [journal.begin(), journal.trial("b00.c0000")]
        with pytest.raises(JournalError, match="on local, segment 1, byte"):
            store.ingest(HOST, 1, 0, [*good, b"garbage\n", journal.trial("b00.c0001")])

        assert len(list(store.rows())) == 1
        assert store.segments(HOST)[0].journal_offset == sum(map(len, good))

    @pytest.mark.parametrize(
        ("other", "message"),
        [
            ({"run_id": "another"}, "run_id"),
            ({"host": "another"}, "host"),
            ({"segment": 2}, "segment"),
        ],
    )
    def test_another_runs_lines_are_refused(self, store: Store, other: dict[str, Any], message: str) -> None:
        """As are another host's or segment's."""
        with pytest.raises(JournalError, match=message):
            store.ingest(HOST, 1, 0, [FakeJournal(**other).begin()])

        assert list(store.rows()) == []

    def test_a_trial_outside_the_plan_is_refused(self, store: Store) -> None:
        """However well-formed."""
        with pytest.raises(JournalError, match="not in this run's plan"):
            store.ingest(HOST, 1, 0, begin_with("b99.c0000"))

    @pytest.mark.parametrize("attempt", [1, 3])
    def test_an_attempt_out_of_turn_is_refused(self, store: Store, attempt: int) -> None:
        """Neither the same one twice nor one that skips a number."""
        journal = FakeJournal()
        with pytest.raises(JournalError, match=f"attempt {attempt} of trial b00.c0000 after attempt 1"):
            store.ingest(
                HOST, 1, 0, [journal.begin(), journal.trial("b00.c0000"), journal.trial("b00.c0000", attempt=attempt)]
            )

        assert len(attempts(store.path)) == 1

    def test_a_second_attempt_in_one_segment_is_refused(self, store: Store) -> None:
        """An agent makes one of each trial: a host that goes on for ever is stopped at the first."""
        journal = FakeJournal()
        lines = [journal.begin()]
        lines += [journal.trial("b00.c0000", attempt=attempt, status="killed") for attempt in (1, 2)]
        with pytest.raises(JournalError, match="a second attempt of trial b00"):
            store.ingest(HOST, 1, 0, lines)

        assert len(attempts(store.path)) == 1

    @pytest.mark.parametrize("rounds_ns", [[], [1], [1, 2, 3]])
    def test_other_rounds_than_planned_are_refused(self, store: Store, rounds_ns: list[int]) -> None:
        """Neither fewer nor more."""
        with pytest.raises(JournalError, match=rf"has {len(rounds_ns)} rounds, not 2"):
            store.ingest(HOST, 1, 0, begin_with("b00.c0000", rounds_ns=rounds_ns))

        assert list(store.rows()) == []

    def test_endless_lines_are_refused_early(self, store: Store) -> None:
        """However well-formed each is: what is stored of them is bounded, and what is read."""
        journal = FakeJournal()
        read = 0

        def lines() -> Iterator[bytes]:
            nonlocal read
            yield journal.begin()
            while True:
                read += 1
                yield journal.line("tune", name="vm.max_map_count", before=1, set=2)

        with pytest.raises(JournalError, match="more than 5000 changes of settings"):
            store.ingest(HOST, 1, 0, lines())

        assert read == 5_001

    def test_evidence_has_columns_of_its_own(self, store: Store) -> None:
        """As it was said, and None where the host does not tell; what has no column is kept aside."""
        told = {
            "build": "host",
            "core_hash": "ab",
            "load1_before": 0.5,
            "cpu_khz_after": 3_000_000,
            "throttle_count": 0,
        }
        lines = begin_with("b00.c0000", **told, load1_after=None, counters={"steal_ns": 7, "cycles": None})
        store.ingest(HOST, 1, 0, lines)
        (row,) = named(store, store.rows())

        assert {name: row[name] for name in told} == told
        assert (row["load1_after"], row["cpu_khz_before"]) == (None, None)
        assert row["counters"] == '{"steal_ns":7,"cycles":null}'

    def test_an_unknown_segment_is_refused(self, store: Store) -> None:
        """A segment is written down before its agent starts."""
        with pytest.raises(StoreError, match="no segment 7 of host 'local'"):
            store.ingest(HOST, 7, 0, [])


class TestMissing:
    """What a host still owes."""

    @pytest.mark.parametrize("status", STATUSES)
    def test_only_trials_cut_short_are_owed_again(self, store: Store, status: str) -> None:
        """With the next attempt's number; every other status is final."""
        store.ingest(HOST, 1, 0, begin_with("b00.c0001", status=status))
        owed = {trial.trial_id: trial.attempt for trial in store.missing(HOST)}
        assert store.missing_count(HOST) == len(owed)

        assert (2 if status in RETRIED else None) == owed.get("b00.c0001")
        assert set(owed) | {"b00.c0001"} == {trial.trial_id for trial in make_plan().trials}

    def test_a_superseded_attempt_stays(self, store: Store) -> None:
        """The last one is the row, the earlier one is still in the database."""
        store.ingest(HOST, 1, 0, begin_with("b00.c0001", status="killed", reason="signal 9"))
        second = store.new_segment(HOST)
        store.ingest(HOST, second, 0, begin_with("b00.c0001", segment=second, attempt=2))

        assert [row["attempt"] for row in named(store, store.rows())] == [2]
        assert [status for _, _, status in attempts(store.path)] == ["killed", "ok"]
        assert store.answered(HOST, 2) == {"b00.c0001"}
        assert store.answered(HOST, 3) == set()

    def test_hosts_are_counted_apart(self, tmp_path: Path) -> None:
        """One host's outcome is not another's."""
        with create(tmp_path / "run.sqlite", ["b", "a"]) as store:
            store.new_segment("b")
            store.ingest("b", 1, 0, begin_with("b00.c0001", host="b"))

            assert store.meta()["hosts"] == ["b", "a"]
            assert (len(store.missing("a")), len(store.missing("b"))) == (9, 8)
            assert (store.missing_count("a"), store.missing_count("b")) == (9, 8)


class TestSegments:
    """Each start of an agent is written down first."""

    def test_an_end_is_kept_once(self, store: Store) -> None:
        """The journal's own word is not overwritten by a later guess."""
        journal = FakeJournal()
        store.ingest(HOST, 1, 0, [journal.begin(), journal.end("drained")])
        store.end_segment(HOST, 1, "agent gone")

        assert [segment.ended for segment in store.segments(HOST)] == ["drained"]

    def test_numbers_go_up_per_host(self, store: Store) -> None:
        """From one."""
        assert [store.new_segment(HOST), store.new_segment(HOST)] == [2, 3]
