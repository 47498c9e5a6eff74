"""SQL over all runs answers from their trials and facts, and neither changes nor reaches anything else."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pageswap.catalogue import all_trials
from pageswap.catalogue.query import OF_RUN, Table, query
from pageswap.catalogue.run_columns import COLUMNS
from pageswap.errors import StoreError, UsageError
from pageswap.store.facts import FACTS
from pageswap.store.store import Store
from tests.requirement import require
from tests.stored_run import RUN_ID, store_run

if TYPE_CHECKING:
    from collections.abc import Iterator

TRIALS = 3 + 2 * 4  # three cases to warm up, then two blocks in which the baseline is measured twice
PAGE = Path(__file__).parents[2] / "docs" / "many-runs.md"
DOCUMENTED = re.findall(r'inv query "(SELECT [^"]{9,})"', PAGE.read_text(encoding="utf-8"))
COUNT = "SELECT run_id, count(*) FROM trials GROUP BY ALL ORDER BY ALL"


def make(folder: Path) -> Path:
    """Store two runs, on machines of their own, and return the folder."""
    tags = {"purpose": 'it\'s "né" \\u0041'}
    store_run(folder, 1, blocks=2, provenance={"tags": tags}, environment={"kernel": "6.1"})
    store_run(folder, 2, blocks=2, hosts=("lab1", "lab2"), environment={"kernel": "6.12", "cpu_model": "Xeon"})
    return folder


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Return results of two runs."""
    return make(tmp_path / "results")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return results that were asked before, and that nothing changes."""
    folder = make(tmp_path_factory.mktemp("asked") / "results")
    query(folder, COUNT)
    return folder


@pytest.fixture
def together(results: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file in which the trials of all runs are, however few they are."""
    monkeypatch.setattr(all_trials, "_MOST_APART", 0)
    query(results, COUNT)
    return results / ".catalogue" / "trials.parquet"


@contextlib.contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """Have a folder that can be read only; to root, who may write everywhere else, as a mount."""
    is_root = os.geteuid() == 0
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    if is_root:
        mounts = [["--bind", str(folder), str(folder)], ["-o", "remount,bind,ro", str(folder)]]
        done = [subprocess.run(["mount", *each], check=False).returncode for each in mounts]
        require("mount", not any(done), "cannot mount here")
    for each in [] if is_root else folders:
        each.chmod(0o500)
    try:
        yield
    finally:
        if is_root:
            subprocess.run(["umount", str(folder)], check=True)
        for each in [] if is_root else folders:
            each.chmod(0o700)


def files_in(folder: Path) -> dict[Path, bytes]:
    """Return what each file below a folder holds."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_medians_by_processor_and_kernel(asked: Path) -> None:
    """The question that asks for it."""
    found = query(
        asked,
        "SELECT cpu_model, kernel, median(ns_per_op) AS ns, count(*) FROM trials"
        " WHERE method = 'memcpy' AND NOT warmup GROUP BY ALL ORDER BY kernel",
    )

    assert found.columns == ("cpu_model", "kernel", "ns", "count_star()")
    assert [(cpu, kernel, count) for cpu, kernel, _, count in found.rows] == [
        ("AMD EPYC 9R45", "6.1", 4),
        ("Xeon", "6.12", 8),
    ]
    assert all(700 < row[2] < 900 for row in found.rows)


def test_every_trial_is_there_once_however_often_it_is_asked(results: Path) -> None:
    """Also after a run was added, changed and removed."""
    one, two, three = (RUN_ID.format(number) for number in (1, 2, 3))
    expected = [(one, TRIALS), (two, 2 * TRIALS)]
    assert query(results, COUNT).rows == query(results, COUNT).rows == expected
    store_run(results, 3, blocks=1, name="other")
    assert query(results, COUNT).rows == [*expected, (three, 3 + 4)]
    with Store.open(results / "demo" / one / "run.sqlite") as store:
        store.add_blocks(4)
        store.set_problem("local", "gone")
    assert query(results, COUNT).rows == [*expected, (three, 3 + 4)]
    for path in (results / "demo" / two).iterdir():
        path.unlink()
    assert query(results, COUNT).rows == [expected[0], (three, 3 + 4)]


def test_runs_are_put_together_when_they_are_many(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And read one by one when they are few; either way the same."""
    monkeypatch.setattr(all_trials, "_MOST_APART", 1)
    monkeypatch.setattr(all_trials, "_AT_ONCE", 2)
    together = results / ".catalogue" / "trials.parquet"
    before = query(results, COUNT).rows
    first = together.stat().st_ino
    store_run(results, 3, blocks=1)
    query(results, COUNT)
    assert first == together.stat().st_ino
    for number in (4, 5):
        store_run(results, number, blocks=1)
    after = query(results, COUNT).rows

    assert first != together.stat().st_ino
    assert after == [*before, *((RUN_ID.format(number), 7) for number in (3, 4, 5))]


def test_runs_has_a_row_for_each_host_with_its_facts(asked: Path) -> None:
    """By the names that an export has, and tags as JSON."""
    found = query(asked, "SELECT * FROM runs ORDER BY run_id, host")
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]

    assert {*FACTS, "host", "created_at", "state", "trials", "ok"} <= set(found.columns)
    assert [(row["host"], row["kernel"], row["ok"]) for row in rows] == [
        ("local", "6.1", TRIALS),
        ("lab1", "6.12", 2 * TRIALS),
        ("lab2", "6.12", 2 * TRIALS),
    ]
    tag = query(asked, "SELECT tags->>'purpose', tags FROM runs ORDER BY run_id, host").rows
    assert tag[0][0] == 'it\'s "né" \\u0041'
    assert tag[1] == (None, None)


def test_cases_has_the_medians(asked: Path) -> None:
    """Of measured trials, the baseline's second ones left out."""
    found = query(asked, "SELECT method, trials, ns_per_op FROM cases WHERE host = 'local' ORDER BY ns_per_op")

    assert [(method, trials) for method, trials, _ in found.rows] == [
        ("memcpy", 2),
        ("copy_words", 2),
        ("mremap_fixed", 2),
    ]


@pytest.mark.parametrize("statement", DOCUMENTED)
def test_documented_queries_are_answered(asked: Path, statement: str) -> None:
    """Each has the columns that it names."""
    assert query(asked, statement).columns


def test_five_queries_and_all_facts_are_documented() -> None:
    """On the page about many runs, with every column of `runs`."""
    page = PAGE.read_text(encoding="utf-8")

    assert len(DOCUMENTED) == 5
    for name in (*FACTS, *OF_RUN):
        assert f"`{name}`" in page, name


@pytest.mark.parametrize(
    "statement",
    [
        "",
        ";",
        "SELECT 1; SELECT 2",
        "DROP VIEW trials",
        "CREATE TABLE t AS SELECT 1",
        "INSERT INTO runs SELECT * FROM runs",
        "DELETE FROM runs",
        "COPY trials TO '{out}'",
        "COPY (SELECT 1) TO '{known}'",
        "EXPLAIN ANALYZE COPY trials TO '{known}'",
        "EXPLAIN ANALYZE COPY trials TO '{out}'",
        "EXPORT DATABASE '{out}'",
        "ATTACH '{out}' AS more",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "PRAGMA enable_profiling",
        "CALL enable_logging(storage = 'file', storage_path = '{out}')",
        "SELECT * FROM enable_logging(storage = 'file', storage_path = '{out}')",
        "SELECT * FROM query('COPY trials TO ''{out}''')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('/proc/self/environ')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM read_parquet('{folder}/demo/*/columns.parquet')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_text('https://example.org/')",
        "SELECT * FROM 's3://bucket/x.parquet'",
        "SELECT * FROM sqlite_scan('{folder}/demo/x/run.sqlite', 'run')",
        "SELECT * FROM which_secret('s3://a', 's3')",
        "SELECT * FROM results",
        "SELEC 1",
        "SELECT nothing FROM trials",
        "SELECT 1 / 'a'",
        "\0",
    ],
)
def test_what_is_no_reading_of_the_runs_is_refused(asked: Path, statement: str) -> None:
    """With one clear error; no file is written, made or changed, here or where it is called from."""
    before = files_in(asked.parent)
    known = asked / "demo" / RUN_ID.format(1) / COLUMNS
    text = statement.format(out=asked.parent / "out", known=known, folder=asked)
    here = sorted(Path().iterdir())
    with pytest.raises(UsageError, match="query"):
        query(asked, text)

    assert before == files_in(asked.parent)
    assert here == sorted(Path().iterdir())


def test_a_python_variable_is_no_table(asked: Path) -> None:
    """Of whoever calls it."""
    runs_of_mine = Table(("a",), [])
    with pytest.raises(UsageError, match="runs_of_mine"):
        query(asked, "SELECT * FROM runs_of_mine")

    assert runs_of_mine.rows == []


def test_a_damaged_run_has_no_rows(results: Path) -> None:
    """And hinders no other."""
    (results / "demo" / RUN_ID.format(2) / "run.sqlite").write_bytes(b"SQLite format 3\0")

    assert query(results, COUNT).rows == [(RUN_ID.format(1), TRIALS)]


def test_no_run_is_one_clear_error(tmp_path: Path) -> None:
    """With what makes one."""
    with pytest.raises(StoreError, match="inv run smoke"):
        query(tmp_path, COUNT)


@pytest.mark.parametrize("part", ["start", "end", "middle"])
def test_a_damaged_file_of_the_index_is_told_and_made_anew(results: Path, together: Path, part: str) -> None:
    """Where its end is whole it is found when it is read; the second try answers."""
    expected = query(results, COUNT).rows
    whole = bytearray(together.read_bytes())
    if part == "end":
        whole = whole[:-9]
    else:
        whole[4 : len(whole) // 2] = bytes(len(whole) // 2 - 4)
    together.write_bytes(whole)
    if part != "end":
        with pytest.raises(StoreError, match=re.escape(str(together))):
            query(results, COUNT)
        together.unlink()
    assert query(results, COUNT).rows == expected


def test_a_run_s_damaged_columns_are_thrown_away(results: Path, together: Path) -> None:
    """They are made of its store."""
    expected = query(results, COUNT).rows
    path = results / "demo" / RUN_ID.format(1) / COLUMNS
    whole = bytearray(path.read_bytes())
    whole[4 : len(whole) // 2] = bytes(len(whole) // 2 - 4)
    path.write_bytes(whole)
    together.unlink()
    with pytest.raises(StoreError, match="damaged"):
        query(results, COUNT)

    assert query(results, COUNT).rows == expected


def test_a_folder_may_be_called_as_it_likes(tmp_path: Path) -> None:
    """Patterns, quotes and blanks in a name are letters."""
    folder = tmp_path / 'it\'s [a] * ? "b" {c}'
    store_run(folder, 1, blocks=1)

    assert query(folder, COUNT).rows == query(folder, COUNT).rows == [(RUN_ID.format(1), 7)]


def test_results_that_cannot_be_written_are_asked_all_the_same(results: Path) -> None:
    """Without an index."""
    with unwritable(results):
        assert len(query(results, COUNT).rows) == 2
    assert not (results / ".catalogue").exists()


def test_where_the_index_cannot_be_made_it_is_done_without(results: Path) -> None:
    """As on a medium that cannot be written."""
    (results / ".catalogue").write_text("a file of somebody's")

    assert query(results, COUNT).rows == [(RUN_ID.format(1), TRIALS), (RUN_ID.format(2), 2 * TRIALS)]
    assert (results / ".catalogue").read_text() == "a file of somebody's"


def test_two_who_ask_at_once_get_the_same(results: Path, together: Path) -> None:
    """Whoever writes the files first."""
    found = []

    def go() -> None:
        for _ in range(5):
            together.unlink(missing_ok=True)
            found.append(query(results, COUNT).rows)

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [[(RUN_ID.format(1), TRIALS), (RUN_ID.format(2), 2 * TRIALS)]] * 10
