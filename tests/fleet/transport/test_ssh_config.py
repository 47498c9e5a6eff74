"""Everything about reaching a host is the ssh_config's to say, as ssh reads it, and none of it is ever shown."""

from __future__ import annotations

import getpass
import traceback
from typing import TYPE_CHECKING

import pytest
from requirement import require_ssh

from pageswap.errors import HostError
from pageswap.fleet.transport import ssh_config
from pageswap.fleet.transport.ssh_config import Route, route_of, way_to
from pageswap.fleet.transport.transport import Reach

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "s3cret"  # noqa: S105 - nobody's


@pytest.fixture(params=["ssh", "no ssh"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have the ssh_config read by ssh, or by paramiko as where there is none."""
    if request.param == "ssh":
        require_ssh()
    else:
        monkeypatch.setenv("PATH", "/nowhere")
    return str(request.param)


def route(tmp_path: Path, text: str, alias: str = "lab1") -> Route:
    """Look an alias up in a config with that text."""
    path = tmp_path / "config"
    path.write_text(text)
    return route_of(alias, Reach(path))


@pytest.mark.usefixtures("reader")
class TestEitherReader:
    """What both understand they read alike."""

    def test_a_host_is_reached_as_it_says(self, tmp_path: Path) -> None:
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
        assert found.lacks == ()

    def test_an_alias_that_it_does_not_name_is_an_address(self, tmp_path: Path) -> None:
        """With ssh's defaults."""
        found = route(tmp_path, "Host other\n  Port 1\n")

        assert (found.host, found.port, found.user) == ("lab1", 22, getpass.getuser())
        assert (found.jumps, found.proxy_command) == ((), None)
        assert found.shown == "lab1"
        assert [path.name for path in found.known_hosts.user_files] == ["known_hosts", "known_hosts2"]
        assert str(found.known_hosts.global_files[0]) == "/etc/ssh/ssh_known_hosts"
        assert any(name.endswith("/.ssh/id_ed25519") for name in found.identity_files)

    @pytest.mark.parametrize(
        ("text", "jumps", "command"),
        [
            ("ProxyJump a", ("a",), None),
            ("ProxyJump u@a:22,[::1]:2", ("u@a:22", "[::1]:2"), None),
            ("User u\nProxyJump %r@g-%h", ("u@g-h",), None),
            ("ProxyJump none\nProxyCommand nc x", (), "nc x"),
            ("ProxyCommand none\nProxyJump a", (), None),
            ("ProxyCommand nc %h %p", (), "nc h 22"),
            ("ProxyCommand none", (), None),
            ("ProxyCommand nc x\nProxyJump a", (), "nc x"),
            ("ProxyJump a\nProxyCommand nc x", ("a",), None),
        ],
    )
    def test_the_way_through_others(
        self, tmp_path: Path, text: str, jumps: tuple[str, ...], command: str | None
    ) -> None:
        """Of the two ways the one that is given first holds."""
        found = route(tmp_path, f"Host lab1\nHostName h\n{text}\n")

        assert (found.jumps, found.proxy_command) == (jumps, command)

    def test_hosts_on_the_way_are_looked_up_too(self, tmp_path: Path) -> None:
        """The nearest last; what leads to one holds before what is said of it, and those before it lead to it."""
        text = "Host lab1\nProxyJump a,u@b:5,ssh://c\nHost a b c\nPort 3\nUser other\nHostName h-%h\n"
        (tmp_path / "config").write_text(text)
        _, *way = way_to("lab1", Reach(tmp_path / "config"))

        assert [(each.alias, each.host, each.user, each.port) for each in way] == [
            ("c", "h-c", "other", 3),
            ("b", "h-b", "u", 5),
            ("a", "h-a", "other", 3),
        ]
        assert [each.jumps for each in way] == [("a", "u@b:5"), ("a",), ()]
        assert [dict(each.given) for each in way] == [
            {"proxyjump": "a,u@b:5"},
            {"user": "u", "port": "5", "proxyjump": "a"},
            {},
        ]

    def test_a_match_holds_where_it_matches(self, tmp_path: Path) -> None:
        """Also one that asks what earlier lines have set."""
        text = "Host lab*\nHostName 10.0.0.7\nMatch host 10.0.* user nobody\nPort 3\nMatch originalhost lab1\nPort 4\n"

        assert route(tmp_path, text).port == 4
        assert route(tmp_path, text, "lab2").port == 22

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        """If it was asked for."""
        with pytest.raises(HostError, match=r"nowhere: no such ssh_config"):
            route_of("lab1", Reach(tmp_path / "nowhere"))

    @pytest.mark.parametrize("text", [f"Host lab1\nPort {SECRET}\n", f"{SECRET}\n", f'Host "{SECRET}\n'])
    def test_what_cannot_be_understood_is_not_repeated(self, tmp_path: Path, text: str) -> None:
        """The line may hold a secret."""
        with pytest.raises(HostError, match=r"understood as an ssh_config; 'ssh -G ALIAS' tells|install one") as raised:
            route(tmp_path, text)

        assert SECRET not in "".join(traceback.format_exception(raised.value))

    def test_a_route_shows_none_of_its_secrets(self, tmp_path: Path) -> None:
        """Neither in an error nor in a debugger's output."""
        text = f"Host lab1\nHostName h\nUser {SECRET}\nIdentityFile {SECRET}\nProxyCommand nc {SECRET}\n"
        found = route(tmp_path, text)

        assert SECRET not in repr(found) + str(found) + found.shown


@pytest.mark.parametrize("reader", ["ssh"], indirect=True)
@pytest.mark.usefixtures("reader")
class TestSsh:
    """What only ssh itself knows for certain."""

    def test_files_are_included_where_they_are_named(self, tmp_path: Path) -> None:
        """What follows belongs to the block again, and the first value holds."""
        (tmp_path / "one.conf").write_text("User included\nHost lab2\nPort 2\n")
        found = route(tmp_path, f"Host lab1\nInclude {tmp_path}/*.conf\nPort 1\nUser late\nHost *\nPort 9\n")

        assert (found.user, found.port) == ("included", 1)

    def test_including_itself_ends(self, tmp_path: Path) -> None:
        """With an error."""
        with pytest.raises(HostError, match="'ssh -G ALIAS' tells what is wrong"):
            route(tmp_path, f"Include {tmp_path}/config\n")

    def test_tokens_and_variables_in_paths(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As in a command; what is not known is left to ssh itself."""
        monkeypatch.setenv("PLACE", str(tmp_path))
        text = "Host lab1\nHostName h\nPort 7\nIdentityFile ${PLACE}/%n-%h-%p%%\n"
        found = route(tmp_path, f"{text}UserKnownHostsFile {tmp_path}/%k\nProxyCommand nc ${{PLACE}} %h # %r\n")

        assert found.identity_files == (f"{tmp_path}/lab1-h-7%",)
        assert found.known_hosts.user_files == (tmp_path / "lab1",)
        assert found.proxy_command == f"nc ${{PLACE}} h # {getpass.getuser()}"
        assert route(tmp_path, "IdentityFile /x/%C\n").lacks == ("a token",)

    @pytest.mark.parametrize(
        "line",
        [
            "CertificateFile /x-cert.pub",
            "IdentityAgent /x",
            "KnownHostsCommand /bin/x",
            "ProxyUseFdpass yes",
            "PKCS11Provider /x.so",
            "RevokedHostKeys /x",
            "HostbasedAuthentication yes",
            "AddressFamily inet6",
            "BindAddress ::1",
        ],
    )
    def test_what_the_library_lacks_is_named(self, tmp_path: Path, line: str) -> None:
        """Whatever decides which host answers, or who is let in."""
        assert route(tmp_path, f"Host lab1\n{line}\n").lacks == (line.partition(" ")[0].lower(),)

    def test_what_lies_beside_a_key_or_in_known_hosts(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A certificate, a key in hardware, an authority; and a ticket where GSSAPI is asked for."""
        (tmp_path / "a-cert.pub").touch()
        (tmp_path / "b.pub").write_text("sk-ssh-ed25519@openssh.com AAAA\n")
        (tmp_path / "known").write_text("@cert-authority lab* ssh-ed25519 AAAA\n")
        monkeypatch.setenv("KRB5CCNAME", "/x")
        files = f"IdentityFile {tmp_path}/a\nIdentityFile {tmp_path}/b\nUserKnownHostsFile {tmp_path}/known\n"
        found = route(tmp_path, f"{files}GSSAPIAuthentication yes\n")

        assert found.lacks == (
            "gssapiauthentication",
            "a certificate beside its key",
            "a key in hardware",
            "@cert-authority",
        )


@pytest.mark.parametrize("reader", ["no ssh"], indirect=True)
@pytest.mark.usefixtures("reader")
class TestWithoutSsh:
    """Where nobody can be asked, nothing is guessed."""

    @pytest.mark.parametrize(
        "line",
        [
            "Include other",
            "Match tagged x",
            "Match localnetwork 10.0.0.0/8",
            "Match final host x",
            "CanonicalizeHostname yes",
            "Port 22 # the usual",
            "IdentityFile /100%%",
            "Tag x",
        ],
    )
    def test_a_line_that_ssh_may_read_otherwise_is_named(self, tmp_path: Path, line: str) -> None:
        """By its number only."""
        with pytest.raises(HostError, match=r"config:2: without an OpenSSH client .*; install one"):
            route(tmp_path, f"Host lab1\n{line}\n")

    def test_a_time_with_a_unit_is_an_error(self, tmp_path: Path) -> None:
        """Ssh reads it."""
        with pytest.raises(HostError, match="cannot be understood"):
            route(tmp_path, "ConnectTimeout 1m\n")

    def test_the_users_and_the_systems_hold(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """In this order; a setting outside of any block at the second's beginning is for every host."""
        (tmp_path / "user").write_text("Host other\nUser other\n")
        (tmp_path / "system").write_text("User everyone\nPort 7\n")
        monkeypatch.setattr(ssh_config, "USER_CONFIG", tmp_path / "user")
        monkeypatch.setattr(ssh_config, "GLOBAL_CONFIG", tmp_path / "system")

        assert (route_of("lab1", Reach()).user, route_of("lab1", Reach()).port) == ("everyone", 7)
        assert route_of("other", Reach()).user == "other"
