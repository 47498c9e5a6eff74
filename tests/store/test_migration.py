"""A database of an older pageswap is brought to the present schema when it is opened, with nothing lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pageswap.errors import StoreError
from pageswap.store.database import folder_held
from pageswap.store.schema import OUTCOME_COLUMNS, SCHEMA_VERSION
from pageswap.store.store import Store
from tests.store.fakes import RUN_ID, FakeJournal, attempts, change, make_plan

# Made by the first pageswap: hosts lab1 (killed once, resumed) and lab2 (never reached), a plan of two cases.
EVIDENCE = tuple(OUTCOME_COLUMNS)[list(OUTCOME_COLUMNS).index("build") :]
GOLD = Path(__file__).parents[1] / "gold" / "run-v1.sqlite"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return a copy of a version-1 file."""
    return Path(shutil.copy(GOLD, tmp_path / "run.sqlite"))


def version(path: Path) -> int:
    """Read the schema version without pageswap."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


def shape(path: Path) -> dict[str, set[tuple[Any, ...]]]:
    """Return each table's columns as (name, type, not null, default, place in the key)."""
    connection = sqlite3.connect(path)
    try:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {
            table: {(row[1], row[2], row[3], row[5]) for row in connection.execute(f"PRAGMA table_info({table})")}
            for table in tables
        }
    finally:
        connection.close()


def test_the_gold_file_is_of_version_1() -> None:
    """Else this file tests nothing."""
    assert version(GOLD) == 1


def test_rows_survive(old: Path) -> None:
    """Each with its outcome; what version 1 did not know is None, and no trial is a replica."""
    with Store.open(old) as store:
        rows = [dict(zip(store.columns(), row, strict=True)) for row in store.rows()]
        assert [(row["trial_id"], row["attempt"], row["status"]) for row in rows] == [
            ("w0.c0000", 1, "ok"),
            ("w0.c0001", 1, "ok"),
            ("b00.c0000", 1, "ok"),
            ("b00.c0001", 2, "ok"),
        ]
        assert rows[2]["counters"] == '{"swap_ins":0,"steal_ns":0,"foreign_cpu_ns":10000000,"tlb_shootdowns":null}'
        assert {row["replica"] for row in rows} == {0}
        assert all(row[name] is None for row in rows for name in EVIDENCE)
        assert len(attempts(old)) == 5
        assert store.meta()["hosts"] == ["lab1", "lab2"]
        assert (store.ledger(), store.problems(), store.stops(), store.machines()) == ({}, {}, {}, {})

    assert version(old) == SCHEMA_VERSION


def test_a_migrated_file_is_laid_out_as_a_new_one(old: Path, tmp_path: Path) -> None:
    """The same tables with the same columns, whatever way they came."""
    new = tmp_path / "new.sqlite"
    Store.create(new, run_id=RUN_ID, plan=make_plan(), hosts=["h"], provenance={}, options={}).close()
    Store.open(old).close()

    assert shape(old) == shape(new)


def test_a_migrated_run_goes_on(old: Path) -> None:
    """Its open segment takes the journal's next line, and what is missing is owed."""
    with Store.open(old) as store:
        assert [trial.trial_id for trial in store.missing("lab1")] == ["b01.c0000", "b01.c0001"]
        offset = store.segments("lab1")[1].journal_offset
        journal = FakeJournal(host="lab1", segment=2)
        journal.begin()
        journal.trial("b00.c0001", attempt=2)
        store.ingest("lab1", 2, offset, [journal.trial("b01.c0000", build="host", load1_before=0.25)])
        store.add_ledger("lab2", "connecting", 1.5)
        store.set_machine("lab1", "one")
        row = dict(zip(store.columns(), list(store.rows())[-1], strict=True))

        assert (row["build"], row["load1_before"], row["load1_after"]) == ("host", 0.25, None)
        assert store.ledger() == {"lab2": {"connecting": 1.5}}
        assert store.machines() == {"one": "lab1"}


def test_opening_twice_migrates_once(old: Path) -> None:
    """And leaves the file alone afterwards."""
    Store.open(old).close()
    first = old.read_bytes()
    Store.open(old).close()

    assert old.read_bytes() == first


def test_a_migration_that_fails_leaves_the_old_file(old: Path) -> None:
    """All of it is one transaction; the cause is named."""
    connection = sqlite3.connect(old)
    connection.execute("CREATE TABLE stopping (x)")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="stopping already exists"):
        Store.open(old)

    assert version(old) == 1
    assert "ledger" not in shape(old)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a read-only file system needs root")
def test_an_old_run_on_a_read_only_medium_can_be_read(tmp_path: Path) -> None:
    """But not written, and that is said; the file stays as it is."""
    folder = tmp_path / "medium"
    folder.mkdir()
    shutil.copy(GOLD, folder / "run.sqlite")
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        with Store.open(folder / "run.sqlite") as store:
            assert store.status_counts() == {"lab1": {"ok": 4}}
            with pytest.raises(StoreError, match="readonly"):
                store.new_segment("lab1")
    finally:
        subprocess.run(["umount", "-l", folder], check=True)

    assert (folder / "run.sqlite").read_bytes() == GOLD.read_bytes()


# An older pageswap at work: it holds the run's folder, and writes what it is told in the tables that it knows.
WRITER = """
import fcntl, os, sqlite3, sys
fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)
connection = sqlite3.connect(sys.argv[1] + "/run.sqlite")
for statement in sys.stdin:
    with connection:
        connection.execute(statement)
    print("done", flush=True)
"""


def test_a_run_that_an_older_pageswap_writes_is_read_and_migrated_when_it_has_ended(old: Path) -> None:
    """What it has stored is seen meanwhile, and none of it is taken for damage then or afterwards."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, old.parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as writer:
        assert writer.stdin
        assert writer.stdout
        for number in (1, 2):
            writer.stdin.write(f"UPDATE outcome SET reason = '{number}'\n")  # noqa: S608 - the test's own
            assert writer.stdout.readline() == "done\n"
            with Store.open(old) as store:
                reasons = {row[store.columns().index("reason")] for row in store.rows()}
                with pytest.raises(StoreError, match="readonly"):
                    store.new_segment("lab1")

            assert (reasons, version(old)) == ({str(number)}, 1)
    with Store.open(old) as store:
        assert {row[store.columns().index("reason")] for row in store.rows()} == {"2"}

    assert version(old) == SCHEMA_VERSION


def test_who_holds_a_run_migrates_it(old: Path) -> None:
    """As a resume does, whose own lock keeps no one else from it."""
    with folder_held(old.parent), Store.open(old, is_held=True) as store:
        store.new_segment("lab2")

    assert version(old) == SCHEMA_VERSION


def test_a_column_that_came_later_is_added(tmp_path: Path) -> None:
    """By opening the file, without another version; the rows it has are read, with nothing in that column."""
    path = tmp_path / "run.sqlite"
    plan = make_plan()
    with Store.create(path, run_id=RUN_ID, plan=plan, hosts=["lab1"], provenance={}, options={}) as store:
        store.new_segment("lab1")
        journal = FakeJournal(host="lab1")
        store.ingest("lab1", 1, 0, [journal.begin(), journal.trial("b00.c0000", throttle_count=3)])
    change(path, "ALTER TABLE outcome DROP COLUMN throttle_count")
    with Store.open(path) as store:
        (row,) = (dict(zip(store.columns(), row, strict=True)) for row in store.rows())

    assert row["throttle_count"] is None
    assert row["elapsed_ns"] == 2000
    assert "throttle_count" in {name for name, *_ in shape(path)["outcome"]}


def test_levels_and_statuses_of_a_newer_pageswap_are_kept(tmp_path: Path) -> None:
    """A factor or a status more changes no table, so what this version does not know is read as it stands."""
    path = tmp_path / "run.sqlite"
    with Store.create(path, run_id=RUN_ID, plan=make_plan(), hosts=["lab1"], provenance={}, options={}) as store:
        store.new_segment("lab1")
        journal = FakeJournal(host="lab1")
        store.ingest("lab1", 1, 0, [journal.begin(), journal.trial("b00.c0000")])
    change(
        path,
        "UPDATE cases SET levels = json_remove(json_set(levels, '$.weather', 'rain'), '$.touch')",
        "UPDATE outcome SET status = 'bored'",
    )
    with Store.open(path) as store:
        (row,) = (dict(zip(store.columns(), row, strict=True)) for row in store.rows())

    assert (row["weather"], row["touch"], row["status"]) == ("rain", "none", "bored")
