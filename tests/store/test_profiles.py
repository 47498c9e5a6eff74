"""What a profile found of each case is kept beside the trials, once, and is none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pageswap.errors import JournalError
from pageswap.store.merged import create_merged
from pageswap.store.store import Store
from tests.store.fakes import HOST, PROFILE, RUN_ID, FakeJournal, make_plan

if TYPE_CHECKING:
    from pathlib import Path


def measured(store: Store, **outcomes: str) -> None:
    """Have all trials end well, but for those whose names say otherwise."""
    journal = FakeJournal()
    trials = [trial.trial_id for trial in store.missing(HOST)]
    lines = [journal.begin(), *(journal.trial(each, status=outcomes.get(each[-5:], "ok")) for each in trials)]
    store.ingest(HOST, 1, 0, [*lines, journal.end()])


def profiled(store: Store, *trial_ids: str, **fields: object) -> None:
    """Take in the journal of an agent that profiled cases, in a segment of its own."""
    segment = store.new_segment(HOST)
    journal = FakeJournal(segment=segment)
    store.ingest(HOST, segment, 0, [journal.begin(), *(journal.profile(each, **fields) for each in trial_ids)])


def test_a_profile_is_given_back_and_is_no_trial(store: Store) -> None:
    """Rows, counts and what is missing stay as they were."""
    measured(store)
    before = (list(store.rows()), store.status_counts(), store.outcome_count(), store.missing(HOST))
    profiled(store, "b00.c0001", "b00.c0000", names_hidden=True)

    assert (list(store.rows()), store.status_counts(), store.outcome_count(), store.missing(HOST)) == before
    told = {"host": HOST, **PROFILE, "names_hidden": True}
    assert store.profiles() == [{**told, "case_id": "c0000"}, {**told, "case_id": "c0001"}]


def test_each_measured_case_is_profiled_once(store: Store) -> None:
    """By its first measured trial; one that could not be measured is not."""
    assert store.unprofiled(HOST) == []
    measured(store, c0002="skipped")
    assert [trial.trial_id for trial in store.unprofiled(HOST)] == ["b00.c0000", "b00.c0001"]
    profiled(store, "b00.c0000", status="failed", reason="perf does not run")

    assert [trial.trial_id for trial in store.unprofiled(HOST)] == ["b00.c0001"]


@pytest.mark.parametrize(
    ("trials", "problem"),
    [
        (["b00.c0000", "b01.c0000"], "segment 2: a second profile of case c0000"),
        (["b00.c9999"], "trial 'b00.c9999', whose case was profiled, is not in this run's plan"),
    ],
)
def test_what_does_not_fit_the_plan_is_refused(store: Store, trials: list[str], problem: str) -> None:
    """With what came before it kept: a journal cannot go on for ever."""
    measured(store)
    with pytest.raises(JournalError, match=problem):
        profiled(store, *trials)

    assert len(store.profiles()) == len(trials) - 1


def test_of_runs_put_together_the_latest_profile_stands(tmp_path: Path) -> None:
    """Each case has one, of the segment that it came from."""
    stores = []
    for number, samples in enumerate((2000, 3000)):
        path = tmp_path / f"{number}.sqlite"
        made: Any = make_plan()
        stores.append(Store.create(path, run_id=RUN_ID, plan=made, hosts=[HOST], provenance={}, options={}))
        stores[-1].new_segment(HOST)
        measured(stores[-1])
        profiled(stores[-1], *["b00.c0000", "b00.c0001"][number:], samples=samples)
    ids = [{each["case_id"]: each["case_id"] for each in store.cases()} for store in stores]
    create_merged(tmp_path / "all.sqlite", stores, run_id="all", provenance={}, cases=ids)
    with Store.open(tmp_path / "all.sqlite") as merged:
        found = {each["case_id"]: each["samples"] for each in merged.profiles()}
        segments = {row["case_id"]: row["segment"] for row in merged.table("profile")}
    for store in stores:
        store.close()

    assert found == {"c0000": 2000, "c0001": 3000}
    assert segments == {"c0000": 2, "c0001": 4}
