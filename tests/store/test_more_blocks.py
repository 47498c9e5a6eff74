"""Blocks are added to a run as its own plan would have made them, and owed by every host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pageswap.store.store import Store
from tests.stored_run import store_run

if TYPE_CHECKING:
    from pathlib import Path

    from pageswap.agent.journal.job import TrialSpec


def planned(folder: Path, host: str = "local") -> list[TrialSpec]:
    """Return what a host still owes."""
    with Store.open(folder / "run.sqlite") as store:
        return store.missing(host)


def test_added_blocks_are_those_of_a_longer_plan(tmp_path: Path) -> None:
    """The same trials in the same order with the same seeds, the baseline's second ones included."""
    short, long = store_run(tmp_path, 1, blocks=3), store_run(tmp_path, 2, blocks=5)
    with Store.open(short / "run.sqlite") as store:
        store.add_blocks(5)
        assert store.meta()["experiment"]["repeats"] == 5
    with Store.open(short / "run.sqlite") as ours, Store.open(long / "run.sqlite") as theirs:
        assert ours.table("trial") == theirs.table("trial")
    assert {trial.block for trial in planned(short)} == {3, 4}
    assert len(planned(short)) == 2 * 4


def test_a_host_that_had_enough_may_go_on(tmp_path: Path) -> None:
    """Until its rule is asked again."""
    folder = store_run(tmp_path, blocks=3)
    with Store.open(folder / "run.sqlite") as store:
        store.allow_blocks("local", 3, enough="narrow enough")
        store.add_blocks(4)
        assert store.stops() == {}
        assert store.allowed_blocks("local") == 4
        assert len(store.missing("local")) == 4
