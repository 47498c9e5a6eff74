"""`inv history` as it is read: a line a case, JSON, or a page; and what it says of runs that cannot be read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pageswap.campaign.run_folders import stored_runs
from pageswap.console.history_view import history_of
from pageswap.errors import StoreError, UsageError
from tests.stored_run import RUN_ID, store_run

if TYPE_CHECKING:
    from pathlib import Path


def asked(results: Path, experiment: str = "demo", **wishes: Any) -> None:
    """Ask as the command does."""
    usual = {"by": "time", "quantity": "", "host": "", "form": "text", "out": None}
    history_of(stored_runs(results), experiment, **usual | wishes)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Store twelve runs, in the last six of which a method is slower."""
    for number in range(9, 21):
        speeds = {"copy_words": 940.0 if number < 15 else 1_200.0}
        store_run(tmp_path, number, speeds=speeds, blocks=6, noise=0.003)
    return tmp_path


def test_a_line_a_case_and_what_was_found(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the way over the runs, the change, and the run that it begins with."""
    asked(results)
    out = capsys.readouterr().out
    (line,) = [line for line in out.splitlines() if line.startswith("copy_words ")]

    assert "│" in line
    assert " 12 " in line
    assert f"slower from run {RUN_ID.format(15)} on" in out
    assert f"than up to run {RUN_ID.format(14)}." in out


def test_the_same_as_json_and_as_a_page(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One document each."""
    asked(results, form="json")
    document = json.loads(capsys.readouterr().out)
    (changed,) = [each for each in document["series"] if each["changes"]]
    asked(results, form="html")
    page = capsys.readouterr().out
    asked(results, form="html", out=results / "history.html")

    assert ("copy_words", RUN_ID.format(15)) == (changed["levels"]["method"], changed["changes"][0]["run_id"])
    assert document["told"][0] in page.replace("\N{NO-BREAK SPACE}", " ")
    assert (results / "history.html").read_text() == page
    assert capsys.readouterr().out == f"history: {results / 'history.html'}\n"


def test_a_run_that_cannot_be_read_is_a_line(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The others are told; where none can be read, that is the error."""
    (results / "demo" / RUN_ID.format(12) / "run.sqlite").write_text("not a database")
    asked(results)
    assert f"Left out: {RUN_ID.format(12)}: " in capsys.readouterr().out
    for database in results.glob("*/*/run.sqlite"):
        database.write_text("not a database")

    with pytest.raises(StoreError, match="none of 12 runs of demo can be read"):
        asked(results)


@pytest.mark.parametrize(
    ("experiment", "said"), [("", "EXPERIMENT is missing: name one"), ("dmeo", "did you mean 'demo'")]
)
def test_an_experiment_without_runs_is_refused(results: Path, experiment: str, said: str) -> None:
    """With those there are."""
    with pytest.raises(UsageError, match=said):
        asked(results, experiment)
