"""Chooses the CPUs that a job's trials are measured on, and those for everything else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pageswap.agent.host import readers
from pageswap.errors import HostError

if TYPE_CHECKING:
    from pageswap.agent.host.host_files import HostFiles


def measured_cpus(files: HostFiles, threads: int, first: int | None = None) -> tuple[tuple[int, ...], set[int]]:
    """Order the CPUs that this process may use, and choose those for everything but the `threads` measured threads.

    The last one is measured on first, since interrupts and daemons gather on the first ones; or `first`, as the
    inventory says. After it come the CPUs of cores of their own on its NUMA node, then those on other nodes, then
    further threads of cores taken already: two threads of a core share its units and caches. The rest leaves those
    siblings alone where it can; where none would be left it is all but the first measured one, or all there are. Raises
    HostError when `first` is not allowed here.
    """
    allowed = sorted(os.sched_getaffinity(0), reverse=True)
    if first is not None and first not in allowed:
        raise HostError(
            f"CPU {first}, which the inventory pins trials to, is not among those allowed here: "
            f"{', '.join(str(cpu) for cpu in reversed(allowed))}; change the host's cpu in the inventory"
        )
    siblings = {cpu: readers.siblings(files, cpu) or set() for cpu in allowed}
    ordered = _in_order(allowed, allowed[0] if first is None else first, siblings, readers.nodes_of(files, allowed))
    beside = set().union(*(siblings[cpu] for cpu in ordered[:threads]))
    unmeasured = set(ordered[threads:])
    return tuple(ordered), unmeasured - beside or unmeasured or set(ordered[1:]) or set(ordered)


def _in_order(allowed: list[int], first: int, siblings: dict[int, set[int]], node_of: dict[int, int]) -> list[int]:
    """Put the first CPU first, then one thread of each core, those of the first one's node before others."""
    ordered = [first]
    shared = set(siblings[first])
    further = []
    here = node_of.get(first)
    for cpu in sorted(allowed, key=lambda cpu: (node_of.get(cpu) != here, -cpu)):
        if cpu == first:
            continue
        if cpu in shared:
            further.append(cpu)
            continue
        ordered.append(cpu)
        shared |= siblings[cpu]
    return ordered + further
