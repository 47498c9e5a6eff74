"""The record of a run: made once, kept, and made anew when the run has changed; whatever lies there instead."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pageswap.errors import StoreError
from pageswap.history import kept_records
from pageswap.history.kept_records import record_of_run
from pageswap.history.run_record import problem_of
from tests.stored_run import RUN_ID, store_run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Store a run."""
    return store_run(tmp_path)


def test_a_record_has_what_many_runs_are_told_by(run: Path) -> None:
    """The figures of each case, the conditions, the winner, and what the index of a site says."""
    record = record_of_run(run)
    speeds = {figure["levels"]["method"]: figure.get("speed") for figure in record["figures"]}
    (host,) = record["hosts"]

    assert problem_of(record) == ""
    assert (RUN_ID.format(1), "demo", {"slower": 2}) == (record["run_id"], record["experiment"], record["verdicts"])
    assert speeds["memcpy"] is None
    assert speeds["copy_words"] is not None
    assert speeds["copy_words"][1] < 800 / 940 < speeds["copy_words"][2]
    assert ("AMD EPYC 9R45", "6.18.5", "ab" * 6) == (host["cpu_model"], host["kernel"], host["core.core_hash"])
    assert "loadavg" not in host
    assert host["mitigations"].startswith("#")
    assert [["memcpy"]] == [win["methods"] for win in record["wins"]]
    assert record == json.loads(json.dumps(record))


def test_a_kept_record_is_read_instead_of_the_run(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which takes a thousandth of the time."""
    made = record_of_run(run)
    monkeypatch.setattr(kept_records, "keep", None)

    assert made == record_of_run(run)


def test_a_changed_run_has_a_new_record(run: Path) -> None:
    """What is kept is of the database as it was."""
    record_of_run(run)
    path = run / "record.json"
    document = json.loads(path.read_text())
    document["record"]["question"] = "Old?"
    path.write_text(json.dumps({**document, "of": "1-1"}))

    assert record_of_run(run)["question"] != "Old?"


@pytest.mark.parametrize("text", ["", "{}", "[", "[1]", '{"format": 9}', '{"format": 1, "of": "", "record": {}}'])
def test_what_is_no_record_is_passed_over(run: Path, text: str) -> None:
    """And replaced."""
    (run / "record.json").write_text(text)

    assert record_of_run(run)["run_id"] == RUN_ID.format(1)
    assert json.loads((run / "record.json").read_text())["format"] == 1


def test_a_figure_that_is_none_is_found(run: Path) -> None:
    """A record may come from another machine's site."""
    record = record_of_run(run)
    for figure in ([], [0], ["1"], [1, 2], [True], [-1, 1, 1], 5):
        record["figures"][0]["ns"] = figure
        assert "is no figure" in problem_of(record)


def test_a_damaged_run_has_no_record(run: Path) -> None:
    """The kept one is of another file."""
    record_of_run(run)
    (run / "run.sqlite").write_text("not a database")

    with pytest.raises(StoreError):
        record_of_run(run)
