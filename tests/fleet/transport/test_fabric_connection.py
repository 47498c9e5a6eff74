"""Fabric's connection asks for no more than it must, and gives up when nothing can come of it."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import paramiko
import pytest
from requirement import require_ssh

from pageswap.errors import (
    HostUnreachableError,
)
from pageswap.fleet.inventory import InventoryHost
from pageswap.fleet.target import make_target
from pageswap.fleet.transport import fabric_connection
from pageswap.fleet.transport import transport as limits
from pageswap.fleet.transport.link_errors import HopelessError
from pageswap.fleet.transport.ssh_config import route_of
from pageswap.fleet.transport.transport import Reach

if TYPE_CHECKING:
    from pathlib import Path

    from fleet.sshd import Sshd


def test_the_kernel_gives_up_on_a_dead_link_as_early_as_we_do(tmp_path: Path) -> None:
    """What it sent and nobody acknowledged, it would send again for a quarter of an hour."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        config = tmp_path / "ssh_config"
        config.write_text(f"Host lab1\nHostName 127.0.0.1\nPort {server.getsockname()[1]}\n")
        with fabric_connection.tcp_socket(route_of("lab1", Reach(config))) as found:
            patience_ms = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)

            assert patience_ms == limits.PATIENCE_S * 1000
            assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


@pytest.mark.parametrize(
    ("number", "is_hopeless", "words"),
    [
        (socket.EAI_NONAME, True, r"no such host name \(.*\); give the alias a HostName"),
        (socket.EAI_AGAIN, False, r"no such host name so far \(the resolver's words\)"),
    ],
)
def test_an_unknown_name_is_hopeless_unless_nobody_could_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str, *, is_hopeless: bool
) -> None:
    """It will be as unknown a second later; a name server that was busy may answer then."""

    def unknown(*_: object) -> None:
        raise socket.gaierror(number, "the resolver's words")

    monkeypatch.setattr(socket, "create_connection", unknown)
    config = tmp_path / "ssh_config"
    config.write_text("Host lab1\nHostName no-such-host.invalid\n")
    with pytest.raises(HostUnreachableError, match=words) as raised:
        make_target(InventoryHost("lab1", via="fabric"), Reach(config)).facts()

    assert isinstance(raised.value, HopelessError) == is_hopeless


def test_what_is_sent_on_a_channel_as_it_is_closed_ends_no_other(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """An sshd hangs up for it, also on the other hosts that are reached through it."""
    require_ssh()
    reach = Reach(sshd.config)
    gate = fabric_connection.FabricConnection([route_of(sshd.alias, reach)], reach)
    gate.connect()
    send = paramiko.Transport.__dict__["_send_user_message"]
    waits, is_closed = threading.Event(), threading.Event()

    def late(transport: Any, message: paramiko.Message) -> None:
        if message.asbytes()[0] == paramiko.common.MSG_CHANNEL_DATA:
            waits.set()
            assert is_closed.wait(60)
        send(transport, message)

    channel = gate.forward(gate.route.host, gate.route.port)
    monkeypatch.setattr(paramiko.Transport, "_send_user_message", late)
    sender = threading.Thread(target=channel.send, args=(b"late",))
    sender.start()
    assert waits.wait(60)
    channel.close()
    # The sshd has closed it too before it begins anything else.
    assert gate.execute("echo first").recv(100) == b"first\n"
    is_closed.set()
    sender.join()

    assert gate.execute("echo then").recv(100) == b"then\n"
    gate.close()
