"""Makes the targets of a run: from hosts of the inventory when it begins, from what was stored when it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pageswap.campaign.options import Options
from pageswap.errors import UsageError
from pageswap.fleet import LocalTarget
from pageswap.fleet.inventory import InventoryHost
from pageswap.spec.hostnames import LOCAL
from pageswap.spec.wording import guess, listed, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pageswap.fleet import Target
    from pageswap.fleet.inventory import Inventory
    from pageswap.fleet.transport.ssh import Build


def make_targets(hosts: Iterable[InventoryHost], options: Options, *, accept_new: bool = False) -> list[Target]:
    """Give a target for each host: this machine for ``local``, ssh for any other alias.

    `accept_new` trusts the key that an unknown host shows; it is never stored, as it is meant for once.
    """
    return [_target(host, options, accept_new=accept_new) for host in hosts]


def recorded_hosts(meta: Mapping[str, Any]) -> list[InventoryHost]:
    """Give the hosts of a stored run with what the inventory said of them when it began."""
    facts = {str(host["name"]): host for host in Options.from_json(meta["options"]).hosts}
    return [InventoryHost.from_json(facts.get(name, {"name": name})) for name in meta["hosts"]]


def chosen_hosts(
    hosts: Sequence[InventoryHost], only: Sequence[str], inventory: Inventory | None
) -> list[InventoryHost]:
    """Give the `hosts` of a run that `only` names (all when it is empty), as an `inventory` knows them, if given.

    Raises UsageError for a name that is not one of the run's hosts.
    """
    known = {host.name: host for host in hosts}
    for name in only:
        if name not in known:
            hint = guess(name, known) or f"; it has {listed(known)}"
            raise UsageError(f"--hosts: {quoted(name)} is not one of this run's hosts{hint}")
    named = inventory.hosts if inventory else {}
    return [named.get(name, host) for name, host in known.items() if not only or name in only]


def _target(host: InventoryHost, options: Options, *, accept_new: bool) -> Target:
    if host.name == LOCAL:
        return LocalTarget(host.name, host.python, host.workdir)
    # Only here: what it draws in takes a third of a second, which a run on this machine has no use for.
    from pageswap.fleet.transport.ssh import SshTarget  # noqa: PLC0415

    ssh_config = Path(options.ssh_config) if options.ssh_config else None
    return SshTarget(host.name, host, ssh_config=ssh_config, accept_new=accept_new, core=cast("Build", options.core))
