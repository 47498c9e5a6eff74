"""What a store keeps of each host beside its rows: where its time went, its problem, and how many blocks it owes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from pageswap.errors import StoreError
from pageswap.store.store import Store
from tests.store.fakes import HOST, RUN_ID, begin_with, make_plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Store]:
    """Return a run of two hosts, not in alphabetical order, of one warm-up and two measured blocks of three cases."""
    path = tmp_path / "run.sqlite"
    with Store.create(path, run_id=RUN_ID, plan=make_plan(), hosts=["b", "a"], provenance={}, options={}) as store:
        yield store


def owed(store: Store, host: str) -> set[str]:
    """Name the blocks that a host owes trials of."""
    return {trial.trial_id.partition(".")[0] for trial in store.missing(host)}


class TestLedger:
    """Seconds beside the trials, by host and phase."""

    def test_seconds_add_up(self, two: Store) -> None:
        """Over calls, also of a resumed run; phases come in the order they happen, hosts in the run's."""
        two.add_ledger("a", "running", 4.0)
        two.add_ledger("b", "uploading", 0.5)
        two.add_ledger("a", "connecting", 1.0)
        two.add_ledger("a", "running", 0.25)

        assert list(two.ledger().items()) == [("b", {"uploading": 0.5}), ("a", {"connecting": 1.0, "running": 4.25})]
        assert list(two.ledger()["a"]) == ["connecting", "running"]

    @pytest.mark.parametrize(("phase", "seconds"), [("sleeping", 1.0), ("running", math.nan), ("running", -1.0)])
    def test_nonsense_is_refused(self, two: Store, phase: str, seconds: float) -> None:
        """Neither another phase nor what is no duration."""
        with pytest.raises(ValueError, match="expected a finite time"):
            two.add_ledger("a", phase, seconds)

        assert two.ledger() == {}

    def test_an_unknown_host_is_refused(self, two: Store) -> None:
        """A ledger is of the run's hosts."""
        with pytest.raises(StoreError, match="FOREIGN KEY"):
            two.add_ledger("c", "running", 1.0)


def test_a_problem_is_kept_until_it_is_gone(two: Store) -> None:
    """The last word counts."""
    two.set_problem("a", "no route to host; plug it in")
    two.set_problem("b", "disk full")
    two.set_problem("b", None)

    assert two.problems() == {"a": "no route to host; plug it in"}


def test_a_machine_is_the_hosts_that_measured_it(two: Store) -> None:
    """One that gave no row may be measured by another name."""
    two.set_machine("a", "one")
    two.set_machine("b", "two")
    two.new_segment("b")
    two.ingest("b", 1, 0, begin_with("b00.c0001", host="b"))
    with Store.open(two.path) as again:
        assert again.machines() == {"two": "b"}


class TestStopping:
    """A host may owe fewer blocks than the plan has."""

    def test_all_blocks_are_owed_unless_said(self, two: Store) -> None:
        """As in a run with fixed repeats."""
        assert owed(two, "a") == {"w0", "b00", "b01"}

    def test_only_allowed_blocks_are_owed(self, two: Store) -> None:
        """Warm-ups always; each host for itself; more when more are allowed."""
        two.allow_blocks("a", 1)

        assert owed(two, "a") == {"w0", "b00"}
        assert owed(two, "b") == {"w0", "b00", "b01"}
        assert two.stops() == {}
        two.allow_blocks("a", 2)
        assert owed(two, "a") == {"w0", "b00", "b01"}

    def test_a_stop_keeps_its_reason(self, two: Store) -> None:
        """And owes what is missing of the blocks before it, such as a trial that was killed."""
        two.new_segment("a")
        two.ingest("a", 1, 0, begin_with("b00.c0001", host="a", status="killed"))
        two.allow_blocks("a", 1, enough="every interval is narrower than 2 %")

        assert two.stops() == {"a": {"blocks": 1, "reason": "every interval is narrower than 2 %"}}
        assert [trial.attempt for trial in two.missing("a") if trial.trial_id == "b00.c0001"] == [2]
        assert "b01" not in owed(two, "a")

    def test_no_block_may_be_enough(self, two: Store) -> None:
        """Warm-ups are still owed."""
        two.allow_blocks("b", 0, enough="nothing to measure")

        assert owed(two, "b") == {"w0"}


def test_everything_is_there_after_opening_again(two: Store) -> None:
    """It is in the file, not in the process."""
    two.add_ledger("a", "waiting", 2.0)
    two.set_problem("a", "text")
    two.allow_blocks("a", 1, enough="enough")
    with Store.open(two.path) as again:
        assert again.ledger() == {"a": {"waiting": 2.0}}
        assert again.problems() == {"a": "text"}
        assert again.stops() == {"a": {"blocks": 1, "reason": "enough"}}
        assert owed(again, "a") == {"w0", "b00"}
    assert HOST not in two.ledger()


def test_a_host_s_rows_and_trials_are_its_own_and_as_far_as_allowed(store: Store) -> None:
    """What a stopping rule looks at: one host's rows, how many blocks it may run, and how many trials those are."""
    assert store.allowed_blocks(HOST) is None
    whole = store.trial_count(HOST)
    store.allow_blocks(HOST, 1)

    assert store.allowed_blocks(HOST) == 1
    assert (whole, store.trial_count(HOST)) == (9, 6)
    assert store.planned_trials() == 3
    assert list(store.rows(HOST)) == list(store.rows())
    assert list(store.rows("another")) == []
