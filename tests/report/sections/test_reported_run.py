"""Runs beside a run lend it their figures only when they come from the same machine."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from pageswap.analysis.summary import summarise
from pageswap.errors import StoreError
from pageswap.report.sections import reported_run as module
from pageswap.report.sections.reported_run import CALLS, LIMIT, reference_runs
from tests.fake_run import FakeRun, make_run

if TYPE_CHECKING:
    from pathlib import Path


class Shelf:
    """A folder of results whose databases are runs in memory."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Open from memory what would be opened from disk."""
        self.folder = folder
        self.runs: dict[str, FakeRun | Exception] = {}
        monkeypatch.setattr(module.Store, "open", self.open)

    def put(self, experiment: str, run_id: str, run: FakeRun | Exception) -> Path:
        """Lay a run where its database would be."""
        path = self.folder / experiment / run_id / "run.sqlite"
        path.parent.mkdir(parents=True)
        path.touch()
        self.runs[str(path)] = run
        return path

    def open(self, path: Path) -> Any:
        """Return what was put there."""
        run = self.runs[str(path)]
        if isinstance(run, Exception):
            raise run
        return contextlib.nullcontext(run)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """Return an empty folder of results."""
    return Shelf(tmp_path, monkeypatch)


def named(run_id: str, **more: Any) -> FakeRun:
    """Return a run with an id of its own."""
    run = make_run(blocks=1, region_size=[1 << 27], touch=["none"], **more)
    meta = run.meta()
    run.meta = lambda: {**meta, "run_id": run_id}  # type: ignore[method-assign]
    return run


def stored(shelf: Shelf, **more: Any) -> FakeRun:
    """Return the run that is reported on, which knows where it lies."""
    run = named("r9", **more)
    run.path = shelf.put("mremap_vs_copy", "r9", run)  # type: ignore[attr-defined]
    return run


def test_the_newest_runs_of_the_same_machine_are_found(shelf: Shelf) -> None:
    """One of each kind; newer ones of another kernel, and one that cannot be read, are passed over."""
    elsewhere = named("r3")
    elsewhere.facts["local"]["kernel"] = "5.10"
    for name in (LIMIT, CALLS):
        shelf.put(name, "r1", named("r1"))
        shelf.put(name, "r2", named("r2"))
        shelf.put(name, "r3", elsewhere)
        shelf.put(name, "r4", StoreError("unreadable"))
    run = stored(shelf)
    limit, calls = reference_runs(run, summarise(run))

    assert limit is not None
    assert calls is not None
    assert (limit.run_id, calls.run_id) == ("r2", "r2")


def test_hosts_that_are_not_shared_lend_nothing(shelf: Shelf) -> None:
    """A host of the same name may be another machine."""
    other = named("r1", hosts=("a", "b"))
    other.facts["b"]["cpu_model"] = "another"
    shelf.put(LIMIT, "r1", other)
    run = stored(shelf, hosts=("a", "b"))
    limit, _ = reference_runs(run, summarise(run))

    assert limit is not None
    assert {case.host for case in limit.cases} == {"a"}


def test_a_run_that_lies_nowhere_has_none(shelf: Shelf) -> None:
    """As one that was never stored, or one alone."""
    run = make_run(blocks=1)

    assert reference_runs(run, summarise(run)) == reference_runs(stored(shelf), summarise(run)) == (None, None)
