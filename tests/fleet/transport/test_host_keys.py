"""Host keys are judged as ssh judges them, and nothing is trusted that was not trusted before."""

from __future__ import annotations

import base64
import hashlib
import hmac
import shlex
from typing import TYPE_CHECKING

import pytest

from pageswap.errors import HostKeyError
from pageswap.fleet.transport.host_keys import KnownHosts, fingerprint_of

if TYPE_CHECKING:
    from pathlib import Path

KEY, OTHER = b"the host's own key", b"somebody else's key"
ED, RSA = "ssh-ed25519", "ssh-rsa"


def line(names: str, key: bytes = KEY, key_type: str = ED, marker: str = "") -> str:
    """Return a line of known_hosts."""
    return " ".join([*([marker] if marker else []), names, key_type, base64.b64encode(key).decode(), "comment"]) + "\n"


def hashed(name: str) -> str:
    """Return a name as ssh's HashKnownHosts writes it."""
    salt = b"0123456789abcdefghij"
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the user's known_hosts, which is not there yet."""
    return tmp_path / "ssh" / "known_hosts"


def check(file: Path, text: str, host: str = "lab.example", port: int = 22, *, accept_new: bool = False) -> None:
    """Judge KEY by a file with that text."""
    if text:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    KnownHosts.of(host, port, None, [file], []).check(ED, KEY, accept_new=accept_new, shown="lab1")


@pytest.mark.parametrize(
    ("names", "host", "port"),
    [
        ("lab.example", "lab.example", 22),
        ("other,lab.example,10.0.0.1", "lab.example", 22),
        ("LAB.example", "lab.EXAMPLE", 22),
        ("*.example", "lab.example", 22),
        ("lab?example", "lab.example", 22),
        ("!bad.example,*.example", "lab.example", 22),
        (hashed("lab.example"), "lab.example", 22),
        ("[lab.example]:2222", "lab.example", 2222),
        (hashed("[lab.example]:2222"), "lab.example", 2222),
        ("[*.example]:*", "lab.example", 2222),
        ("lab.example", "lab.example", 2222),
        ("fe80::1", "fe80::1", 22),
    ],
)
def test_a_key_is_known_under_every_form_of_its_name(file: Path, names: str, host: str, port: int) -> None:
    """Patterns, hashes, ports, and the bare name for another port, as ssh does."""
    check(file, "# a comment\n\nnonsense\n" + line(names), host, port)


@pytest.mark.parametrize(
    ("names", "host", "port"),
    [
        ("lab.example", "lab.example.org", 22),
        ("[lab.example]:2222", "lab.example", 22),
        ("!lab.example,*.example", "lab.example", 22),
        (hashed("lab.example"), "lab2.example", 22),
        ("|1|nonsense", "lab.example", 22),
        ("l[a]b.example", "lab.example", 22),
    ],
)
def test_a_name_that_does_not_match_is_no_knowledge(file: Path, names: str, host: str, port: int) -> None:
    """Even when the key is the same."""
    with pytest.raises(HostKeyError, match=r"lab1: .* is unknown; compare .*--accept-new"):
        check(file, line(names), host, port)


def test_an_unknown_key_is_named_by_its_fingerprint(file: Path) -> None:
    """As ssh-keygen shows it, so that they can be compared."""
    with pytest.raises(HostKeyError) as raised:
        check(file, "")

    assert f"{ED} {fingerprint_of(KEY)}" in str(raised.value)
    assert fingerprint_of(KEY).startswith("SHA256:")
    assert raised.value.exit_code == 3


@pytest.mark.parametrize("key_type", [ED, RSA])
@pytest.mark.parametrize("accept_new", [False, True])
def test_a_changed_key_is_refused_whatever_is_accepted(file: Path, key_type: str, *, accept_new: bool) -> None:
    """Also where the known key is of another type; the text says where it is known and how to forget it."""
    with pytest.raises(HostKeyError, match=r"has changed: .*known_hosts:1 has .*`ssh-keygen -R lab\.example -f /"):
        check(file, line("lab.example", OTHER, key_type), accept_new=accept_new)

    assert file.read_text() == line("lab.example", OTHER, key_type)


def test_what_forgets_a_key_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    """It names the file, wherever that is, and no word of it means anything to the shell."""
    file = tmp_path / "my $(touch canary) hosts"
    with pytest.raises(HostKeyError) as raised:
        check(file, line("[lab.example]:2222", OTHER), port=2222)
    command = str(raised.value).split("`")[1]

    assert shlex.split(command) == ["ssh-keygen", "-R", "[lab.example]:2222", "-f", str(file)]
    assert f"'[lab.example]:2222' -f '{file}'" in command


def test_a_revoked_key_is_refused_although_it_is_known(file: Path) -> None:
    """Its owner knows why."""
    with pytest.raises(HostKeyError, match="is revoked by"):
        check(file, line("lab.example") + line("*", marker="@revoked"), accept_new=True)


def test_a_certificate_authority_is_no_host_key(file: Path) -> None:
    """A host that shows the authority's key as its own is not trusted for that."""
    with pytest.raises(HostKeyError, match="is unknown"):
        check(file, line("lab.example", marker="@cert-authority"))


def test_accepting_writes_it_down_for_the_next_time(file: Path) -> None:
    """Into a file that may have been missing, or lack its last newline; only its user may read it."""
    check(file, "", port=2222, accept_new=True)

    assert file.read_text() == f"[lab.example]:2222 {ED} {base64.b64encode(KEY).decode()}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    check(file, "", port=2222)
    check(file, line("a").rstrip("\n"), accept_new=True)
    assert file.read_text().splitlines()[1].startswith("lab.example ")


def test_a_key_that_is_known_without_the_port_is_not_written_again(file: Path) -> None:
    """Nothing is new about it."""
    check(file, line("lab.example"), port=2222, accept_new=True)

    assert file.read_text() == line("lab.example")


def test_the_systems_file_holds_too(tmp_path: Path, file: Path) -> None:
    """After the user's."""
    everyone = tmp_path / "ssh_known_hosts"
    everyone.write_text(line("lab.example"))
    hosts = KnownHosts.of("lab.example", 22, None, [file], [everyone])

    hosts.check(ED, KEY, accept_new=False, shown="lab1")
    assert hosts.key_types() == [ED]


def test_an_alias_stands_for_name_and_port(file: Path) -> None:
    """As ssh's HostKeyAlias."""
    file.parent.mkdir()
    file.write_text(line("rack"))

    KnownHosts.of("10.1.2.3", 2222, "rack", [file], []).check(ED, KEY, accept_new=False, shown="lab1")


def test_without_a_file_nothing_can_be_accepted() -> None:
    """UserKnownHostsFile none."""
    with pytest.raises(HostKeyError, match="UserKnownHostsFile none"):
        KnownHosts.of("lab", 22, None, [], []).check(ED, KEY, accept_new=True, shown="lab1")


def test_a_file_that_cannot_be_read_is_no_empty_file(tmp_path: Path) -> None:
    """Else a known host would be unknown, and be accepted."""
    with pytest.raises(HostKeyError, match="cannot be read"):
        KnownHosts.of("lab", 22, None, [tmp_path], []).check(ED, KEY, accept_new=True, shown="lab1")
