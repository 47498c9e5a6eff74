"""What the system's ssh says of a connection that did not come about is told as one error with its cure."""

from __future__ import annotations

import pytest

from pageswap.errors import HostAuthError, HostError, HostKeyError, HostUnreachableError
from pageswap.fleet.transport.link_errors import HopelessError, meaning


@pytest.mark.parametrize(
    ("words", "kind", "text"),
    [
        ("ssh: Could not resolve hostname x: Name or service not known", HopelessError, "no such host name"),
        ("Could not resolve hostname x: Temporary failure in name resolution", HostUnreachableError, "so far"),
        ("connect to host x port 22: No route to host\r\n", HostUnreachableError, "No route to host; try"),
        ("Unable to negotiate with x port 22: no matching cipher found", HopelessError, "offers no algorithm"),
        ("Connection timed out during banner exchange", HostUnreachableError, "no answer in time"),
        ("Received disconnect from x port 2:2: Too many authentication failures", HostAuthError, "let nobody in"),
        ("@    WARNING: REVOKED HOST KEY DETECTED!   @", HostKeyError, "host key kind print is revoked"),
        ("/c: line 3: Bad configuration option: x\nterminating, 1 bad configuration options", HostError, "ssh -G"),
        ("stdio forwarding failed", HostUnreachableError, "the jump host cannot connect"),
        ("", HostUnreachableError, "no SSH server answers there"),
    ],
)
def test_what_ssh_says_is_one_of_our_errors(words: str, kind: type[HostError], text: str) -> None:
    """With its cure, and without the words themselves, which may be secret."""
    error = meaning(f"debug1: secret\n{words}\n", "lab1", "lab1 (x:22)", "kind print")

    assert type(error) is kind
    assert text in str(error)
    assert "secret" not in str(error)
