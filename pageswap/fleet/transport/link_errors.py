"""What can be wrong with the way to a host, each with its cure, whatever found it.

`shown` is the host's alias and address, the only parts of an ssh_config that an error may name.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from pageswap.errors import HostAuthError, HostError, HostKeyError, HostLinkLostError, HostUnreachableError


class HopelessError(HostUnreachableError):
    """No connection came about, and another attempt a moment later would end the same way."""


class FabricLacksError(HopelessError):
    """What Fabric's library cannot do, and the system's ssh may be able to."""


class NoSessionError(HostError):
    """The host's sshd starts no program on this connection, and may do so on another one."""


class Fault(NamedTuple):
    """A kind of fault: the type of its error, and the text with the names of what is put into it."""

    kind: type[HostError]
    text: str

    def error(self, **values: str) -> HostError:
        """Return the error, with each of the text's names given a value."""
        return self.kind(self.text.format(**values))


LOST: Final = Fault(
    HostLinkLostError,
    "{alias}: the connection is lost; what runs there goes on for the lease's time: 'inv resume' collects it",
)
CUT: Final = Fault(
    HostLinkLostError,
    "{alias}: the ssh on this machine through which it spoke was ended by signal {number}; what runs there goes on for"
    " the lease's time: 'inv resume' collects it",
)
REFUSED: Final = Fault(
    HostAuthError,
    "{shown}: let nobody in with the user and keys of your ssh_config; 'ssh {alias} true' must work without asking:"
    " set User and IdentityFile there, or ssh-add the key",
)
LOCKED: Final = Fault(HostAuthError, "{shown}: the key is locked by a passphrase; unlock it once with ssh-add")
SILENT_AGENT: Final = Fault(
    HostAuthError, "{shown}: the ssh-agent at {agent} does not answer; end it and start another one, or {cure}"
)
UNREACHABLE: Final = Fault(
    HostUnreachableError,
    "{shown}: cannot be reached: {reason}; try 'ssh {alias} true', and look at HostName and Port",
)
UNRESOLVED: Final = Fault(UNREACHABLE.kind, UNREACHABLE.text.replace("{reason}", "no such host name so far ({reason})"))
NO_ADDRESS: Final = Fault(
    HopelessError, "{shown}: no such host name ({reason}); give the alias a HostName in your ssh_config"
)
NO_FORWARDING: Final = Fault(
    HopelessError,
    "{shown}: cannot be reached: the sshd of its jump host forwards nothing to it; look at AllowTcpForwarding and"
    " PermitOpen of the jump host's sshd_config",
)
NO_ALGORITHM: Final = Fault(
    HopelessError, "{shown}: its sshd offers no algorithm or key type that is known here; update its OpenSSH"
)
FABRIC_LACKS: Final = Fault(
    FabricLacksError,
    "{shown}: the library behind 'via: fabric' does not know {what}; write 'via: openssh', or leave 'via' out, where an"
    " OpenSSH client is installed",
)
NO_PROGRAM: Final = Fault(
    NoSessionError,
    "{shown}: no program could be started there: the host's sshd refused; look at MaxSessions of its sshd_config",
)
SLOW_PROGRAM: Final = Fault(
    HostError, "{shown}: no program could be started there: it took too long; look at the host's load"
)
NO_INPUT_TAKEN: Final = Fault(
    HostError, "{alias}: a program there took no input for {seconds} s; look at the host's load"
)
UNKNOWN_KEY: Final = Fault(
    HostKeyError,
    "{shown}: its host key {key} is unknown; compare it with the host's own ('ssh-keygen -lf"
    " /etc/ssh/ssh_host_ed25519_key.pub' there), then connect once with ssh, or add --accept-new",
)
CHANGED_KEY: Final = Fault(
    HostKeyError,
    "{shown}: its host key has changed: found {key}, {where} has {other}; somebody may be listening in. If the host was"
    " installed anew, type `{forget}` and connect once with ssh",
)
REVOKED_KEY: Final = Fault(
    HostKeyError, "{shown}: its host key {key} is revoked by {where}; do not connect, ask who runs it"
)
UNCLEAR_CONFIG: Final = Fault(
    HostError, "{name}: cannot be understood as an ssh_config; 'ssh -G ALIAS' tells what is wrong"
)

_NO_NAME: Final = r"^(?:ssh: )?(?:Could not )?resolve hostname \S+: "
_HOST_KEY: Final = (
    r"^(?:\S+ h|H)ost key for .+ {} and you have requested strict checking\.\nHost key verification failed\.\n\Z"
)
# What the system's ssh, or Fabric's library, says when no connection comes about, in the order in which it is looked
# for; its groups are the text's values, or there is a reason. Each is a sentence from its begin on, and what tells of
# keys the last one: within one may stand what a file or a server says, whoever that is.
_MEANINGS: Final = (
    (r"^Host key \S+ \S+ revoked by file (?P<where>.+)\nHost key verification failed\.\n\Z", REVOKED_KEY, ""),
    (_HOST_KEY.format("was revoked"), REVOKED_KEY, ""),
    (r"^Offending \S+ key in (?P<where>.+:\d+)\n(?:  .*\n)*" + _HOST_KEY.format("has changed"), CHANGED_KEY, ""),
    (_HOST_KEY.format("has changed"), CHANGED_KEY, ""),
    (r"^Host key verification failed\.\n\Z", UNKNOWN_KEY, ""),
    (r"^[Pp]rivate key file is encrypted", LOCKED, ""),
    # The last: a host hung up over one key before it was shown the next.
    (
        r"^(?:.+: Permission denied \(.*\)\.$|Received disconnect from .+: Too many authentication failures)",
        REFUSED,
        "",
    ),
    (r"^(?:(?:\w+ )?[Aa]uthentication (?:failed|type|methods)|not a valid|No existing session)", REFUSED, ""),
    (r"^(?:.+: )?terminating, \d+ bad configuration|^Bad owner or permissions on ", UNCLEAR_CONFIG, ""),
    (r"^Unable to negotiate with ", NO_ALGORITHM, ""),
    (rf"{_NO_NAME}(?=Temporary )(?:Temporary failure: )?(?P<reason>.+)", UNRESOLVED, ""),
    (rf"{_NO_NAME}(?P<reason>.+)", NO_ADDRESS, ""),
    (r"^(?:ssh: )?connect to host \S+ port \d+: (?P<reason>.+)", UNREACHABLE, ""),
    (r"^(?:.+: )?Connection (?:to .+ )?timed out|^Timeout, server ", UNREACHABLE, "no answer in time"),
    (r"^(?:timed out|Key-exchange timed out|Authentication timeout|Timeout)", UNREACHABLE, "no answer in time"),
    (r"^(?:channel \d+: )?open failed: [Aa]dministratively prohibited", NO_FORWARDING, ""),
    (r"^(?:channel \d+: )?open failed|^stdio forwarding failed", UNREACHABLE, "the jump host cannot connect to it"),
    (r"", UNREACHABLE, "no SSH server answers there, or it hung up"),
)


def meaning(said: str, alias: str, shown: str, key: str = "of an unknown kind") -> HostError:
    """Return the error that ssh's words mean for a host, whose `key` is a type and a fingerprint.

    Of the words only system errors and the place of a known key are in it; others may be secrets of an ssh_config.
    """
    values = {"alias": alias, "shown": shown, "key": key, "name": "ssh_config"}
    values |= {"where": "known_hosts", "other": "another one", "forget": "ssh-keygen -R"}
    found, fault, reason = next(
        (found, fault, reason) for words, fault, reason in _MEANINGS if (found := re.search(words, said, re.MULTILINE))
    )
    given = {name: value.strip() for name, value in found.groupdict().items() if value}
    return fault.error(**{**values, "reason": reason, **given})
