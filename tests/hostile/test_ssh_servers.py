"""What listens at a host's port may be anything: connecting to it ends soon, and takes no memory to speak of."""

from __future__ import annotations

import shutil
import struct
import time
from typing import TYPE_CHECKING

import pytest
from requirement import require

from pageswap.errors import HostError, HostUnreachableError
from pageswap.fleet.transport import transport as limits
from pageswap.fleet.transport.link_errors import HopelessError
from pageswap.fleet.transport.registry import TRANSPORTS
from pageswap.fleet.transport.transport import Reach
from tests.hostile.ssh_server import BANNER, MuteHost, serving, write_config

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

# More than all buffers of a kernel between two programs.
MOST_TAKEN_BYTES = 64 << 20
# The largest packet that SSH's words can tell of.
ENDLESS_PACKET = struct.pack(">IB", 0xFFFFFFF4, 4)


@pytest.fixture(params=["fabric", "openssh"])
def via(request: pytest.FixtureRequest) -> str:
    """Name each transport that goes through an sshd."""
    if request.param == "openssh":
        require("ssh", shutil.which("ssh"), "needs an OpenSSH client: apt-get install openssh-client")
    return str(request.param)


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
def test_one_that_says_no_more_is_slow_and_may_be_tried_again(tmp_path: Path, via: str, words: bytes) -> None:
    """As on a host whose CPUs are all busy: nobody was refused, and it may answer a moment later."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(words)
        while connection.recv(1 << 16):
            pass

    with serving(answer) as port:
        error = error_of(via, write_config(tmp_path, port, "ConnectTimeout 1"))

    assert isinstance(error, HostUnreachableError), error
    assert not isinstance(error, HopelessError), error
    assert "no answer in time" in str(error)


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
