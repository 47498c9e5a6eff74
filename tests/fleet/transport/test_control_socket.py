"""Where the system's ssh has its sockets, and what is left of commands that were killed."""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pageswap.errors import HostError
from pageswap.fleet.transport.control_socket import make_folder
from pageswap.fleet.transport.ssh_config import FORCED

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = FORCED.format(keys="yes", beat_s=3, beats=3)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make a folder for folders, whose path is short."""
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
        yield Path(folder)


def left(place: Path, name: str, config: str = OURS, *, mode: int = 0o700, is_old: bool = True) -> Path:
    """Leave a folder as a command that was killed does, with a socket that nobody listens at."""
    folder = place / name
    folder.mkdir()
    (folder / "config").write_text(config)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(f"{folder}/c")
    folder.chmod(mode)
    if is_old:
        os.utime(folder, (1, 1))
    return folder


def test_what_killed_commands_have_left_is_removed(place: Path) -> None:
    """And nothing that somebody still uses, or that is not certainly ours."""
    gone = left(place, "ps-abcdefgh")
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    stay = [
        left(place, "ps-new_____", is_old=False),
        left(place, "ps-config__", "Host *\n"),
        left(place, "ps-mode____", mode=0o755),
        left(place, "ps-longer-name"),
        left(place, "ps-other___"),
        left(elsewhere, "ps-abcdefgh"),
    ]
    (stay[-2] / "thesis.tex").touch()
    os.utime(stay[-2], (1, 1))
    (place / "ps-linked__").symlink_to(stay[-1])
    used = left(place, "ps-used____")
    (used / "c").unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{used}/c")
        listener.listen()
        os.utime(used, (1, 1))
        made = make_folder("lab1")

    assert not gone.exists()
    assert all((folder / "config").exists() for folder in [*stay, used])
    assert made.parent == place


@pytest.mark.parametrize("wrong", ["/nowhere", "", "run", "100%", "x" * 80])
def test_a_place_that_does_not_serve_is_left_for_another_one(
    place: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    """As after `su`, which leaves another user's XDG_RUNTIME_DIR behind."""
    monkeypatch.chdir(place)
    for name in ("run", "100%", "x" * 80):
        (place / name).mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", wrong if wrong in ("", "run") else str(place / wrong))

    assert make_folder("lab1").parent == place
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place / "run"))
    assert make_folder("lab1").parent == place / "run"


def test_no_room_is_the_hosts_error(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its cure; the others go on."""

    def full(**_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(HostError, match=f"^lab1: {place}: no folder .*: No space left on device; free space there, or"):
        make_folder("lab1")
