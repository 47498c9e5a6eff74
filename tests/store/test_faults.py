"""Every way a database can fail ends in one clear StoreError, with all earlier rows intact."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pageswap.errors import StoreError
from pageswap.store import database
from pageswap.store import schema as store_schema
from pageswap.store.store import Store
from tests.store.fakes import HOST, RUN_ID, FakeJournal, change, make_plan

ROOT = Path(__file__).parents[2]


def fill(store: Store, blocks: int) -> int:
    """Ingest trials with much to say until the store refuses; give how many it took."""
    journal = FakeJournal()
    taken = 0
    store.ingest(HOST, 1, 0, [journal.begin()])
    offset = store.segments(HOST)[0].journal_offset
    for block in range(blocks):
        line = journal.trial(f"b{block:02d}.c0000", reason="x" * 4000)
        store.ingest(HOST, 1, offset, [line])
        offset += len(line)
        taken += 1
    return taken


def make_store(path: Path, blocks: int) -> Store:
    """Create a store of one case."""
    plan = make_plan(cases=1, blocks=blocks)
    store = Store.create(path, run_id=RUN_ID, plan=plan, hosts=[HOST], provenance={}, options={})
    store.new_segment(HOST)
    return store


def check_intact(path: Path, blocks: int) -> None:
    """Assert that the database is whole, holds rows, and takes the rest."""
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    with Store.open(path) as store:
        rows = len(list(store.rows()))
        assert 0 < rows < blocks
        journal = FakeJournal()
        lines = [journal.begin()]
        lines += [journal.trial(f"b{block:02d}.c0000", reason="x" * 4000) for block in range(blocks)]
        store.ingest(HOST, 1, 0, lines)
        assert len(list(store.rows())) == blocks


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_keeps_earlier_rows(tmp_path: Path) -> None:
    """On a real file system of 400 KiB; once there is room, the rest goes in."""
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", small], check=True)
    try:
        with (
            make_store(small / "run.sqlite", 200) as store,
            pytest.raises(StoreError, match=r"full.*free space, then 'inv resume'"),
        ):
            fill(store, 200)
        subprocess.run(["mount", "-o", "remount,size=4m", small], check=True)
        check_intact(small / "run.sqlite", 200)
    finally:
        subprocess.run(["umount", "-l", small], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_run_that_cannot_be_created_is_to_be_started_again(tmp_path: Path) -> None:
    """There is nothing to resume, and the message says so; nothing is left."""
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", small], check=True)
    try:
        with pytest.raises(StoreError, match=r"cannot be created: .*free space, then start the run again"):
            make_store(small / "run.sqlite", 200)

        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def test_a_file_size_limit_keeps_earlier_rows(tmp_path: Path) -> None:
    """As a quota would; in a process of its own, as the limit cannot be raised again by everyone."""
    path = tmp_path / "run.sqlite"
    make_store(path, 200).close()
    limit = path.stat().st_size + 200_000
    script = (
        "import sys; from pathlib import Path\n"
        "from pageswap.store.store import Store; from pageswap.errors import StoreError\n"
        "from tests.store.test_faults import fill\n"
        "try: fill(Store.open(Path(sys.argv[1])), 200)\n"
        "except StoreError as error: print(error)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )

    assert "run.sqlite: rows cannot be stored:" in result.stdout
    assert "free space" in result.stdout
    assert result.stderr == ""
    check_intact(path, 200)


def test_a_killed_transaction_leaves_no_trace(tmp_path: Path) -> None:
    """Killed by SIGKILL in the middle of a transaction: the next reader sees the rows before it."""
    path = tmp_path / "run.sqlite"
    with make_store(path, 5) as store:
        fill(store, 2)
    script = (
        "import os, sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('PRAGMA cache_size = 1')\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "connection.execute('UPDATE outcome SET status = ?, reason = reason || reason', ('corrupt',))\n"
        "connection.execute('DELETE FROM trial WHERE ordinal > 3')\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, path], check=False)

    with Store.open(path) as store:
        assert store.status_counts() == {HOST: {"ok": 2}}
        assert store.trial_count(HOST) == 6


def test_what_is_not_a_database_is_refused(tmp_path: Path) -> None:
    """By name and with a cure."""
    path = tmp_path / "run.sqlite"
    path.write_bytes(b"<html>" * 1000)
    with pytest.raises(StoreError, match=r"run\.sqlite.*not a database.*'inv run' made"):
        Store.open(path)


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    """Even though SQLite can read it."""
    path = tmp_path / "run.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE run (id)")
    connection.close()
    with pytest.raises(StoreError, match="not a run database"):
        Store.open(path)


def test_a_newer_schema_is_refused(store: Store) -> None:
    """Rather than misread; both versions are named."""
    newer = store_schema.SCHEMA_VERSION + 1
    with sqlite3.connect(store.path) as connection:
        connection.execute(f"PRAGMA user_version = {newer}")
    connection.close()
    with pytest.raises(StoreError, match=f"schema {newer}, this one reads {store_schema.SCHEMA_VERSION}"):
        Store.open(store.path)


def test_an_absent_database_is_named(tmp_path: Path) -> None:
    """And not created by looking."""
    with pytest.raises(StoreError, match="there is no run database"):
        Store.open(tmp_path / "run.sqlite")

    assert list(tmp_path.iterdir()) == []


def test_a_locked_database_is_waited_for_and_then_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process that holds it too long."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(StoreError, match=r"locked; another process"):
            list(Store.open(store.path).rows())
    finally:
        other.close()


def test_a_damaged_database_is_named(store: Store) -> None:
    """With what may still save its rows."""
    store.close()
    size = store.path.stat().st_size
    with store.path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    with pytest.raises(StoreError, match=r"malformed.*put a backup in its place"), Store.open(store.path) as damaged:
        list(damaged.rows())


def test_a_damaged_database_whose_error_is_no_text_is_closed(store: Store) -> None:
    """SQLite says the name of the table that it cannot read."""
    store.close()
    whole = store.path.read_bytes()
    store.path.write_bytes(
        whole.replace(b"outcomeoutcome", b"outc\xffmeoutcome").replace(b"CREATE TABLE outcome", b"CREATE TABLX outcome")
    )
    with pytest.raises(StoreError, match=r"cannot be opened: .*put a backup in its place") as caught:
        Store.open(store.path)

    # The error has the frames where it came from, with all that they hold.
    assert isinstance(caught.value.__cause__, UnicodeDecodeError)
    assert os.path.realpath(store.path) not in [os.path.realpath(path) for path in Path("/proc/self/fd").iterdir()]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a read-only file system needs root")
def test_a_read_only_file_system_can_be_read_but_not_written(tmp_path: Path) -> None:
    """A run on read-only media can be reported; resuming it says why not."""
    folder = tmp_path / "medium"
    folder.mkdir()
    with make_store(tmp_path / "run.sqlite", 2) as store:
        fill(store, 1)
    shutil.move(tmp_path / "run.sqlite", folder)
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        with Store.open(folder / "run.sqlite") as store:
            assert len(list(store.rows())) == 1
            with pytest.raises(StoreError, match=r"readonly.*read-only"):
                store.new_segment(HOST)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize(
    "column", ["run.options", "run.experiment", "cases.levels", "host.environment", "host.methods"]
)
def test_a_damaged_document_is_a_damaged_file(tmp_path: Path, column: str) -> None:
    """One bit turned in the text of a document leaves SQLite content."""
    path = tmp_path / "run.sqlite"
    with make_store(path, 1) as store:
        store.ingest(HOST, 1, 0, [FakeJournal().begin()])
    table, name = column.split(".")
    change(path, f"UPDATE {table} SET {name} = '|' || substr({name}, 2)")  # noqa: S608 - our own names

    with (
        Store.open(path) as store,
        pytest.raises(StoreError, match=r"run.sqlite: holds what is no JSON.*put a backup in its place"),
    ):
        (store.meta(), store.cases(), store.environments(), store.methods())


def test_a_folder_that_is_removed_meanwhile_is_named(store: Store) -> None:
    """What was open can still be read; what is written has no place to go, and none is made anew."""
    shutil.rmtree(store.path.parent)
    assert list(store.rows()) == []
    with pytest.raises(
        StoreError, match=r"run\.sqlite: a new segment cannot be stored: .*moved or removed.*inv resume"
    ):
        store.new_segment(HOST)

    assert not store.path.parent.exists()


def test_a_file_that_vanishes_while_it_is_opened_is_not_made_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty one would be taken for a run."""
    store.path.unlink()
    monkeypatch.setattr(Path, "is_file", lambda _path: True)
    with pytest.raises(StoreError, match=r"run\.sqlite: cannot be opened: unable to open database file"):
        Store.open(store.path)

    assert list(store.path.parent.iterdir()) == []
