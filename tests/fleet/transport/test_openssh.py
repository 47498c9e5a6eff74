"""The system's ssh is shared by all programs on a host, does only what it is told, and leaves nothing behind."""

from __future__ import annotations

import errno
import os
import signal
import socket
import stat
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fleet.sshd import is_alive, wait_for

from pageswap.errors import HostError, HostLinkLostError
from pageswap.fleet.transport import local
from pageswap.fleet.transport.openssh import make_folder
from pageswap.fleet.transport.ssh_config import FORCED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fleet.sshd import Sshd

    from pageswap.fleet.target import Target
    from pageswap.fleet.transport.transport import Transport

SAY = "import sys; print(sys.stdin.read())"
OURS = FORCED.format(keys="yes", beat_s=3, beats=3)


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


def test_an_ssh_that_is_killed_while_it_passes_on_is_a_lost_link(way: Transport) -> None:
    """Not a shell that starts nothing, nor a program that says nothing: whoever asked may ask again."""
    said(way, b"a")
    holding = set(masters(tempfile.gettempdir()))
    stream = way.start(["sleep", "600"], b"")
    (client,) = set(masters(tempfile.gettempdir())) - holding
    os.kill(client, signal.SIGKILL)

    with pytest.raises(HostLinkLostError, match="was ended by signal 9"):
        stream.read()
    stream.close()


def test_a_connection_that_is_closed_while_a_program_is_read_is_no_fault(way: Transport) -> None:
    """As after Ctrl-C while a host is made ready; here the ssh that is to end takes its time."""
    stream = way.start(["sleep", "600"], b"")
    held = [Path(f"/proc/{pid}/cmdline") for pid in masters(tempfile.gettempdir())]
    (master,) = (int(path.parent.name) for path in held if b"\0-M\0" in path.read_bytes())
    os.kill(master, signal.SIGSTOP)
    closing = threading.Thread(target=way.close)
    closing.start()
    heard = stream.read(1.5)
    os.kill(master, signal.SIGCONT)
    closing.join()
    stream.close()

    assert heard is None


def test_what_a_jump_host_has_ssh_log_is_bounded_too(
    sshd: Sshd, way: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads from a host behind it looks."""
    sshd.configure("ProxyJump jump")
    own = sshd.config.read_text().splitlines()[2:]
    sshd.config.write_text(sshd.config.read_text() + "\n".join(["Host jump", *own, ""]))
    monkeypatch.setattr(local, "MOST_COMPLAINTS_BYTES", 1 << 16)
    stream = way.start(["sleep", "600"], b"")
    files = [path for path in Path("/proc/self/fd").iterdir() if str(path.resolve()).endswith("(deleted)")]
    logs = [path for path in files if b"debug1: " in path.read_bytes()]
    for log in logs:
        with log.open("ab") as file:
            file.write(bytes(1 << 17))
    # Of two that are full one at a time.
    for _ in logs:
        assert stream.read(0.0) is None
    sizes = [log.stat().st_size for log in logs]
    stream.close()

    assert len(sizes) == 2
    assert max(sizes) < 1 << 16


def test_what_a_program_complains_about_is_not_taken_for_ssh_s_word(way: Transport) -> None:
    """Though it ends as an ssh does that has started nothing."""
    stream = way.start(["sh", "-c", "echo Session open refused by peer >&2; exit 255"], b"")

    assert stream.read() == b""
    assert stream.close() == "Session open refused by peer"


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
