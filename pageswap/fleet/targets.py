"""Makes the target of a host: the transport that the inventory names, and what readies the host over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pageswap.errors import UsageError
from pageswap.fleet.provision.provisioning import Provisioning
from pageswap.fleet.target import Target
from pageswap.fleet.transport.registry import TRANSPORTS, Reach
from pageswap.spec.hostnames import LOCAL, check_alias

if TYPE_CHECKING:
    from pageswap.fleet.inventory import InventoryHost
    from pageswap.fleet.provision.provisioning import Build

_EVERYWHERE = Reach()


def make_target(host: InventoryHost, reach: Reach = _EVERYWHERE, *, core: Build = "auto") -> Target:
    """Return what reaches a host and readies it; nothing is connected yet.

    `core` says who builds the C core. Raises UsageError for a name that is no alias, which becomes a folder's name on
    the host, and for a transport that this version does not know.
    """
    try:
        name = check_alias(host.name)
    except ValueError as error:
        raise UsageError(str(error)) from None
    via = LOCAL if name == LOCAL else host.via
    if via not in TRANSPORTS:
        raise UsageError(f"{name}: unknown transport {via!r:.40}; 'via:' is one of {', '.join(TRANSPORTS)}")
    transport = TRANSPORTS[via](name, reach)
    return Target(name, transport, Provisioning(transport, python=host.python, workdir=host.workdir, core=core))
