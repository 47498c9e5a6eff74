"""What the system's ssh says when no connection comes about, as the errors of this package."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from pageswap.fleet.transport.link_errors import (
    changed_key,
    no_address,
    no_algorithm,
    refused,
    revoked_key,
    unclear_config,
    unknown_key,
    unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.errors import HostError


class _Ended(NamedTuple):
    """The host that it ended with, the key that this showed, and what a pattern found."""

    alias: str
    shown: str
    key: str
    found: re.Match[str]

    @property
    def reason(self) -> str:
        return self.found[1].strip()


# In the order in which they are looked for.
_MEANINGS: Final[tuple[tuple[str, Callable[[_Ended], HostError]], ...]] = (
    (r"REVOKED HOST KEY", lambda it: revoked_key(it.shown, it.key, "known_hosts")),
    (
        r"HOST IDENTIFICATION HAS CHANGED(?:[\s\S]*Offending \S+ key in (.+:\d+))?",
        lambda it: changed_key(it.shown, it.key, f"{it.found[1] or 'known_hosts'} has another one", "ssh-keygen -R"),
    ),
    (r"Host key verification failed", lambda it: unknown_key(it.shown, it.key)),
    (r"Permission denied \(|Too many authentication failures", lambda it: refused(it.alias, it.shown)),
    (r"terminating, \d+ bad configuration|Bad owner or permissions", lambda _: unclear_config("ssh_config")),
    (r"Unable to negotiate with", lambda it: no_algorithm(it.shown)),
    (r"resolve hostname \S+: (Temporary .+)", lambda it: no_address(it.alias, it.shown, it.reason, is_final=False)),
    (r"resolve hostname \S+: (.+)", lambda it: no_address(it.alias, it.shown, it.reason, is_final=True)),
    (r"connect to host \S+ port \d+: (.+)", lambda it: unreachable(it.alias, it.shown, it.reason)),
    (r"(?i)timed? ?out", lambda it: unreachable(it.alias, it.shown, "no answer in time")),
    (r"(?:open|forwarding) failed", lambda it: unreachable(it.alias, it.shown, "the jump host cannot connect to it")),
    (r"", lambda it: unreachable(it.alias, it.shown, "no SSH server answers there, or it hung up")),
)


def meaning(said: str, alias: str, shown: str, key: str) -> HostError:
    """Return the error that ssh's words mean for a host, whose `key` is a type and a fingerprint.

    Of the words only system errors and the place of a known key are in it; others may be secrets of an ssh_config.
    """
    for pattern, error in _MEANINGS:
        found = re.search(pattern, said)
        if found is not None:
            return error(_Ended(alias, shown, key, found))
    raise AssertionError  # the last of them is found in anything
