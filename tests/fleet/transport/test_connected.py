"""Programs on a host share a connection, or get more where its sshd serves few on one; hosts share that to a gate."""

from __future__ import annotations

import dataclasses
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from fleet.sshd import Sshd, wait_for
from requirement import require_ssh

from pageswap.errors import HostError, HostUnreachableError
from pageswap.fleet.transport.connected import Connection, Gates
from pageswap.fleet.transport.link_errors import HopelessError
from pageswap.fleet.transport.registry import TRANSPORTS
from pageswap.fleet.transport.ssh_config import route_of
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

    @pytest.mark.parametrize("fault", [None, HostError("no way")])
    def test_those_who_come_meanwhile_wait_for_the_first(self, fault: HostError | None) -> None:
        """And share what it has made, or why it could not."""
        gates, may_go = Gates(), threading.Event()
        made: list[Opened] = []
        looked_up: list[int] = []

        class Way:
            def __hash__(self) -> int:
                looked_up.append(1)
                return 1

        def make() -> Opened:
            may_go.wait(20)
            made.append(Opened())
            if fault:
                raise fault
            return made[-1]

        def come(way: Way) -> object:
            with gates.through(way, make) as gate:
                all_in.wait(20)
                return gate

        way, all_in = Way(), threading.Barrier(3)
        with ThreadPoolExecutor(3) as pool:
            found = [pool.submit(come, way) for _ in range(3)]
            # Each looks once, and the first writes once.
            wait_for(lambda: len(looked_up) == 3 + 1)
            with gates.through("b", Opened):  # whoever looked last has let go of the table
                may_go.set()
            errors = [future.exception() for future in found]

        assert errors == [fault] * 3
        assert len(made) == 1
        assert fault or {future.result() for future in found} == set(made)

    def test_one_that_has_gone_is_made_again(self) -> None:
        """For who comes then; it ends when those who still hold it let go."""
        gates = Gates()
        with gates.through("a", Opened) as first:
            first.is_open = False
            with gates.through("a", Opened) as second:
                assert second is not first
            assert not second.is_open


class Through(Connection):
    """A connection that is open as soon as what it goes through is."""

    is_open = True
    gate: Through | None = None

    def open(self) -> None:
        """Go through the others."""
        self.gate = self._gate()


@pytest.mark.parametrize("change", [{"user": "u"}, {"identity_files": ("key",)}, {"proxy_command": "nc x"}])
def test_a_gate_that_is_reached_in_another_way_is_another_one(tmp_path: Path, change: dict[str, Any]) -> None:
    """Only what is the same in all is shared."""
    reach = Reach(tmp_path / "config")
    (tmp_path / "config").write_text("Host lab1\nPort 3\n")
    host, gate = route_of("lab1", reach), route_of("gate", reach)
    ways = [[host, gate], [host, gate], [host, dataclasses.replace(gate, **change)]]
    first, second, other = made = [Through(way, reach) for way in ways]
    for each in made:
        each.connect()

    assert first.gate is second.gate is not other.gate
    for each in made:
        each.close()


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


@pytest.mark.parametrize("is_gate", [False, True])
def test_connecting_ends_with_the_transport(tmp_path: Path, via: str, *, is_gate: bool) -> None:
    """As a host that cannot be reached, whichever of those on the way is the one that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(1) as pool:
        lines = ["HostName 127.0.0.1", f"Port {silent.getsockname()[1]}", "ConnectTimeout 600", ""]
        config = tmp_path / "ssh_config"
        config.write_text("\n".join([*(["Host lab1", "ProxyJump gate"] if is_gate else []), "Host *", *lines]))
        transport = TRANSPORTS[via]("lab1", Reach(config))
        told_of = pool.submit(told, transport)
        silent.settimeout(60)
        taken, _ = silent.accept()
        with taken:
            assert taken.recv(4) == b"SSH-"
            closer = threading.Thread(target=transport.close)
            closer.start()
            closer.join(30)

            assert not closer.is_alive()
            assert isinstance(told_of.exception(), HostUnreachableError)


@pytest.mark.parametrize("is_gate", [False, True])
def test_connecting_ends_that_is_just_being_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_gate: bool
) -> None:
    """The ssh that connects is there, and known to nobody yet."""
    require_ssh()
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(1) as pool:
        way = ["Host lab1", "ProxyJump gate"] if is_gate else []
        lines = [*way, "Host *", "HostName 127.0.0.1", f"Port {silent.getsockname()[1]}", "ConnectTimeout 600", ""]
        config = tmp_path / "ssh_config"
        config.write_text("\n".join(lines))
        transport = TRANSPORTS["openssh"]("lab1", Reach(config))
        closer = threading.Thread(target=transport.close)

        class BegunLate(subprocess.Popen[bytes]):
            def __init__(self, *arguments: Any, **options: Any) -> None:
                super().__init__(*arguments, **options)
                if "-M" in self.args and not closer.ident:
                    closer.start()
                    closer.join(1)

        monkeypatch.setattr("pageswap.fleet.transport.openssh.subprocess.Popen", BegunLate)
        told_of = pool.submit(told, transport)

        assert isinstance(told_of.exception(30), HostUnreachableError)
        closer.join()


def test_what_a_gate_says_of_one_host_is_told_of_no_other(tmp_path: Path, sshd: Sshd, via: str) -> None:
    """One hangs up, while the gate forwards nothing to the other."""
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(1) as pool:
        port = silent.getsockname()[1]
        sshd.stop()
        sshd.extra = [f"PermitOpen 127.0.0.1:{port}"]
        sshd.start()
        own = sshd.config.read_text().splitlines()[1:]
        config = tmp_path / "ssh_config"
        ways = ["Host lab1", f"Port {port}", "Host lab2", "Port 1", "Host lab1 lab2", "ProxyJump gate", "Host *"]
        config.write_text("\n".join([*ways, *own, ""]))
        one, other = (TRANSPORTS[via](name, Reach(config)) for name in ("lab1", "lab2"))
        told_of = pool.submit(told, one)
        silent.settimeout(60)
        taken, _ = silent.accept()
        with taken:
            assert taken.recv(4) == b"SSH-"
            with pytest.raises(HopelessError, match=r"^lab2 \(.*forwards nothing"):
                told(other)
        error = told_of.exception()

        assert str(error).startswith(f"lab1 (127.0.0.1:{port}): cannot be reached: no SSH server answers")
        assert not isinstance(error, HopelessError)
        for transport in (one, other):
            transport.close()


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
