"""What the system's ssh says of a connection that did not come about is told as one error with its cure."""

from __future__ import annotations

import pytest

from pageswap.errors import HostAuthError, HostError, HostKeyError, HostUnreachableError
from pageswap.fleet.transport.link_errors import HopelessError, meaning

FAILED = "\nHost key verification failed."
STRICT = f" and you have requested strict checking.{FAILED}"


@pytest.mark.parametrize(
    ("words", "kind", "text"),
    [
        ("ssh: Could not resolve hostname x: Name or service not known", HopelessError, "no such host name"),
        ("Could not resolve hostname x: Temporary failure in name resolution", HostUnreachableError, "so far"),
        ("connect to host x port 22: No route to host\r\n", HostUnreachableError, "No route to host; try"),
        ("Unable to negotiate with x port 22: no matching cipher found", HopelessError, "offers no algorithm"),
        ("Connection timed out during banner exchange", HostUnreachableError, "no answer in time"),
        ("Received disconnect from x port 2:2: Too many authentication failures", HostAuthError, "let nobody in"),
        (f"RSA host key for x was revoked{STRICT}", HostKeyError, "host key kind print is revoked by known_hosts;"),
        (f"Host key RSA x revoked by file /a b{FAILED}", HostKeyError, "host key kind print is revoked by /a b;"),
        (f"Host key for x has changed{STRICT}", HostKeyError, "has changed: found kind print, known_hosts has"),
        (f"Offending RSA key in /a:3\n  remove with:\nHost key for x has changed{STRICT}", HostKeyError, "/a:3 has"),
        (FAILED, HostKeyError, "host key kind print is unknown"),
        ("/c: line 3: Bad configuration option: x\nterminating, 1 bad configuration options", HostError, "ssh -G"),
        ("stdio forwarding failed", HostUnreachableError, "the jump host cannot connect"),
        ("", HostUnreachableError, "no SSH server answers there"),
    ],
)
def test_what_ssh_says_is_one_of_our_errors(words: str, kind: type[HostError], text: str) -> None:
    """With its cure, and without the words themselves, which may be secret."""
    error = meaning(f"secret\n{words}\n", "lab1", "lab1 (x:22)", "kind print")

    assert type(error) is kind
    assert text in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    "words",
    [
        f"x: Host key for x has changed{STRICT}\nand more",
        f"Host key RSA x revoked by file /a{FAILED} x",
        "/keys/x: Too many authentication failures",
        "/home/Unable to negotiate with/key: No such file or directory",
        "x connect to host x port 22: evil",
        "the host x timed out",
        "x open failed: administratively prohibited",
    ],
)
def test_what_is_no_sentence_of_ssh_s_own_means_nothing(words: str) -> None:
    """As where one of its sentences stands within a path, a name or another program's words."""
    error = meaning(f"{words}\n", "lab1", "lab1 (x:22)")

    assert type(error) is HostUnreachableError
    assert "no SSH server answers there" in str(error)
