"""Which file a person means by --spec."""

from __future__ import annotations

from pathlib import Path

import pytest

from pageswap.errors import UsageError
from pageswap.spec.find import find_spec


@pytest.fixture
def experiments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder of experiments, beside a folder where commands are typed."""
    folder = tmp_path / "repository" / "experiments"
    folder.mkdir(parents=True)
    (folder / "smoke.yaml").touch()
    typed_in = folder.parent / "docs"
    typed_in.mkdir()
    monkeypatch.chdir(typed_in)
    return folder


@pytest.mark.parametrize("text", ["smoke.yaml", "smoke"])
def test_a_name_is_looked_up_in_the_folder_of_experiments(experiments: Path, text: str) -> None:
    """With or without its ending."""
    assert experiments / "smoke.yaml" == find_spec(experiments, text)


def test_a_file_here_comes_before_one_in_the_folder(experiments: Path) -> None:
    """A path is what the shell would take it for."""
    Path("smoke.yaml").touch()

    assert Path("smoke.yaml") == find_spec(experiments, "smoke.yaml")


def test_a_folder_is_not_a_file(experiments: Path) -> None:
    """A folder of an experiment's name does not hide it."""
    Path("smoke").mkdir()

    assert experiments / "smoke.yaml" == find_spec(experiments, "smoke")


def test_absolute_paths_lead_anywhere(experiments: Path, tmp_path: Path) -> None:
    """A file outside the repository is named in full."""
    (tmp_path / "mine.yaml").touch()

    assert tmp_path / "mine.yaml" == find_spec(experiments, str(tmp_path / "mine.yaml"))


def test_relative_paths_stay_inside(experiments: Path, tmp_path: Path) -> None:
    """``..`` may lead to another folder of the repository, not out of it, also by way of experiments/."""
    (tmp_path / "mine.yaml").touch()

    assert Path("../experiments/smoke.yaml") == find_spec(experiments, "../experiments/smoke.yaml")
    with pytest.raises(UsageError, match="leads out of this folder; name such a file by its absolute path"):
        find_spec(experiments, "../../mine.yaml")


@pytest.mark.parametrize(("text", "words"), [("", "--spec is missing"), ("nothing", "--spec nothing: no such file")])
def test_nothing_found_lists_what_there_is(experiments: Path, text: str, words: str) -> None:
    """The error names the experiments that can be had."""
    with pytest.raises(UsageError, match=f"{words}.*smoke.yaml"):
        find_spec(experiments, text)
