"""An export read back holds what was stored, in every format."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from pageswap.analysis.export import trials_file as export_module
from pageswap.analysis.export.trials_file import WRITERS, export
from pageswap.analysis.trials.table import EXPORT_COLUMNS, IDENTITY_COLUMNS
from pageswap.errors import StoreError, UsageError
from tests.fake_run import FakeRun, make_run

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = 'a "quoted", comma; line\nbreak \u202e </script> é'


@pytest.fixture
def run() -> FakeRun:
    """Give a run with an unmeasured, a corrupt and a hostile row."""
    run = make_run(blocks=2)
    run.end("timeout", "after 60s", method="mremap_fixed")
    run.end("corrupt", HOSTILE, method="memcpy", block=1)
    return run


def read(path: Path) -> pd.DataFrame:
    """Read an export of any format as a reader of each would."""
    if path.suffix == ".csv":
        return pd.read_csv(path)
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.DataFrame(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("to", WRITERS)
def test_every_format_holds_the_same_rows(run: FakeRun, tmp_path: Path, to: str) -> None:
    """Columns in order, one row per trial, numbers exact, what was not measured absent."""
    back = read(export(run, to, tmp_path / f"out.{to}"))

    assert [*EXPORT_COLUMNS, *IDENTITY_COLUMNS] == list(back.columns)
    assert len(run.outcomes) == len(back)
    for name in ("elapsed_ns", "minor_faults", "seed", "page_size", "block"):
        stored = [outcome[name] for outcome in run.outcomes]
        assert stored == [None if pd.isna(value) else int(value) for value in back[name]], name
    assert [o["reason"] for o in run.outcomes] == ["" if pd.isna(text) else text for text in back["reason"]]
    assert back["started_at"].str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").all()
    assert [bool(outcome["warmup"]) for outcome in run.outcomes] == back["warmup"].tolist()


@pytest.mark.parametrize("to", WRITERS)
def test_only_what_ended_ok_has_a_rate(run: FakeRun, tmp_path: Path, to: str) -> None:
    """A corrupt trial's time is there, its rate is not."""
    back = read(export(run, to, tmp_path / f"out.{to}"))

    assert set(back[back["ns_per_op"].notna()]["status"]) == {"ok"}
    assert back[back["status"] == "corrupt"]["elapsed_ns"].notna().all()


@pytest.mark.parametrize(("to", "kind"), [("csv", str), ("json", list)])
def test_rounds_are_text_in_csv_and_a_list_elsewhere(run: FakeRun, tmp_path: Path, to: str, kind: type) -> None:
    """A spreadsheet has no lists."""
    rounds = read(export(run, to, tmp_path / f"out.{to}"))["rounds_ns"].iloc[0]

    assert isinstance(rounds, kind)


def test_rounds_are_a_list_of_integers_in_parquet(run: FakeRun, tmp_path: Path) -> None:
    """Ten rounds, ten integers, or null."""
    rounds = pd.read_parquet(export(run, "parquet", tmp_path / "out.parquet"))["rounds_ns"]

    assert {10, None} == {None if value is None else len(value) for value in rounds}


def test_a_folder_gets_a_file_of_the_usual_name(run: FakeRun, tmp_path: Path) -> None:
    """The run's folder is the default destination."""
    assert tmp_path / "trials.csv" == export(run, "csv", tmp_path)


def test_a_failed_export_leaves_the_old_file(run: FakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No half-written file, and no temporary one."""
    path = tmp_path / "trials.csv"
    path.write_text("old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(export_module.WRITERS, "csv", fail)
    with pytest.raises(StoreError, match="No space left"):
        export(run, "csv", path)

    assert [path] == list(tmp_path.iterdir())
    assert path.read_text() == "old"


def test_another_format_is_refused_with_those_there_are(run: FakeRun) -> None:
    """The error teaches the option."""
    with pytest.raises(UsageError, match="csv, parquet, json"):
        export(run, "xlsx")


@pytest.mark.parametrize("to", WRITERS)
def test_a_run_without_outcomes_exports_its_columns(tmp_path: Path, to: str) -> None:
    """An empty export can be read back."""
    run = make_run(blocks=1)
    run.outcomes.clear()

    assert len(read(export(run, to, tmp_path / f"out.{to}"))) == 0


def test_a_parquet_file_may_lie_below_a_name_with_quotes(tmp_path: Path) -> None:
    """The library that writes it takes the name inside a statement."""
    folder = tmp_path / 'it\'s "here"; drop'

    path = export(make_run(), "parquet", folder / "t.parquet")

    assert [path.name] == [entry.name for entry in folder.iterdir()]
    assert pd.read_parquet(path).shape[0] > 0
