"""Rows become one table with the export's columns, units and derived rates."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from pageswap.analysis.trials.table import EXPORT_COLUMNS, IDENTITY_COLUMNS, frame
from tests.fake_run import make_run


def test_the_columns_are_the_designs_then_the_trials_identity() -> None:
    """What people script against keeps its order; what identifies a trial follows."""
    table = frame(make_run(blocks=1))

    assert [*EXPORT_COLUMNS, *IDENTITY_COLUMNS] == list(table.columns)


def test_rates_follow_from_elapsed_time_and_iterations() -> None:
    """A swap moves two pages, so bytes per second are two page sizes times swaps per second."""
    run = make_run(blocks=1)
    row = frame(run).iloc[3]
    ns = row["elapsed_ns"] / row["iterations"]

    assert pytest.approx(ns) == row["ns_per_op"]
    assert pytest.approx(1e9 / ns) == row["ops_per_s"]
    assert pytest.approx(2 * 4096 * 1e9 / ns) == row["bytes_per_s"]


def test_bytes_are_those_of_the_pages_that_the_core_counted() -> None:
    """A batch moves a page once, however often its swaps name it; 0 pages are no rate."""
    run = make_run(blocks=1)
    for outcome in run.outcomes:
        outcome["page_moves"] = 0 if outcome["method"] == "memcpy" else 3
    table = frame(run)
    moving = table[table["method"] != "memcpy"]

    expected = 3 * moving["page_size"].astype(float) * 1e9 / moving["elapsed_ns"].astype(float)
    assert moving["bytes_per_s"].tolist() == pytest.approx(expected.tolist())
    assert table[table["method"] == "memcpy"]["bytes_per_s"].isna().all()


def test_a_corrupt_trial_keeps_its_time_and_has_no_rate() -> None:
    """Its time is a fact about the trial, not a result of the method."""
    run = make_run(blocks=1)
    run.end("corrupt", "page 7 holds page 8", method="memcpy")
    corrupt = frame(run).query("status == 'corrupt'")

    assert corrupt["elapsed_ns"].notna().all()
    assert corrupt[["ns_per_op", "ops_per_s", "bytes_per_s"]].isna().all(axis=None)


def test_what_was_not_measured_is_absent_and_not_zero() -> None:
    """None stays missing through the types, and integers beside it stay integers."""
    run = make_run(blocks=1)
    run.end("timeout", "after 60s", method="memcpy")
    table = frame(run)

    assert table.query("status == 'timeout'")["minor_faults"].isna().all()
    assert pd.Int64Dtype() == table["minor_faults"].dtype


def test_a_run_without_any_outcome_is_an_empty_table() -> None:
    """A report can be made of a run that was interrupted at once."""
    run = make_run(blocks=1)
    run.outcomes.clear()

    assert [*EXPORT_COLUMNS, *IDENTITY_COLUMNS] == list(frame(run).columns)


@pytest.mark.parametrize("rounds", [[1, 2], "[1, 2]"])
def test_rounds_are_text_however_they_are_stored(rounds: Any) -> None:
    """A list and its JSON text are the same rounds."""
    run = make_run(blocks=1)
    for outcome in run.outcomes:
        outcome["rounds_ns"] = rounds

    assert [1, 2] == json.loads(frame(run)["rounds_ns"].iloc[0])
