"""A run knows the commit it was made with, and says so when there is none."""

from __future__ import annotations

import platform
import subprocess
from typing import TYPE_CHECKING

import pytest

import pageswap
from pageswap.campaign import provenance

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Give a repository with one commit."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "file").write_text("1")
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init", "-q"], ["add", "file"], [*who, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", folder, *words], check=True)
    return folder


def test_a_clean_checkout(repository: Path) -> None:
    """Its commit, and everything else that was asked for."""
    head = subprocess.run(["git", "-C", repository, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    found = provenance(repository, ["inv", "run", "--spec", "my file.yaml"])

    assert found["commit"] == head.stdout.strip()
    assert found["dirty"] is False
    assert found["command"] == "inv run --spec 'my file.yaml'"
    assert found["version"] == pageswap.__version__
    assert found["python"] == platform.python_version()
    assert found["user"]


@pytest.mark.parametrize("name", ["file", "new file"])
def test_changed_and_unknown_files_make_it_dirty(repository: Path, name: str) -> None:
    """A new source file changes what is measured as much as a changed one."""
    (repository / name).write_text("2")

    assert provenance(repository, [])["dirty"] is True


def test_a_folder_inside_another_repository_has_no_commit(repository: Path) -> None:
    """That one's commit says nothing about this code."""
    inner = repository / "inner"
    inner.mkdir()
    found = provenance(inner, [])

    assert (found["commit"], found["dirty"]) == (None, None)


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    """Has none to name."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)

    assert provenance(tmp_path, [])["commit"] is None


def test_no_git_at_all(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is no error."""
    monkeypatch.setenv("PATH", "/nowhere")

    assert provenance(repository, [])["commit"] is None
