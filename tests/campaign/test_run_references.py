"""Runs are named by id, host, commit or pattern, and what names none is answered with what was probably meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pageswap.campaign.run_references import Reference, earlier_runs, resolve, select
from pageswap.errors import UsageError
from tests.stored_run import COMMIT, RUN_ID, store_run

if TYPE_CHECKING:
    from pathlib import Path

OTHER = "fedcba9876543210fedcba9876543210fedcba98"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Give two commits' runs of `demo`, a changed one, and a run of another experiment."""
    folder = tmp_path / "results"
    store_run(folder, 1, blocks=1)
    store_run(folder, 2, blocks=1)
    store_run(folder, 3, blocks=1, provenance={"commit": OTHER})
    store_run(folder, 4, blocks=1, provenance={"commit": OTHER, "dirty": True})
    store_run(folder, 5, name="else", blocks=1)
    return folder


def names(results: Path, base: str, new: str) -> list[tuple[str, str | None]]:
    """Give the run id and host of both sides."""
    return [(each.folder.name, each.host) for side in resolve(results, base, [new]) for each in side]


def test_a_run_and_a_host_of_one(results: Path) -> None:
    """RUN, or RUN:HOST; a host may have colons of its own, and so may a path before it."""
    path = str(results / "demo" / RUN_ID.format(3))

    assert [(RUN_ID.format(1), None), (RUN_ID.format(2), "lab1:22")] == names(
        results, RUN_ID.format(1), f"{RUN_ID.format(2)}:lab1:22"
    )
    assert [(RUN_ID.format(3), "[::1]:22"), (RUN_ID.format(5), None)] == names(results, f"{path}:[::1]:22", "latest")


def test_a_commit_is_its_newest_clean_run_of_the_other_sides_experiment(results: Path) -> None:
    """A beginning of its hash is enough; what was run with uncommitted changes is not that commit."""
    wanted = [(RUN_ID.format(2), None), (RUN_ID.format(3), "lab1")]

    assert wanted == names(results, f"commit:{COMMIT[:7]}", f"commit:{OTHER[:7].upper()}:lab1")
    assert (RUN_ID.format(2), None) == names(results, f"commit:{COMMIT}", RUN_ID.format(1))[0]
    assert (RUN_ID.format(5), None) == names(results, f"commit:{COMMIT[:4]}/else", RUN_ID.format(1))[0]


def test_earlier_runs_are_those_before_the_first_of_a_side_and_on_none(tmp_path: Path) -> None:
    """However many a side has; those of another experiment or kernel say nothing of it."""
    results = tmp_path / "results"
    for number in range(1, 7):
        store_run(results, number, blocks=1, environment={"kernel": "5.10"} if number == 2 else None)
    store_run(results, 7, name="else", blocks=1)

    def earlier(*sides: tuple[int, ...]) -> list[list[int]]:
        found = [
            tuple(Reference(results / "demo" / RUN_ID.format(number), None, "") for number in side) for side in sides
        ]
        groups = earlier_runs(results, found)
        return [[int(each.folder.name.rpartition("-")[2]) for each in group] for group in groups]

    assert earlier((6, 5), (3,)) == [[4, 1]]
    assert earlier((6,), (5,)) == [[4, 3, 1]]
    assert earlier((6, 5), (4, 3)) == []


@pytest.mark.parametrize(
    ("base", "new", "message"),
    [
        ("", "latest", "--base is missing"),
        ("latest", "", "--new is missing"),
        ("latest", "nonsense", "--new nonsense: no such run"),
        ("commit:xyz", "latest", "--base commit:xyz: expected commit:HASH"),
        ("commit:x\ny", "latest", r"--base commit:x\ny: expected"),
        ("commit:012", "latest", "4 or more digits"),
        ("commit:0123457", "latest", "no run of this commit; did you mean '0123456'?"),
        ("commit:0123/demmo", "latest", "did you mean 'demo'?"),
        (f"commit:{OTHER}/else", RUN_ID.format(1), "this commit has no run of else; it has runs of demo"),
        (f"commit:{COMMIT}", f"commit:{COMMIT}", r"both commits have a run of 2 experiments (demo, else)"),
    ],
)
def test_what_names_no_run_is_one_clear_error(results: Path, base: str, new: str, message: str) -> None:
    """Where, what was found, and the cure."""
    with pytest.raises(UsageError) as error:
        resolve(results, base, [new])

    assert message in str(error.value)


def test_a_commit_with_changed_runs_only_is_refused(tmp_path: Path) -> None:
    """What was run is not what the hash names."""
    store_run(tmp_path, 1, blocks=1, provenance={"dirty": True})

    with pytest.raises(UsageError, match=f"uncommitted changes; name one by its id: {RUN_ID.format(1)}"):
        resolve(tmp_path, f"commit:{COMMIT}", ["latest"])


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["all"], [1, 2, 3, 4, 5]),
        (["demo/*"], [1, 2, 3, 4]),
        (["*00003", "else/*", "latest"], [3, 5]),
        ([RUN_ID.format(2)], [2]),
        (["*-00000[12]"], [1, 2]),
    ],
)
def test_many_runs_are_selected_each_once_oldest_first(results: Path, texts: list[str], numbers: list[int]) -> None:
    """By id, pattern or `all`."""
    assert [RUN_ID.format(number) for number in numbers] == [folder.name for folder in select(results, texts)]


@pytest.mark.parametrize(
    ("texts", "message"), [([], "--run is missing"), (["x*"], "no run in"), (["x"], "no such run")]
)
def test_a_selection_that_finds_nothing_is_refused(results: Path, texts: list[str], message: str) -> None:
    """An empty site is nobody's wish."""
    with pytest.raises(UsageError, match=message):
        select(results, texts)
