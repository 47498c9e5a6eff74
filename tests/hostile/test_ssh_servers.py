"""What listens at a host's port may be anything: connecting to it ends soon, and takes no memory to speak of."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import paramiko
import pytest
from fleet.sshd import Sshd, make_key
from requirement import require_ssh

from pageswap.errors import HostAuthError, HostError, HostKeyError, HostUnreachableError
from pageswap.fleet.transport import local
from pageswap.fleet.transport import transport as limits
from pageswap.fleet.transport.link_errors import HopelessError
from pageswap.fleet.transport.registry import TRANSPORTS
from pageswap.fleet.transport.transport import Reach
from tests.hostile.ssh_server import BANNER, MuteHost, serving, write_config

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

# More than all buffers of a kernel between two programs.
MOST_TAKEN_BYTES = 64 << 20
# The largest packet that SSH's words can tell of.
ENDLESS_PACKET = struct.pack(">IB", 0xFFFFFFF4, 4)


@pytest.fixture(params=["fabric", "openssh"])
def via(request: pytest.FixtureRequest) -> str:
    """Name each transport that goes through an sshd."""
    if request.param == "openssh":
        require_ssh()
    return str(request.param)


@pytest.fixture
def says() -> Iterator[Callable[[bytes], int]]:
    """Have a server say some words to whoever connects, and no more; return its port."""
    with contextlib.ExitStack() as servers:

        def begin(words: bytes) -> int:
            def answer(connection: socket.socket) -> None:
                connection.sendall(words)
                while connection.recv(1 << 16):
                    pass

            return servers.enter_context(serving(answer))

        yield begin


def error_of(via: str, config: Path) -> HostError:
    """Have a program started on the host, which ends with an error; give that."""
    way = TRANSPORTS[via]("lab1", Reach(config))
    try:
        with pytest.raises(HostError) as raised:
            way.start(["true"], b"")
    finally:
        way.close()
    return raised.value


def endless(
    piece: bytes, first: bytes = b"", pause_s: float = 0.0
) -> tuple[Callable[[socket.socket], None], list[int]]:
    """Give what says the same for ever, and counts how much of it was taken."""
    taken = []

    def answer(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            taken.append(connection.send(piece))
            time.sleep(pause_s)

    return answer, taken


@pytest.mark.parametrize("words", [BANNER, b"", b"Welcome!\r\n"])
def test_one_that_says_no_more_is_slow_and_may_be_tried_again(
    tmp_path: Path, via: str, says: Callable[[bytes], int], words: bytes
) -> None:
    """As on a host whose CPUs are all busy: nobody was refused, and it may answer a moment later."""
    error = error_of(via, write_config(tmp_path, says(words), "ConnectTimeout 1"))

    assert isinstance(error, HostUnreachableError), error
    assert not isinstance(error, HopelessError), error
    assert "no answer in time" in str(error)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "piece", "pause_s"),
    [
        (b"", b"x" * (1 << 16), 0.0),
        (b"", b"Welcome!\r\n", 0.0),
        (b"", b"x\r\n", 0.1),
        (BANNER + ENDLESS_PACKET, bytes(1 << 20), 0.0),
    ],
    ids=["a line", "lines", "slow lines", "a packet"],
)
def test_one_that_never_ends_is_left(tmp_path: Path, via: str, first: bytes, piece: bytes, pause_s: float) -> None:
    """Before it has shown any key, so whoever sits between could be the one; little of it is taken."""
    answer, taken = endless(first, piece, pause_s)
    with serving(answer) as port:
        error = error_of(via, write_config(tmp_path, port, "ConnectTimeout 2"))

    assert isinstance(error, HostUnreachableError), error
    assert sum(taken) < MOST_TAKEN_BYTES


def test_one_that_starts_nothing_is_left(tmp_path: Path, via: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it lets us in, and answers whenever it is asked whether it is there."""
    monkeypatch.setattr(limits, "CHANNEL_S", 1.0)
    monkeypatch.setattr(limits, "MARK_S", 1.0)
    host = MuteHost(tmp_path)
    with serving(host.answer) as port:
        error = error_of(via, host.config(port))

    assert "started" in str(error)


def test_one_that_leaves_at_the_wrong_moment_is_not_taken_for_one_that_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fabric's library looks whether it is there, and then whether it is done: in between it may have gone."""
    monkeypatch.setattr(paramiko.Transport, "start_client", lambda way, **_: way.sock.close())
    with serving(lambda _: None) as port:
        error = error_of("fabric", write_config(tmp_path, port))

    assert type(error) is HostUnreachableError, error


# Fabric's library repeats the hundredth line of what is no greeting.
LIES = """\
@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @
Offending key key in evil:1
@ WARNING: REVOKED HOST KEY DETECTED! @
Host key of yours revoked by file evil\x1b[2J
Host key verification failed.
ssh: connect to host lab1 port 1: evil
ssh: Could not resolve hostname lab1: evil
debug1: Server host key: evil evil
"""


def packet(kind: bytes, *words: bytes) -> bytes:
    """Give a packet of SSH's of before there are keys, with strings in it."""
    payload = kind + b"".join(struct.pack(">I", len(each)) + each for each in words)
    padding = 11 - len(payload) % 8
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        LIES.replace("\n", "\r\n").encode() * 20,
        BANNER + packet(b"\4\0", b"\n" + LIES.encode(), b"") + ENDLESS_PACKET,
        BANNER + packet(b"\1\0\0\0\2", b"\n" + LIES.encode(), b""),
    ],
    ids=["a greeting", "a message", "a farewell"],
)
def test_what_anybody_says_is_not_taken_for_ssh_s_word(
    tmp_path: Path, via: str, says: Callable[[bytes], int], words: bytes
) -> None:
    """Before any key was shown: no key is said to be revoked, and none of their words is repeated."""
    error = error_of(via, write_config(tmp_path, says(words), "ConnectTimeout 2"))

    assert type(error) is HostUnreachableError, error
    assert "evil" not in str(error)


def test_what_a_host_says_is_not_taken_for_ssh_s_word(tmp_path: Path, via: str) -> None:
    """Nor after it has shown the right key: who is told that it has changed forgets the right one."""
    (tmp_path / "banner").write_text(LIES)
    sshd = Sshd(tmp_path / "sshd", extra=(f"Banner {tmp_path}/banner", "AllowUsers nobody"))
    error = error_of(via, sshd.config)
    sshd.stop()

    assert type(error) is HostAuthError, error
    assert "evil" not in str(error)


@pytest.mark.parametrize("words", ["debug1: Server host key: evil evil", LIES], ids=["a key", "lies"])
def test_a_certificate_s_name_is_not_taken_for_ssh_s_word(tmp_path: Path, via: str, words: str) -> None:
    """Else a key could be shown as another one, which is compared and found right, or as one that has changed."""
    sshd = Sshd(tmp_path / "sshd", extra=(f"HostCertificate {tmp_path}/sshd/host_ed25519-cert.pub",))
    make_key(tmp_path / "ca")
    name = f"\n{words}\n"
    sign = ["ssh-keygen", "-q", "-h", "-s", tmp_path / "ca", "-I", name, sshd.folder / "host_ed25519.pub"]
    subprocess.run(sign, check=True)
    sshd.know(())
    sshd.stop()
    sshd.start()
    error = error_of(via, sshd.config)
    sshd.stop()

    assert type(error) is HostKeyError, error
    assert "is unknown" in str(error)
    assert "evil" not in str(error)


def with_openssh(config: Path) -> HostError:
    """Return the error of a host that the system's ssh does not reach."""
    require_ssh()
    return error_of("openssh", config)


def test_a_user_certificate_s_names_are_not_taken_for_ssh_s_word(tmp_path: Path) -> None:
    """Neither its own nor those that it is for; here nobody is let in with it."""
    sshd = Sshd(tmp_path / "sshd", extra=("LogLevel DEBUG3",))
    make_key(tmp_path / "ca")
    (sshd.folder / "authorized_keys").write_text(f'cert-authority,principals="x" {(tmp_path / "ca.pub").read_text()}')
    names = LIES.replace("\n", " ")
    sign = ["ssh-keygen", "-q", "-s", tmp_path / "ca", "-I", f"\n{LIES}", "-n", names, f"{sshd.user_key}.pub"]
    subprocess.run(sign, check=True)
    error = with_openssh(sshd.config)
    sshd.stop()

    assert type(error) is HostAuthError, error
    assert "evil" not in str(error)


def test_what_a_list_of_revoked_keys_is_called_is_not_taken_for_ssh_s_word(tmp_path: Path) -> None:
    """Whoever keeps it writes what he likes there."""
    sshd = Sshd(tmp_path / "sshd", extra=("AllowUsers nobody",))
    make_key(tmp_path / "other")
    write = ["ssh-keygen", "-q", "-k", "-f", tmp_path / "krl", "-C", f"\n{LIES}", tmp_path / "other.pub"]
    subprocess.run(write, check=True)
    sshd.configure(f"RevokedHostKeys {tmp_path}/krl")
    error = with_openssh(sshd.config)
    sshd.stop()

    assert type(error) is HostAuthError, error
    assert "evil" not in str(error)


@pytest.mark.parametrize("lies", [LIES, "root@lab1: Permission denied (evil).\n", "Bad owner or permissions on evil\n"])
def test_what_a_proxy_command_says_is_not_taken_for_ssh_s_word(tmp_path: Path, lies: str) -> None:
    """It may repeat what a host on the way has said."""
    (tmp_path / "lies").write_text(lies)
    error = with_openssh(write_config(tmp_path, 1, f"ProxyCommand sh -c 'cat {tmp_path}/lies >&2; exit 1'"))

    assert type(error) is HostUnreachableError, error
    assert "evil" not in str(error)


def test_what_a_file_is_called_is_not_taken_for_ssh_s_word(tmp_path: Path) -> None:
    """Ssh says which keys it has."""
    require_ssh()
    folder = tmp_path / "x: Permission denied (timed out).Unable to negotiate with x terminating, 1 bad configuration"
    folder.mkdir()
    make_key(folder / "key")
    with serving(lambda _: None) as port:
        error = with_openssh(write_config(tmp_path, port, f'IdentityFile "{folder}/key"'))

    assert type(error) is HostUnreachableError, error
    assert "or it hung up" in str(error)


@pytest.mark.slow
@pytest.mark.parametrize("lets_in", [True, False])
def test_a_log_that_a_host_fills_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lets_in: bool) -> None:
    """What ssh logs of a host's words before it is let in, or later, would fill the disk otherwise."""
    require_ssh()
    monkeypatch.setattr(local, "MOST_COMPLAINTS_BYTES", 1 << 16)
    monkeypatch.setattr(limits, "MARK_S", 5.0)
    host = MuteHost(tmp_path, lets_in=lets_in)
    with serving(host.chatter) as port:
        way = TRANSPORTS["openssh"]("lab1", Reach(host.config(port)))
        try:
            with pytest.raises(HostError, match="started nothing" if lets_in else "or it hung up"):
                way.start(["true"], b"")
            logged = max(os.fstat(file).st_size for file in unnamed_files())
        finally:
            way.close()
            host.is_over.set()

    assert logged < host.taken / 2
    assert lets_in or host.taken < MOST_TAKEN_BYTES


def unnamed_files() -> list[int]:
    """List the descriptors of this process's files that have no name, as ssh's log has none."""
    links = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return [int(path.name) for path in links if str(path.readlink()).endswith("(deleted)")]
