"""Which CPUs share a core or a NUMA node, which of them a job is measured on, and which are for everything else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pageswap.agent.host.host_files import HostFiles

CPUS = "/sys/devices/system/cpu"
_NODES = "/sys/devices/system/node"


def cpu_list(text: str | None) -> set[int]:
    """Read the kernel's form of a set of CPUs, ``0-3,8``; empty where there is none or it is in no such form."""
    cpus: set[int] = set()
    for part in (text or "").split(","):
        first, _, last = part.strip().partition("-")
        if first.isdigit() and (last or first).isdigit():
            cpus.update(range(int(first), int(last or first) + 1))
    return cpus


def siblings(files: HostFiles, cpu: int) -> set[int] | None:
    """Return the other CPUs that are threads of a CPU's core, only what is online; None where the kernel is silent."""
    text = files.text(f"{CPUS}/cpu{cpu}/topology/thread_siblings_list")
    return None if text is None else cpu_list(text) - {cpu}


def nodes(files: HostFiles) -> dict[str, str]:
    """Map each NUMA node that has CPUs or memory to the kernel's list of its CPUs; empty where there are no nodes."""
    numbers = sorted(int(name[4:]) for name in files.names(_NODES) if name.startswith("node") and name[4:].isdigit())
    return {str(number): files.text(f"{_NODES}/node{number}/cpulist") or "" for number in numbers}


def nodes_of(files: HostFiles, cpus: Iterable[int]) -> dict[int, int]:
    """Map CPUs to their NUMA nodes; those that lie on none that is known are left out."""
    node_of = {cpu: int(node) for node, text in nodes(files).items() for cpu in cpu_list(text)}
    return {cpu: node_of[cpu] for cpu in cpus if cpu in node_of}


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
    others = {cpu: siblings(files, cpu) or set() for cpu in allowed}
    start = allowed[0] if first is None else first
    node_of = nodes_of(files, allowed)
    ordered: list[int] = []
    further: list[int] = []
    shared: set[int] = set()
    for cpu in sorted(allowed, key=lambda cpu: (cpu != start, node_of.get(cpu) != node_of.get(start), -cpu)):
        (further if cpu in shared else ordered).append(cpu)
        shared |= others[cpu]
    ordered += further
    beside = set().union(*(others[cpu] for cpu in ordered[:threads]))
    unmeasured = set(ordered[threads:])
    return tuple(ordered), unmeasured - beside or unmeasured or set(ordered[1:]) or set(ordered)
