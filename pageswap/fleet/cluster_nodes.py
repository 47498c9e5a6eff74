"""Which nodes a cluster of the inventory stands for now, as its own scheduler tells."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from pageswap.errors import HostError, UsageError
from pageswap.fleet.cluster import ALL_NODES
from pageswap.fleet.target import make_target
from pageswap.fleet.transport.transport import lines_of
from pageswap.spec.hostnames import is_plain_name
from pageswap.spec.quoting import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pageswap.fleet.inventory import InventoryHost
    from pageswap.fleet.transport.transport import Reach

_ANSWER_S: Final = 90.0
_MOST_BYTES: Final = 1 << 20
# What sinfo says of a node, in capitals or not; a sign behind it tells of a node that does not answer or is asleep.
_FREE: Final = ("idle",)
_USABLE: Final = (*_FREE, "mixed", "allocated", "completing", "planned", "reserved")
_SIGNS: Final = "*~#!%$@^-+"


def each_node(hosts: Iterable[InventoryHost], reach: Reach) -> tuple[InventoryHost, ...]:
    """Return the hosts, with each cluster replaced by its nodes; each host once.

    Raises HostError where a cluster's login host or its Slurm does not answer, UsageError where it has no such nodes.
    """
    found: dict[str, InventoryHost] = {}
    for host in hosts:
        is_whole = host.slurm is not None and not host.slurm.node
        for each in _nodes_of(host, reach) if is_whole else (host,):
            found.setdefault(each.name, each)
    return tuple(found.values())


def _nodes_of(host: InventoryHost, reach: Reach) -> list[InventoryHost]:
    cluster = host.slurm
    assert cluster is not None  # noqa: S101 - only clusters are asked
    wanted = None if cluster.nodes == ALL_NODES or cluster.count else cluster.nodes
    options = [f"--partition={cluster.partition}"] if cluster.partition else []
    options += [f"--nodes={wanted}"] if wanted else []
    command = ("sinfo", "--noheader", "--Node", "--format=%N %T %f", *options)
    states: dict[str, str] = {}
    for name, state, features in _lines(host, command, reach):
        if set(cluster.constraint) <= set(features.split(",")):
            states.setdefault(name, state.rstrip(_SIGNS).lower())
    names = list(states)
    if cluster.count:
        usable = [name for name in names if states[name] in _USABLE]
        names = sorted(usable, key=lambda name: states[name] not in _FREE)[: cluster.count]
    if not names or (cluster.count and len(names) < cluster.count):
        where = f"partition {cluster.partition}" if cluster.partition else "the cluster"
        told = ", ".join(f"{name} {state}" for name, state in list(states.items())[:10]) or "none that fits"
        raise UsageError(
            f"{host.name}: {where} has {len(names)} of the nodes that are asked for ({cluster.nodes}); found {told};"
            f" look at 'sinfo' on {cluster.login} and at nodes, partition and constraint in the inventory"
        )
    return [host.as_node(name) for name in names]


def _lines(host: InventoryHost, command: tuple[str, ...], reach: Reach) -> list[tuple[str, str, str]]:
    """Return name, state and features of each node that a command tells."""
    with contextlib.closing(make_target(host, reach)) as target:
        stream = target.transport.start(command, b"")
        try:
            texts = [
                line.decode("utf-8", "replace").split()
                for line in lines_of(stream, host.name, timeout_s=_ANSWER_S, most_bytes=_MOST_BYTES)
            ]
        finally:
            complaint = printable(stream.close())
    rows = [(words[0], words[1], words[2]) for words in texts if len(words) == 3 and is_plain_name(words[0])]  # noqa: PLR2004 - as asked
    if not rows and complaint:
        raise HostError(f"{host.name}: sinfo: {complaint.splitlines()[-1]:.400}")
    return rows
