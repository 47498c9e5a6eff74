"""Programs on a host share a connection, and get another one where its sshd serves few on each."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fleet.sshd import Sshd

    from pageswap.fleet.transport.transport import Transport

TALK = [sys.executable, "-c", "import sys; print(1, flush=True); print(sys.stdin.read())"]


@pytest.fixture
def sessions(sshd: Sshd) -> Callable[[int], None]:
    """Have the host serve so many sessions on a connection."""

    def allow(count: int) -> None:
        sshd.stop()
        sshd.extra = [f"MaxSessions {count}"]
        sshd.start()

    return allow


def test_a_second_program_gets_a_connection_where_the_first_leaves_no_room(
    sshd: Sshd, transport: Callable[..., Transport], sessions: Callable[[int], None]
) -> None:
    """And no third one is made while the first two have room."""
    sessions(1)
    way = transport()
    first = way.start(TALK, b"", keeps_input=True)
    second = way.start(TALK, b"", keeps_input=True)

    assert (first.read(), second.read()) == (b"1\n", b"1\n")
    assert sshd.said().count("Accepted publickey") == 2
    for stream in (first, second):
        stream.end_input()
        assert b"".join(iter(stream.read, b"")) == b"\n"
        stream.close()
    way.close()


def test_a_host_that_has_room_for_no_program_says_so(
    sshd: Sshd, transport: Callable[..., Transport], sessions: Callable[[int], None]
) -> None:
    """After one attempt, of which nothing is left."""
    sessions(0)
    way = transport()
    with pytest.raises(HostError, match=r"^lab1 \(.*: no program could be started there: .*MaxSessions"):
        way.start(TALK, b"")

    assert sshd.said().count("Accepted publickey") == 1
    way.close()
