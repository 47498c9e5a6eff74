"""Programs on a host share a connection, or get more where its sshd serves few on one; hosts share that to a gate."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from fleet.sshd import Sshd, wait_for

from pageswap.errors import HostError, HostUnreachableError
from pageswap.fleet.transport.connected import Gates
from pageswap.fleet.transport.registry import TRANSPORTS
from pageswap.fleet.transport.transport import Reach

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pageswap.fleet.transport.transport import Transport

HOSTS = 8


class Opened:
    """A gate that knows whether it is open."""

    def __init__(self) -> None:
        """Open it."""
        self.is_open = True

    def close(self) -> None:
        """Close it."""
        self.is_open = False


class TestGates:
    """Who makes a gate, and how long it stays."""

    def test_one_is_shared_until_the_last_lets_go(self) -> None:
        """Another way has one of its own; who comes later gets a new one."""
        gates, made = Gates(), []

        def make() -> Opened:
            made.append(Opened())
            return made[-1]

        with gates.through("a", make) as first, gates.through("b", make) as other:
            with gates.through("a", make) as second:
                assert second is first is not other
            assert first.is_open
        assert [each.is_open for each in made] == [False, False]
        with gates.through("a", make) as later:
            assert later is made[2]

    def test_those_who_come_meanwhile_wait_for_the_first(self) -> None:
        """And share what it has made, or why it could not."""
        gates, waiting, may_go = Gates(), threading.Barrier(3), threading.Event()
        made: list[Opened] = []

        def make() -> Opened:
            may_go.wait(20)
            made.append(Opened())
            if len(made) == 1:
                raise HostError("no way")
            return made[-1]

        def come() -> object:
            waiting.wait(20)
            with gates.through("a", make) as gate:
                return gate

        with ThreadPoolExecutor(3) as pool:
            found = [pool.submit(come) for _ in range(3)]
            wait_for(lambda: waiting.n_waiting == 0)
            may_go.set()
            errors = [future.exception() for future in found]

        assert {str(error) for error in errors if error} == {"no way"}
        assert errors.count(None) + sum(error is not None for error in errors) == 3

    def test_one_that_has_gone_is_made_again(self) -> None:
        """For who comes then; it ends when those who still hold it let go."""
        gates = Gates()
        with gates.through("a", Opened) as first:
            first.is_open = False
            with gates.through("a", Opened) as second:
                assert second is not first
            assert not second.is_open


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Sshd]:
    """Run a gate that turns away who comes while another one is about to log in."""
    running = Sshd(tmp_path / "gate", extra=("MaxStartups 1:100:1",))
    yield running
    running.stop()


@pytest.fixture
def behind(sshd: Sshd, gate: Sshd, via: str) -> Iterator[list[Transport]]:
    """Make transports to as many hosts, each behind the gate."""
    host = sshd.config.read_text().splitlines()[1:]
    names = [f"host{number}" for number in range(HOSTS)]
    own = [line for line in gate.config.read_text().splitlines()[1:] if "IdentityFile" not in line]
    lines = [f"Host {' '.join(names)}", "ProxyJump gate", *host, "Host gate", f"IdentityFile {gate.user_key}", *own, ""]
    sshd.config.write_text("\n".join(lines))
    reach = Reach(sshd.config)
    made = [TRANSPORTS[via](name, reach) for name in names]
    yield made
    for transport in made:
        transport.close()


def told(transport: Transport) -> bytes:
    """Have a program on a host say a word."""
    stream = transport.start(["echo", "here"], b"")
    try:
        return b"".join(iter(stream.read, b""))
    finally:
        stream.close()


def test_many_hosts_are_one_login_at_their_gate(sshd: Sshd, gate: Sshd, behind: list[Transport]) -> None:
    """Whichever comes first; it ends with the last of them."""
    with ThreadPoolExecutor(HOSTS) as pool:
        assert list(pool.map(told, behind)) == [b"here\n"] * HOSTS

    assert gate.said().count("Accepted publickey") == 1
    assert sshd.said().count("Accepted publickey") == HOSTS
    for transport in behind[1:]:
        transport.close()
    assert told(behind[0]) == b"here\n"
    assert gate.sessions()
    behind[0].close()
    wait_for(lambda: not gate.sessions())
    assert gate.said().count("Accepted publickey") == 1


def test_a_gate_that_hangs_up_is_logged_into_once_more(gate: Sshd, behind: list[Transport]) -> None:
    """For all hosts together."""
    with ThreadPoolExecutor(HOSTS) as pool:
        list(pool.map(told, behind))
        gate.kill_sessions()
        assert list(pool.map(_told_again, behind)) == [b"here\n"] * HOSTS

    assert gate.said().count("Accepted publickey") == 2


def _told_again(transport: Transport) -> bytes:
    """Try until the break is noticed."""

    def attempt() -> bytes:
        try:
            return told(transport)
        except HostError:
            return b""

    return bytes(wait_for(attempt))


def test_a_gate_that_is_away_is_told_of_each_host(gate: Sshd, behind: list[Transport]) -> None:
    """By its own name."""
    gate.stop()
    for transport in behind[:2]:
        with pytest.raises(HostUnreachableError, match=r"^gate \(.*: cannot be reached: Connection refused"):
            told(transport)


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
