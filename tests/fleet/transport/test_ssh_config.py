"""Everything about reaching a host is the ssh_config's to say, and none of it is ever shown."""

from __future__ import annotations

import getpass
import traceback
from typing import TYPE_CHECKING

import pytest

from pageswap.errors import HostError
from pageswap.fleet.transport import ssh_config
from pageswap.fleet.transport.ssh_config import Hop, Route, SshConfig

if TYPE_CHECKING:
    from pathlib import Path


def route(tmp_path: Path, text: str, alias: str = "lab1") -> Route:
    """Look an alias up in a config with that text."""
    path = tmp_path / "config"
    path.write_text(text)
    return SshConfig(path).route(alias)


def test_a_host_is_reached_as_it_says(tmp_path: Path) -> None:
    """Address, port, user, keys, time limit, and where its key is known."""
    found = route(
        tmp_path,
        f"""
        Host lab*
            HostName 10.0.0.7
            Port = 2222
            User someone
            IdentityFile {tmp_path}/key
            IdentitiesOnly yes
            ConnectTimeout 7
            HostKeyAlias rack
            UserKnownHostsFile "{tmp_path}/with space" /other
            GlobalKnownHostsFile none
        """,
    )

    assert (found.host, found.port, found.user) == ("10.0.0.7", 2222, "someone")
    assert (found.identity_files, found.is_identities_only) == ((f"{tmp_path}/key",), True)
    assert found.connect_timeout_s == 7
    assert found.known_hosts.name == "rack"
    assert [str(path) for path in found.known_hosts.user_files] == [f"{tmp_path}/with space", "/other"]
    assert found.known_hosts.global_files == ()
    assert found.shown == "lab1 (10.0.0.7:2222)"


def test_an_alias_that_it_does_not_name_is_an_address(tmp_path: Path) -> None:
    """With ssh's defaults."""
    found = route(tmp_path, "Host other\n  Port 1\n")

    assert (found.host, found.port, found.user) == ("lab1", 22, getpass.getuser())
    assert (found.hops, found.proxy_command) == ((), None)
    assert found.shown == "lab1"
    assert [path.name for path in found.known_hosts.user_files] == ["known_hosts", "known_hosts2"]
    assert str(found.known_hosts.global_files[0]) == "/etc/ssh/ssh_known_hosts"


@pytest.mark.parametrize(
    ("text", "hops", "command"),
    [
        ("ProxyJump a", (Hop("a", None, None),), None),
        ("ProxyJump u@a:22,[::1]:2,ssh://b", (Hop("a", "u", 22), Hop("::1", None, 2), Hop("b", None, None)), None),
        ("ProxyJump none\nProxyCommand nc x", (), None),
        ("ProxyCommand nc %h %p", (), "nc h 22"),
        ("ProxyCommand none", (), None),
        ("ProxyCommand nc x\nProxyJump a", (), "nc x"),
        ("ProxyJump a\nProxyCommand nc x", (Hop("a", None, None),), None),
    ],
)
def test_the_way_through_others(tmp_path: Path, text: str, hops: tuple[Hop, ...], command: str | None) -> None:
    """Of the two ways the one that is given first holds."""
    found = route(tmp_path, f"Host lab1\nHostName h\n{text}\n")

    assert (found.hops, found.proxy_command) == (hops, command)


def test_files_are_included_where_they_are_named(tmp_path: Path) -> None:
    """Paramiko leaves them out; what follows belongs to the block again, and the first value holds."""
    (tmp_path / "one.conf").write_text("User included\nHost lab2\nPort 2\n")
    found = route(tmp_path, f"Host lab1\nInclude {tmp_path}/*.conf\nPort 1\nUser late\nHost *\nPort 9\n")

    assert (found.user, found.port) == ("included", 1)


def test_a_match_holds_where_it_matches(tmp_path: Path) -> None:
    """Also one that asks what earlier lines have set."""
    text = "Host lab*\nHostName 10.0.0.7\nMatch host 10.0.* user nobody\nPort 3\nMatch originalhost lab1\nPort 4\n"

    assert route(tmp_path, text).port == 4
    assert route(tmp_path, text, "lab2").port == 22


def test_including_itself_ends(tmp_path: Path) -> None:
    """With an error."""
    with pytest.raises(HostError, match="levels of Include"):
        route(tmp_path, f"Include {tmp_path}/config\n")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """If it was asked for."""
    with pytest.raises(HostError, match=r"nowhere: no such ssh_config"):
        SshConfig(tmp_path / "nowhere")


def test_without_one_the_users_and_the_systems_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this order; a setting outside of any block at the second's beginning is for every host."""
    (tmp_path / "user").write_text("Host other\nUser other\n")
    (tmp_path / "system").write_text("User everyone\nPort 7\n")
    monkeypatch.setattr(ssh_config, "USER_CONFIG", tmp_path / "user")
    monkeypatch.setattr(ssh_config, "GLOBAL_CONFIG", tmp_path / "system")

    assert (SshConfig().route("lab1").user, SshConfig().route("lab1").port) == ("everyone", 7)
    assert SshConfig().route("other").user == "other"


@pytest.mark.parametrize(
    "text", ["Host lab1\nPort s3cret\n", "s3cret\n", "Host lab1\nProxyJump @s3cret@\n", 'Host "s3cret\n']
)
def test_what_cannot_be_understood_is_not_repeated(tmp_path: Path, text: str) -> None:
    """The line may hold a secret."""
    with pytest.raises(HostError, match="cannot be understood as an ssh_config; 'ssh -G ALIAS' tells") as raised:
        route(tmp_path, text)

    assert "s3cret" not in "".join(traceback.format_exception(raised.value))


def test_a_route_shows_none_of_its_secrets(tmp_path: Path) -> None:
    """Neither in an error nor in a debugger's output."""
    found = route(tmp_path, "Host lab1\nHostName h\nUser s3cret\nIdentityFile s3cret\nProxyCommand nc s3cret\n")

    assert "s3cret" not in repr(found) + str(found) + found.shown
