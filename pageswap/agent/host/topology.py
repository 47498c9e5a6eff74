"""Which CPUs are threads of one core, and which NUMA node each lies on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pageswap.agent.host.host_files import HostFiles

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
    text = files.text(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    return None if text is None else cpu_list(text) - {cpu}


def nodes(files: HostFiles) -> dict[str, str]:
    """Map each NUMA node that has CPUs or memory to the kernel's list of its CPUs; empty where there are no nodes."""
    names = [name for name in files.names(_NODES) if name.startswith("node") and name[4:].isdigit()]
    return {name[4:]: files.text(f"{_NODES}/{name}/cpulist") or "" for name in sorted(names, key=_number)}


def nodes_of(files: HostFiles, cpus: Iterable[int]) -> dict[int, int]:
    """Map CPUs to their NUMA nodes; those that lie on none that is known are left out."""
    node_of = {cpu: int(node) for node, text in nodes(files).items() for cpu in cpu_list(text)}
    return {cpu: node_of[cpu] for cpu in cpus if cpu in node_of}


def _number(name: str) -> int:
    return int(name[4:])
