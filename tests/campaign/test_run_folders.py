"""A run is found by what a person types."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from pageswap.campaign.run_folders import find_run, held, make_run_dir, new_run_id
from pageswap.errors import StoreError, UsageError
from tests.native.refusing import FLOCK, in_child, refuse

if TYPE_CHECKING:
    from pathlib import Path

OLD = "20250131T120000Z-0a1b2c"
NEW = "20250201T120000Z-0a1b2d"
SAME_DAY = "20250201T110000Z-ffffff"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Give results of three runs of two experiments, and a folder that was never finished."""
    folder = tmp_path / "results"
    for experiment, run_id in (("a", OLD), ("b", NEW), ("a", SAME_DAY)):
        make_run_dir(folder, experiment, run_id).joinpath("run.sqlite").touch()
    make_run_dir(folder, "a", "20260101T000000Z-000000")
    return folder


@pytest.mark.parametrize(
    ("text", "experiment", "run_id"),
    [(OLD, "a", OLD), (NEW, "b", NEW), ("latest", "b", NEW), ("20250131", "a", OLD), ("20250201T12", "b", NEW)],
)
def test_ids_their_beginnings_and_latest_are_found(results: Path, text: str, experiment: str, run_id: str) -> None:
    """In whatever experiment; a run without a database is not one."""
    assert find_run(results, text) == results / experiment / run_id


@pytest.mark.parametrize("tail", ["", "/", "/run.sqlite"])
@pytest.mark.parametrize("is_relative", [False, True])
def test_paths_are_found(results: Path, tail: str, is_relative: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the folder or to the database, from anywhere."""
    monkeypatch.chdir(results)
    text = f"{'.' if is_relative else results}/b/{NEW}{tail}"

    assert find_run(results, text) == results / "b" / NEW


def test_a_run_may_lie_anywhere(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copied elsewhere, behind a link, above the current folder."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "run.sqlite").touch()
    (results / "link").symlink_to(outside)
    monkeypatch.chdir(results / "a")

    for text in (str(outside), f"{results}/link", "../../outside", "../../outside/run.sqlite"):
        assert find_run(results, text) == outside


def test_a_bare_name_in_the_current_folder_is_a_path(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a shell completes it."""
    monkeypatch.chdir(results / "a" / OLD)

    assert find_run(results, "run.sqlite") == results / "a" / OLD


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "missing"),
        ("nonsense", f"no such run.*{NEW}"),
        ("20250131T120000Z-0a1b2x", f"did you mean '{OLD}'"),
        ("20250201", "2 runs begin so"),
        ("/etc", "give the folder of one run"),
        (".", "give the folder of one run"),
        ("..", "give the folder of one run"),
        ("{results}/../none", "no such folder"),
        ("*", "no such run"),
        ("{results}/a", "give the folder of one run"),
        ("{results}/a/none", "no such folder"),
        ("{results}/a/20260101T000000Z-000000", "killed before its plan was stored"),
        ("nul\0", "no such run"),
        ("nul/\0", "no such folder"),
    ],
)
def test_anything_else_is_refused_with_a_cure(
    results: Path, text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a folder with no run in it."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=message):
        find_run(results, text.format(results=results))


def test_what_was_typed_is_told_on_one_line(tmp_path: Path) -> None:
    """Nothing of it is obeyed."""
    for text in ("x\ny\u200b", "/x\ny\u200b"):
        with pytest.raises(UsageError, match=r"^--run /?x\\ny\\u200b: [^\n]*$"):
            find_run(tmp_path, text)


def test_latest_of_nothing_says_what_to_do(tmp_path: Path) -> None:
    """Rather than fail on an empty list."""
    with pytest.raises(UsageError, match=r"inv run --spec smoke\.yaml"):
        find_run(tmp_path / "none", "latest")


def test_run_ids_sort_by_time_and_differ() -> None:
    """Two of the same second too."""
    ids = {new_run_id() for _ in range(50)}

    assert len(ids) == 50
    assert all(len(run_id) == len(OLD) for run_id in ids)


@pytest.mark.parametrize("name", ["..", "a/b", "", ".hidden", "-x", "a\0"])
def test_an_experiment_cannot_name_another_folder(tmp_path: Path, name: str) -> None:
    """Whatever its file says."""
    with pytest.raises(UsageError):
        make_run_dir(tmp_path, name, OLD)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """With its reason."""
    (tmp_path / "a").touch()
    with pytest.raises(StoreError, match=f"a/{OLD}: cannot be made: Not a directory"):
        make_run_dir(tmp_path, "a", OLD)


def test_a_run_is_held_by_one(tmp_path: Path) -> None:
    """Until it is let go."""
    with held(tmp_path), pytest.raises(UsageError, match="another process is at work"), held(tmp_path):
        pass
    with held(tmp_path):
        pass


@pytest.mark.parametrize(
    ("errnum", "reason"),
    [
        (errno.ENOLCK, "No locks available"),
        (errno.ENOSYS, "Function not implemented"),
        (errno.EPERM, "Operation not permitted"),
        (0, "granted to two at once"),
    ],
)
def test_a_run_that_cannot_be_locked_is_refused(tmp_path: Path, errnum: int, reason: str) -> None:
    """Two commands at work on one run would not see each other, also where every lock is granted."""

    def hold() -> str:
        refuse(FLOCK, errnum)
        with pytest.raises(StoreError) as raised, held(tmp_path):
            pass
        return str(raised.value)

    said = in_child(hold)

    assert said.startswith(f"{tmp_path}: cannot be locked (flock: {reason}), and two commands could write one run; ")
    assert said.endswith("have results/ be a link to a folder on a local disk")
