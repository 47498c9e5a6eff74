"""Where an agent keeps its files: private, its own, and somewhere even without a home."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from requirement import require

from pageswap.agent.workspace.work_folder import WorkFolder, cache_root, private_folder, write_durably
from pageswap.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path


def test_the_cache_is_where_the_user_says_first(tmp_path: Path) -> None:
    """$PAGESWAP_HOME, then $XDG_CACHE_HOME, then the home's .cache."""
    environ = {name: str(tmp_path / name) for name in ("PAGESWAP_HOME", "XDG_CACHE_HOME", "HOME")}

    assert cache_root(environ) == str(tmp_path / "PAGESWAP_HOME")
    del environ["PAGESWAP_HOME"]
    assert cache_root(environ) == str(tmp_path / "XDG_CACHE_HOME" / "pageswap")
    del environ["XDG_CACHE_HOME"]
    assert cache_root(environ) == str(tmp_path / "HOME" / ".cache" / "pageswap")


@pytest.mark.parametrize("home", ["/proc/nobody", "", "relative"])
def test_without_a_usable_home_a_temporary_folder_of_the_users_serves(tmp_path: Path, home: str) -> None:
    """As for a service user on a locked-down host."""
    expected = tmp_path / f"pageswap-{os.geteuid()}"

    assert cache_root({"HOME": home}, fallback=str(tmp_path)) == str(expected)
    assert expected.stat().st_mode & 0o777 == 0o700


def test_an_explicit_home_that_cannot_be_had_is_an_error(tmp_path: Path) -> None:
    """Not silently another place."""
    (tmp_path / "file").write_text("")

    with pytest.raises(HostError, match="set PAGESWAP_HOME to a folder of yours"):
        cache_root({"PAGESWAP_HOME": str(tmp_path / "file" / "below")})
    with pytest.raises(HostError, match="is not a folder"):
        cache_root({"PAGESWAP_HOME": str(tmp_path / "file")})


def test_a_folder_others_could_enter_is_closed(tmp_path: Path) -> None:
    """0700, also for the folders made on the way."""
    path = tmp_path / "a" / "b"
    (tmp_path / "open").mkdir(mode=0o755)

    private_folder(str(path))
    private_folder(str(tmp_path / "open"))

    for folder in (path, path.parent, tmp_path / "open"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_is_not_a_private_folder(tmp_path: Path) -> None:
    """In /tmp anybody could have put it there."""
    (tmp_path / "link").symlink_to(tmp_path)

    with pytest.raises(HostError, match="nor may it be a link"):
        private_folder(str(tmp_path / "link"))


def test_somebody_elses_folder_is_refused(tmp_path: Path) -> None:
    """Even for root."""
    require("root", os.geteuid() == 0, "needs root to give a folder away")
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 12345, 12345)

    with pytest.raises(HostError, match="belongs to user 12345, not to 0"):
        private_folder(str(tmp_path / "theirs"))


def test_a_folder_the_kernel_refuses_is_one_error() -> None:
    """Its parent exists, yet nothing can be made in it."""
    with pytest.raises(HostError, match="/proc/no/thing: cannot be made"):
        private_folder("/proc/no/thing")


@pytest.mark.parametrize("path", ["", "relative", "-o=x", "./here"])
def test_a_relative_folder_is_refused(path: str) -> None:
    """Its parents never end."""
    with pytest.raises(HostError, match="not an absolute path"):
        private_folder(path)


def test_a_relative_work_folder_is_refused() -> None:
    """A detached agent's current folder means nothing."""
    with pytest.raises(HostError, match="not an absolute path"):
        WorkFolder("runs/r1")


def test_the_logs_end_is_capped_and_absent_is_empty(tmp_path: Path) -> None:
    """What a controller shows of it stays short."""
    work = WorkFolder(str(tmp_path))
    assert (work.log_tail(), work.journal_bytes()) == ("", 0)

    (tmp_path / "agent.log").write_text("x" * 5000 + " end\n")

    assert work.log_tail(10) == "xxxxx end"


def test_a_failed_replacement_keeps_the_old_file(tmp_path: Path) -> None:
    """And leaves no half-written one."""
    path = tmp_path / "folder"
    path.mkdir()
    (path / "inside").write_text("")

    with pytest.raises(OSError, match="directory"):
        write_durably(str(path), b"new")

    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]
