"""Makes the targets of a run: from hosts of the inventory when it begins, from what was stored when it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pageswap.campaign.options import Options
from pageswap.errors import UsageError
from pageswap.fleet.inventory import InventoryHost
from pageswap.fleet.targets import make_target
from pageswap.fleet.transport.registry import Reach
from pageswap.spec.quoting import guess, listed, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pageswap.fleet import Target
    from pageswap.fleet.inventory import Inventory
    from pageswap.fleet.provision.provisioning import Build


def make_targets(hosts: Iterable[InventoryHost], options: Options, *, accept_new: bool = False) -> list[Target]:
    """Return a target for each host: this machine for ``local``, ssh for any other alias.

    `accept_new` trusts the key that an unknown host shows; it is never stored, as it is meant for once.
    """
    reach = Reach(Path(options.ssh_config) if options.ssh_config else None, accept_new=accept_new)
    return [make_target(host, reach, core=cast("Build", options.core)) for host in hosts]


def recorded_hosts(meta: Mapping[str, Any]) -> list[InventoryHost]:
    """Return the hosts of a stored run with what the inventory said of them when it began."""
    facts = {str(host["name"]): host for host in Options.from_json(meta["options"]).hosts}
    return [InventoryHost.from_json(facts.get(name, {"name": name})) for name in meta["hosts"]]


def chosen_hosts(
    hosts: Sequence[InventoryHost], only: Sequence[str], inventory: Inventory | None
) -> list[InventoryHost]:
    """Return the `hosts` of a run that `only` names (all when it is empty), as an `inventory` knows them, if given.

    Raises UsageError for a name that is not one of the run's hosts.
    """
    known = {host.name: host for host in hosts}
    for name in only:
        if name not in known:
            hint = guess(name, known) or f"; it has {listed(known)}"
            raise UsageError(f"--hosts: {quoted(name)} is not one of this run's hosts{hint}")
    named = inventory.hosts if inventory else {}
    return [named.get(name, host) for name, host in known.items() if not only or name in only]
