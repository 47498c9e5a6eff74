"""Damage that leaves SQLite content is found before a figure is read."""

from __future__ import annotations

import contextlib
import random
import re
import shutil
import sqlite3
import subprocess
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pageswap.errors import StoreError
from pageswap.store.checksums import store_checksums
from pageswap.store.schema import CHECKSUM
from pageswap.store.store import Store
from tests.store.fakes import FakeJournal
from tests.stored_run import store_run

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[2] / "docs/commands.md"
FLIPS = 150
# What a store without a row of its own in each table would leave untried.
EVERY_TABLE = (
    *("run", "host", "cases", "trial", "segment", "outcome", "tunable", "ledger", "stopping", "facts", "trace"),
    "profile",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a run's database with rows in every table."""
    database = store_run(tmp_path, hosts=("lab1", "lab2"), blocks=2, ended=False) / "run.sqlite"
    with Store.open(database) as store:
        second = store.new_segment("lab1")
        journal = FakeJournal(run_id=store.meta()["run_id"], host="lab1", segment=second)
        lines = [journal.begin(), journal.line("tune", name="vm.max_map_count", before=1, set=2)]
        lines.append(journal.profile("b00.c0000"))
        store.ingest("lab1", second, 0, lines)
        store.add_ledger("lab1", "connecting", 1.5)
        store.allow_blocks("lab1", 2, enough="narrow enough")
        store.set_problem("lab2", "the host was switched off; switch it on")
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("INSERT INTO trace VALUES ('0123', 'a trace')")
        store_checksums(connection)
        connection.commit()
    return database


def everything(store: Store) -> list[Any]:
    """Return all that can be read of a run."""
    hosts = store.meta()["hosts"]
    of_each = [(store.segments(host), store.missing(host), store.allowed_blocks(host)) for host in hosts]
    reads = (
        store.meta,
        store.cases,
        store.columns,
        lambda: list(store.rows()),
        store.environments,
        store.methods,
        store.status_counts,
    )
    more = (
        store.segment_facts,
        store.ledger,
        store.problems,
        store.stops,
        store.outcome_count,
        store.planned_trials,
        store.profiles,
    )
    return [of_each, *(read() for read in (*reads, *more))]


def read(path: Path) -> list[Any]:
    """Open a store and return all that can be read of it."""
    with Store.open(path) as store:
        return everything(store)


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    """Return a connection of another program, which knows nothing of checksums."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as opened:
        yield opened


def test_no_flipped_bit_changes_what_is_read(path: Path) -> None:
    """Each is found, or is where nothing is stored: then all that is read is the same."""
    whole, expected = path.read_bytes(), read(path)
    chance = random.Random(4)  # noqa: S311 - a seeded sample
    # Most of a small file is free space.
    places = [place for place, byte in enumerate(whole) if byte]
    found = 0
    for place in chance.sample(places, FLIPS):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        try:
            assert read(path) == expected, f"byte {place}"
        except StoreError:
            found += 1

    # Else nothing was flipped that is looked at.
    assert found > FLIPS / 2


def test_every_table_has_a_row_to_flip(connection: sqlite3.Connection) -> None:
    """And a checksum, which is not that of an empty table."""
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'checksum'")
    assert {name for (name,) in tables} == set(EVERY_TABLE)
    for table in EVERY_TABLE:
        assert connection.execute(f"SELECT count(*) > 0 FROM {table}").fetchone() == (1,)  # noqa: S608 - our own names

    assert {name for (name,) in connection.execute("SELECT of_table FROM checksum")} == set(EVERY_TABLE)


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE outcome SET elapsed_ns = elapsed_ns + 1 WHERE trial_id = 'b00.c0000'", "outcome"),
        ("DELETE FROM outcome WHERE trial_id = 'b00.c0000'", "outcome"),
        ("UPDATE trial SET block = 7 WHERE ordinal = 3", "trial"),
        ("UPDATE cases SET levels = replace(levels, '4096', '4097')", "cases"),
        ("UPDATE run SET spec_text = spec_text || ' '", "run"),
        ("UPDATE host SET environment = replace(environment, 'EPYC', 'EPYD')", "host"),
        ("UPDATE segment SET journal_offset = journal_offset - 1 WHERE segment = 2", "segment"),
        ("UPDATE ledger SET seconds = 1.5000000000000002", "ledger"),
        ("UPDATE stopping SET reason = NULL", "stopping"),
        ("UPDATE tunable SET change = '{}'", "tunable"),
        ("ALTER TABLE outcome RENAME COLUMN minor_faults TO minor_faultr", "outcome"),
        ("CREATE TABLE more (x)", "more"),
        ("UPDATE checksum SET total = total - 1 WHERE of_table = 'ledger'", "ledger"),
    ],
)
def test_what_another_program_changed_is_named(
    path: Path, connection: sqlite3.Connection, statement: str, table: str
) -> None:
    """The file, the table and the cure."""
    connection.execute(statement)
    expected = rf"run\.sqlite: is damaged: what the table '{table}' holds .* put a backup in its place; .*DELETE FROM"
    with pytest.raises(StoreError, match=expected):
        Store.open(path)


def test_statistics_that_sqlite_keeps_are_no_damage(path: Path, connection: sqlite3.Connection) -> None:
    """ANALYZE and PRAGMA optimize, which other programs say when they close a file, change nothing that was written."""
    expected = read(path)
    connection.execute("ANALYZE")
    connection.close()
    with Store.open(path) as store:
        assert everything(store) == expected
        store.set_machine("lab1", "one")

    read(path)


def test_an_index_that_leads_elsewhere_is_found(path: Path, connection: sqlite3.Connection) -> None:
    """Each row is as it was written, but another one would be found by its name."""
    (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE type = 'index'").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    whole = bytearray(path.read_bytes())
    start = whole.index(b"b00.c0000", (page - 1) * size)
    assert start < page * size
    whole[start : start + 9] = b"b00.c0009"
    path.write_bytes(whole)

    with pytest.raises(StoreError, match=r"run\.sqlite: is damaged: .*put a backup in its place"):
        Store.open(path)


def test_a_file_without_checksums_is_read_as_it_stands(path: Path, connection: sqlite3.Connection) -> None:
    """As the error says, so that what a damaged file still holds is not lost; it can be gone on with, too."""
    connection.execute("UPDATE outcome SET elapsed_ns = 7 WHERE trial_id = 'b00.c0000' AND host = 'lab1'")
    with pytest.raises(StoreError, match='"DELETE FROM checksum"'):
        Store.open(path)
    connection.execute("DELETE FROM checksum")
    connection.close()
    with Store.open(path) as store:
        rows = [dict(zip(store.columns(), row, strict=True)) for row in store.rows("lab1")]
        store.new_segment("lab2")

    assert [row["elapsed_ns"] for row in rows if row["trial_id"] == "b00.c0000"] == [7]
    assert len(read(path)[0][1][0]) == 2


@pytest.mark.skipif(not shutil.which("sqlite3"), reason="the commands are those of sqlite3")
def test_what_can_be_read_of_a_damaged_file_is_saved_as_documented(tmp_path: Path) -> None:
    """By the commands that the error leads to; the rows before the damaged page are saved."""
    path = store_run(tmp_path, blocks=30) / "run.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'outcome'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    damaged = bytearray(path.read_bytes())
    # The last page of the tree: where an interior page's header says it.
    last = int.from_bytes(damaged[(root - 1) * size + 8 :][:4], "big")
    damaged[(last - 1) * size] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(StoreError, match=r"'A damaged run' in docs/commands\.md"):
        Store.open(path)
    (commands,) = re.findall(r"## A damaged run\n.*?```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    subprocess.run(["sh", "-c", commands], cwd=path.parent, check=True, capture_output=True)
    with Store.open(path) as store:
        assert 0 < len(list(store.rows())) < store.trial_count("local")


def test_a_checksum_is_the_same_in_every_version_of_python() -> None:
    """Of what is stored, types included; not of how a Python prints characters that came with a newer Unicode."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(CHECKSUM)
        connection.execute("CREATE TABLE rows (a, b, c, d)")
        connection.execute("INSERT INTO rows VALUES (1, 1.0, NULL, ?)", ("\U0001fae8\u00e9",))
        store_checksums(connection)
        totals = connection.execute("SELECT * FROM checksum").fetchall()

    expected = zlib.crc32(b"('a', 'b', 'c', 'd')") + zlib.crc32(rb"(1, 1.0, None, '\U0001fae8\xe9')")
    assert totals == [("rows", expected)]
