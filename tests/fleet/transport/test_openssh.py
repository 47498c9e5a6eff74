"""The system's ssh is shared by all programs on a host, does only what it is told, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fleet.sshd import is_alive, wait_for

from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fleet.sshd import Sshd

    from pageswap.fleet import Target
    from pageswap.fleet.transport.transport import Transport

SAY = "import sys; print(sys.stdin.read())"


@pytest.fixture
def via() -> str:
    """Name the only transport of these tests."""
    return "openssh"


@pytest.fixture
def way(transport: Callable[..., Transport], monkeypatch: pytest.MonkeyPatch) -> Iterator[Transport]:
    """Return a transport whose folders are below one of the test's own."""
    monkeypatch.setattr(tempfile, "tempdir", tempfile.mkdtemp(prefix="t-"))
    made = transport()
    yield made
    made.close()
    os.rmdir(tempfile.gettempdir())  # noqa: PTH106 - and nothing is left in it


def said(way: Transport, text: bytes) -> bytes:
    """Have a program on the host repeat a text."""
    stream = way.start(["python3", "-c", SAY], text)
    try:
        return b"".join(iter(stream.read, b""))
    finally:
        stream.close()


def masters(folder: str) -> list[int]:
    """Return the processes that hold a connection of ours."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.startswith(folder.encode()) for word in words) and is_alive(int(path.parent.name)):
            found.append(int(path.parent.name))
    return found


def test_programs_share_one_connection_that_ends_with_the_transport(sshd: Sshd, way: Transport) -> None:
    """Its folder is private, and nothing of it is left; calls may follow."""
    before = wait_for(sshd.connections)  # the test's own, by which it knows that the host is up
    assert [said(way, b"a"), said(way, b"b")] == [b"a\n", b"b\n"]
    (folder,) = Path(tempfile.gettempdir()).iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sshd.connections() == before + 1
    way.close()

    assert list(Path(tempfile.gettempdir()).iterdir()) == []
    wait_for(lambda: not masters(str(folder)))
    assert said(way, b"c") == b"c\n"
    assert sshd.connections() == before + 2


def test_a_connection_whose_ssh_was_killed_is_made_again(sshd: Sshd, way: Transport) -> None:
    """What it left behind is in nobody's way."""
    said(way, b"a")
    before = sshd.connections()
    for pid in masters(tempfile.gettempdir()):
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda pid=pid: not is_alive(pid))

    assert said(way, b"b") == b"b\n"
    assert sshd.connections() == before + 1


def test_settings_that_do_more_than_reach_the_host_do_nothing(sshd: Sshd, reach: Callable[..., Target]) -> None:
    """Neither a command of the ssh_config's nor a terminal comes between."""
    canary = sshd.folder / "canary"
    more = ["RemoteCommand false", "RequestTTY force", "PermitLocalCommand yes", f"LocalCommand touch {canary}"]
    sshd.configure(*more, f"ControlPath {sshd.folder}/control", "ControlMaster yes", "LogLevel DEBUG3")

    assert reach().facts().tag
    assert not canary.exists()
    assert not (sshd.folder / "control").exists()


def test_there_is_an_ssh_or_a_cure(way: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as another transport."""
    with monkeypatch.context() as bare:
        bare.setenv("PATH", "/nowhere")
        with pytest.raises(HostError, match=r"ssh: No such file or directory; install .*'via: fabric'"):
            way.start(["true"], b"")
