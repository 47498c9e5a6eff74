"""How a run is to be measured, and on which hosts: as the command line says it, and as a resume finds it again."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, cast

from pageswap.errors import UsageError
from pageswap.fleet.inventory import InventoryHost
from pageswap.fleet.target import make_target
from pageswap.fleet.transport.transport import Reach
from pageswap.spec.hostnames import parts_of
from pageswap.spec.quoting import guess, quoted, short_list

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pageswap.fleet.inventory import Inventory
    from pageswap.fleet.provision.provisioning import Build
    from pageswap.fleet.target import Target

CORES: Final = ("auto", "controller", "host")
PROFILERS: Final = ("perf",)


@dataclasses.dataclass(frozen=True)
class Options:
    """A run's options; they are stored with it, and a resume uses the same.

    `tune` raises limits for the run, `wait` waits for a host that is measured by someone else, `ignore_lease` has
    root measure beside whoever keeps the lease, `strict` counts unavailable and skipped trials as failures. `profile`
    is one of PROFILERS, which looks into each case once a host owes nothing, "" for none. An agent that nobody follows
    for `lease_s` seconds stops; a host whose link broke is tried for `patience_s` seconds. `at_once` hosts are measured
    at a time. `core` says whose build of the C core measures: the controller's, each host's own, or the host's own only
    where the controller's does not load (auto). `hosts` has what the inventory said about each, and `ssh_config` the
    file that says how they are reached.
    """

    tune: bool = False
    wait: bool = False
    ignore_lease: bool = False
    strict: bool = False
    profile: str = ""
    lease_s: float = 60.0
    patience_s: float = 300.0
    at_once: int = 32
    core: str = "auto"
    ssh_config: str | None = None
    hosts: tuple[dict[str, Any], ...] = ()

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Read what `dataclasses.asdict` makes of options, leaving out what this version does not know."""
        fields = {field.name: document[field.name] for field in dataclasses.fields(cls) if field.name in document}
        return cls(**{**fields, "hosts": tuple(fields.get("hosts", ()))})


def make_targets(hosts: Iterable[InventoryHost], options: Options, *, accept_new: bool = False) -> list[Target]:
    """Return a target for each host: this machine for ``local``, ssh for any other alias.

    `accept_new` trusts the key that an unknown host shows; it is never stored, as it is meant for once.
    """
    reach = Reach(Path(options.ssh_config) if options.ssh_config else None, accept_new=accept_new)
    return [make_target(host, reach, core=cast("Build", options.core)) for host in hosts]


def recorded_hosts(
    meta: Mapping[str, Any], only: Sequence[str] = (), inventory: Inventory | None = None
) -> list[InventoryHost]:
    """Return the hosts of a stored run that `only` names (all when it is empty), as an `inventory` knows them now.

    Without one they are what the inventory said of them when the run began. Raises UsageError for a name that is not
    one of the run's hosts.
    """
    # By its name, or that of the cluster that it is a node of.
    names = {name: {name, parts_of(name)[0]} for name in meta["hosts"]}
    for name in only:
        if not any(name in each for each in names.values()):
            hint = guess(name, meta["hosts"]) or f"; it has {short_list(meta['hosts'])}"
            raise UsageError(f"--hosts: {quoted(name)} is not one of this run's hosts{hint}")
    known = {host.name: host for host in map(InventoryHost.from_json, Options.from_json(meta["options"]).hosts)}
    for name in names:
        with contextlib.suppress(ValueError):  # a node of a cluster that it does not know
            if inventory and (found := inventory.find(name)):
                known[name] = found
    return [known.get(name, InventoryHost(name)) for name, each in names.items() if not only or each & set(only)]
