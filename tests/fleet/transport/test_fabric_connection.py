"""Fabric's connection asks for no more than it must, and gives up when nothing can come of it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

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
