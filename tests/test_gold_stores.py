"""Runs of every version that ever wrote one are reported, exported and compared, with the levels they had."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from invoke.context import Context

import tasks
from pageswap.store.schema import SCHEMA_VERSION
from pageswap.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

STORES = sorted((Path(__file__).parent / "gold" / "stores").glob("*.sqlite"))
NAMES = [path.stem for path in STORES]
LARGEST_BYTES = 200 << 10


@pytest.fixture(scope="module", params=STORES, ids=NAMES)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of a gold store in a run's folder of its own."""
    folder = tmp_path_factory.mktemp(request.param.stem)
    shutil.copy(request.param, folder / "run.sqlite")
    return folder


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return what a command prints."""

    def call(command: str, **arguments: Any) -> str:
        getattr(tasks, command).body(Context(), **arguments)
        return capsys.readouterr().out

    return call


def test_there_is_one_of_every_version() -> None:
    """Today's too, so that the next one is held to read it; each is small."""
    versions = set()
    for path in STORES:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        versions.add(connection.execute("PRAGMA user_version").fetchone()[0])
        connection.close()

    assert versions == set(range(1, SCHEMA_VERSION + 1))
    assert max(path.stat().st_size for path in STORES) < LARGEST_BYTES


@pytest.mark.parametrize("form", [pytest.param("html", marks=pytest.mark.slow), "md"])
def test_reports(run: Path, ask: Callable[..., str], form: str) -> None:
    """As a page and as Markdown, with the question and every method."""
    printed = ask("report", run=str(run), format=form)
    text = (run / "report.html").read_text(encoding="utf-8") if form == "html" else printed.replace("\\_", "_")
    with Store.open(run / "run.sqlite") as store:
        methods = {str(case["method"]) for case in store.cases()}
        question = store.meta()["experiment"]["question"]

    assert question.partition("'")[0] in text
    assert [method for method in methods if method not in text] == []


def test_reports_as_json(run: Path, ask: Callable[..., str]) -> None:
    """One document, whose answer is of what the run asks and whose cases are the run's."""
    document = json.loads(ask("report", run=str(run), format="json"))
    with Store.open(run / "run.sqlite") as store:
        meta, cases = store.meta(), store.cases()

    assert document["answer"]["asks"] == meta["experiment"]["asks"]
    assert document["answer"]["headline"]
    assert {case["case_id"] for case in document["cases"]} <= {case["case_id"] for case in cases}
    assert document["cases"]
    assert bool(document["profiles"]) == (run.name >= "v7")


@pytest.mark.parametrize("form", ["csv", "parquet", "json", "pyperf"])
def test_exports(run: Path, ask: Callable[..., str], form: str, tmp_path: Path) -> None:
    """Every trial, in every format."""
    out = tmp_path / f"trials.{form}"
    ask("export", run=[str(run)], to=form, out=str(out))

    if form == "json":
        with Store.open(run / "run.sqlite") as store:
            assert len(list(store.rows())) == len(json.loads(out.read_text(encoding="utf-8")))
    assert out.stat().st_size > 0


def test_keeps_the_levels_it_had(run: Path) -> None:
    """As the file itself says them, in columns of their own or, since version 3, in one."""
    connection = sqlite3.connect(f"file:{next(p for p in STORES if run.name.startswith(p.stem))}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    stored = [dict(row) for row in connection.execute("SELECT * FROM cases ORDER BY position")]
    connection.close()
    for case in stored:
        case.update(json.loads(case.pop("levels", "{}")))
        del case["position"]
    with Store.open(run / "run.sqlite") as store:
        read = store.cases()

    assert [{name: now.get(name) for name in then} for then, now in zip(stored, read, strict=True)] == stored


@pytest.mark.parametrize(
    ("base", "new"),
    [
        ("v1a-swap", "v2a-swap"),
        ("v1a-grow", "v2b-grow"),
        ("v1a-call", "v2b-call"),
        ("v1a-outcomes", "v2b-outcomes"),
        ("v2b-outcomes", "v3a-outcomes"),
        ("v2b-stops", "v3a-stops"),
        ("v3a-outcomes", "v4a-outcomes"),
        ("v4a-outcomes", "v5a-outcomes"),
        ("v6a-outcomes", "v7a-outcomes"),
    ],
)
def test_compares(base: str, new: str, ask: Callable[..., str], tmp_path: Path) -> None:
    """Runs of different versions, case by case."""
    for name in (base, new):
        (tmp_path / name).mkdir()
        shutil.copy(STORES[NAMES.index(name)], tmp_path / name / "run.sqlite")
    document = json.loads(ask("compare", base=str(tmp_path / base), new=str(tmp_path / new), json=True))

    assert document["cases"]
