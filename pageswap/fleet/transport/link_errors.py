"""What can be wrong with the way to a host, each with its cure, whatever found it.

`shown` is the host's alias and address, the only parts of an ssh_config that an error may name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pageswap.errors import HostAuthError, HostError, HostKeyError, HostLinkLostError, HostUnreachableError
from pageswap.fleet.transport.transport import SEND_S

if TYPE_CHECKING:
    from collections.abc import Callable


class HopelessError(HostUnreachableError):
    """No connection came about, and another attempt a moment later would end the same way."""


class FabricLacksError(HopelessError):
    """What Fabric's library cannot do, and the system's ssh may be able to."""


def lost(alias: str) -> HostLinkLostError:
    """Return the error for a connection that broke."""
    return HostLinkLostError(
        f"{alias}: the connection is lost; what runs there goes on for the lease's time: 'inv resume' collects it"
    )


def refused(alias: str, shown: str) -> HostAuthError:
    """Return the error for a host, shown with its address, that let nobody in."""
    return HostAuthError(
        f"{shown}: let nobody in with the user and keys of your ssh_config; 'ssh {alias} true' must work without"
        " asking: set User and IdentityFile there, or ssh-add the key"
    )


def locked(shown: str) -> HostAuthError:
    """Return the error for a key that only its owner can unlock."""
    return HostAuthError(f"{shown}: the key is locked by a passphrase; unlock it once with ssh-add")


def unreachable(alias: str, shown: str, reason: str) -> HostUnreachableError:
    """Return the error for a connection that did not come about."""
    return HostUnreachableError(
        f"{shown}: cannot be reached: {reason}; try 'ssh {alias} true', and look at HostName and Port"
    )


def no_program(shown: str, reason: str) -> HostError:
    """Return the error for a host that is reached and starts nothing."""
    return HostError(
        f"{shown}: no program could be started there: {reason}; look at the host's load, and at MaxSessions and"
        " ForceCommand of its sshd_config"
    )


def no_input_taken(alias: str) -> HostError:
    """Return the error for a program that reads nothing of what it is sent."""
    return HostError(f"{alias}: a program there took no input for {SEND_S:g} s; look at the host's load")


def unknown_key(shown: str, fingerprint: str) -> HostKeyError:
    """Return the error for a host that no known_hosts file has a key of."""
    return HostKeyError(
        f"{shown}: its host key {fingerprint} is unknown; compare it with the host's own ('ssh-keygen -lf"
        " /etc/ssh/ssh_host_ed25519_key.pub' there), then connect once with ssh, or add --accept-new"
    )


def changed_key(shown: str, fingerprint: str, has: str, forget: str) -> HostKeyError:
    """Return the error for another key than is known, which file and line `has`; the command `forget` removes that."""
    return HostKeyError(
        f"{shown}: its host key has changed: found {fingerprint}, {has}; somebody may be listening in. If the host was"
        f" installed anew, type `{forget}` and connect once with ssh"
    )


def revoked_key(shown: str, fingerprint: str, where: str) -> HostKeyError:
    """Return the error for a key that a known_hosts file declares revoked."""
    return HostKeyError(f"{shown}: its host key {fingerprint} is revoked by {where}; do not connect, ask who runs it")


def no_address(alias: str, shown: str, reason: str, *, is_final: bool) -> HostUnreachableError:
    """Return the error for a host whose name means no address, unless nobody could be asked for it."""
    if not is_final:
        return unreachable(alias, shown, f"no such host name so far ({reason})")
    return HopelessError(f"{shown}: no such host name ({reason}); give the alias a HostName in your ssh_config")


def no_algorithm(shown: str) -> HopelessError:
    """Return the error for two who know no algorithm in common."""
    return HopelessError(f"{shown}: its sshd offers no algorithm or key type that is known here; update its OpenSSH")


def fabric_lacks(shown: str, what: str) -> FabricLacksError:
    """Return the error for a host that only the system's ssh can reach."""
    return FabricLacksError(
        f"{shown}: the library behind 'via: fabric' does not know {what}; write 'via: openssh', or leave 'via' out,"
        " where an OpenSSH client is installed"
    )


def unclear_config(name: str) -> HostError:
    """Return the error for an ssh_config that cannot be read; its text stays out of it."""
    return HostError(f"{name}: cannot be understood as an ssh_config; 'ssh -G ALIAS' tells what is wrong")


# What the system's ssh, or Fabric's library, says when no connection comes about, in the order in which it is looked
# for, and the error for an alias, the host as it is shown, its key's type and fingerprint, and what was found.
_MEANINGS: Final[tuple[tuple[str, Callable[[str, str, str, re.Match[str]], HostError]], ...]] = (
    (r"REVOKED HOST KEY", lambda _, shown, key, __: revoked_key(shown, key, "known_hosts")),
    (
        r"HOST IDENTIFICATION HAS CHANGED(?:[\s\S]*Offending \S+ key in (.+:\d+))?",
        lambda _, shown, key, it: changed_key(shown, key, f"{it[1] or 'known_hosts'} has another one", "ssh-keygen -R"),
    ),
    (r"Host key verification failed", lambda _, shown, key, __: unknown_key(shown, key)),
    # Of a library that says so of a key whose file it may not ask for.
    (r"key file is encrypted", lambda _, shown, *__: locked(shown)),
    # The last: a host hung up over one key before it was shown the next.
    (
        r"Permission denied \(|[Aa]uthentication (?:failures|failed|type|methods)|not a valid|No existing session",
        lambda alias, shown, *_: refused(alias, shown),
    ),
    (r"terminating, \d+ bad configuration|Bad owner or permissions", lambda *_: unclear_config("ssh_config")),
    (r"Unable to negotiate with", lambda _, shown, *__: no_algorithm(shown)),
    (
        r"resolve hostname \S+: (?:(Temporary .+)|.+)",
        lambda alias, shown, _, it: no_address(alias, shown, it[0].partition(": ")[2].strip(), is_final=not it[1]),
    ),
    (r"connect to host \S+ port \d+: (.+)", lambda alias, shown, _, it: unreachable(alias, shown, it[1].strip())),
    (r"(?i)timed? ?out", lambda alias, shown, *_: unreachable(alias, shown, "no answer in time")),
    (
        r"(?:open|forwarding) failed",
        lambda alias, shown, *_: unreachable(alias, shown, "the jump host cannot connect to it"),
    ),
    (r"", lambda alias, shown, *_: unreachable(alias, shown, "no SSH server answers there, or it hung up")),
)


def meaning(said: str, alias: str, shown: str, key: str = "of an unknown kind") -> HostError:
    """Return the error that ssh's words mean for a host, whose `key` is a type and a fingerprint.

    Of the words only system errors and the place of a known key are in it; others may be secrets of an ssh_config.
    """
    return next(
        error(alias, shown, key, found) for words, error in _MEANINGS if (found := re.search(words, said)) is not None
    )
