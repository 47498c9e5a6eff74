"""What is known of a run on each host is a table of its store, for whoever reads it with whatever program."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest

from pageswap.store.facts import FACTS
from pageswap.store.store import Store
from tests.store.fakes import HOST, RUN_ID, FakeJournal, change, make_plan
from tests.test_gold_stores import STORES

if TYPE_CHECKING:
    from pathlib import Path

BLANK = dict.fromkeys(FACTS)


def test_a_host_that_was_never_reached_has_the_run_s_own(tmp_path: Path) -> None:
    """Commit, tags and note; the rest is not known."""
    provenance = {"commit": "abc", "dirty": True, "tags": {"k": "v"}, "note": "n", "version": 7}
    with Store.create(
        tmp_path / "s", run_id=RUN_ID, plan=make_plan(), hosts=["h"], provenance=provenance, options={}
    ) as store:
        (facts,) = store.run_facts()

    assert facts == {**BLANK, "host": "h", "commit": "abc", "dirty": True, "tags": {"k": "v"}, "note": "n"}


def test_each_start_of_an_agent_has_what_it_found(store: Store) -> None:
    """A kernel that was updated in between is told of the later trials only."""
    found = {"kernel": "6.1", "cpu_model": "EPYC", "numa_nodes": {"0": "0-1"}, "core": {"core_hash": "ab"}}
    store.ingest(HOST, 1, 0, [FakeJournal().begin(**found)])
    store.new_segment(HOST)
    store.ingest(HOST, 2, 0, [FakeJournal(segment=2).begin(**{**found, "kernel": "6.2"})])
    facts = store.segment_facts()

    assert [facts[HOST, segment]["kernel"] for segment in (1, 2)] == ["6.1", "6.2"]
    assert {**BLANK, "kernel": "6.2", "cpu_model": "EPYC", "numa_nodes": 1, "core_hash": "ab"} == facts[HOST, 2]
    assert [{"host": HOST, **facts[HOST, 2]}] == store.run_facts()


def test_it_can_be_read_without_pageswap(store: Store) -> None:
    """By a table of that name."""
    store.ingest(HOST, 1, 0, [FakeJournal().begin(kernel="6.1")])
    with contextlib.closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute('SELECT host, segment, kernel, "commit" FROM facts').fetchall() == [
            (HOST, 1, "6.1", None)
        ]


@pytest.mark.parametrize("path", STORES, ids=lambda path: path.stem)
def test_an_older_run_gets_it(path: Path, tmp_path: Path) -> None:
    """From what each host's latest agent found."""
    copy = shutil.copy(path, tmp_path / "run.sqlite")
    with Store.open(copy) as store:
        environments = store.environments()
        for facts in store.run_facts():
            assert facts["kernel"] == environments.get(facts["host"], {}).get("kernel")
        assert {row["host"] for row in store.table("facts")} == environments.keys()


def test_a_file_that_lacks_a_fact_gets_it_filled(store: Store) -> None:
    """A line in the table is all that one more takes."""
    store.ingest(HOST, 1, 0, [FakeJournal().begin(kernel="6.1")])
    path = store.path
    store.close()
    change(path, "ALTER TABLE facts DROP COLUMN kernel")
    with Store.open(path) as opened:
        assert opened.run_facts()[0]["kernel"] == "6.1"
