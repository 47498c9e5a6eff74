"""What of the memory, and of how programs get it, would spoil a measurement."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pageswap.agent.host import cgroup, preload, readers, topology
from pageswap.agent.host.condition import foreign_provider
from pageswap.agent.host.finding import UNREADABLE, Finding
from pageswap.agent.host.tunables import MAX_MAP_COUNT
from pageswap.units import format_count

if TYPE_CHECKING:
    from pageswap.agent.host.host_files import HostFiles

_GIB = 1 << 30
# The original question's region in 4 KiB pages, each a mapping of its own, and the process's own ones.
_MAPPINGS = (256 << 20) // 4096 + 300
_THP = "/sys/kernel/mm/transparent_hugepage"
# The words of shmem_enabled that need no madvise(2).
_UNASKED = ("always", "within_size", "force")


def check(files: HostFiles, cpu: int | None) -> list[Finding]:
    """Check the memory; `cpu` is the one to be measured on, None for the last one allowed."""
    measured = max(os.sched_getaffinity(0)) if cpu is None else cpu
    return [
        _memory(files),
        _swap(files),
        _numa(files, measured),
        _thp(files),
        _folios(files),
        _mappings(files),
        _userfaultfd(files),
        _preload(files),
    ]


def _memory(files: HostFiles) -> Finding:
    bounds = [files.table("/proc/meminfo").get("MemAvailable")]
    bounds += [group.free_bytes(files, 1 << 62) for group in cgroup.memory_groups(files)]
    free_bytes = min((bound for bound in bounds if bound is not None), default=None)
    if free_bytes is None:
        return Finding("memory", "ok", UNREADABLE)
    found = f"{format_count(free_bytes >> 20)} MiB available"
    if free_bytes >= _GIB:
        return Finding("memory", "ok", found)
    return Finding("memory", "warn", found, "free memory, or use a smaller region_size")


def _swap(files: HostFiles) -> Finding:
    memory = files.table("/proc/meminfo")
    used = memory.get("SwapTotal", 0) - memory.get("SwapFree", 0)
    if used <= 0:
        return Finding("swap", "ok", "none in use" if memory else UNREADABLE)
    found = f"{format_count(used >> 20)} MiB in use: a page may come from the disk"
    return Finding("swap", "warn", found, "free memory, then as root: swapoff -a && swapon -a")


def _thp(files: HostFiles) -> Finding:
    enabled = readers.thp(files)["enabled"]
    if enabled != "always":
        return Finding("thp", "ok", enabled or UNREADABLE)
    cure = "as root: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"
    return Finding("thp", "warn", "always: regions of 4 KiB pages become huge pages at times", cure)


def _mappings(files: HostFiles) -> Finding:
    limit = files.setting(MAX_MAP_COUNT)
    if limit is None:
        return Finding("mappings", "ok", UNREADABLE)
    found = f"{MAX_MAP_COUNT} is {format_count(limit)}"
    if limit >= _MAPPINGS:
        return Finding("mappings", "ok", found)
    found += f": remapping 256 MiB by 4 KiB needs some {format_count(_MAPPINGS)}"
    return Finding("mappings", "warn", found, f"run with --tune as root, or: sysctl -w {MAX_MAP_COUNT}={2 * _MAPPINGS}")


def _userfaultfd(files: HostFiles) -> Finding:
    allowed = files.setting("vm.unprivileged_userfaultfd")
    if allowed is None:
        cure = "a kernel with CONFIG_USERFAULTFD, 6.8 for UFFDIO_MOVE"
        return Finding("userfaultfd", "warn", "not in this kernel", cure)
    if allowed or os.geteuid() == 0:
        return Finding("userfaultfd", "ok", "for everything")
    if files.usable("/dev/userfaultfd"):
        return Finding("userfaultfd", "ok", "through /dev/userfaultfd")
    return Finding("userfaultfd", "ok", "for faults of user space, which is enough")


def _folios(files: HostFiles) -> Finding:
    """Look for large folios where nobody asked for them: a size's own setting outweighs the one for all."""
    thp = readers.thp(files)
    enabled, shared = readers.folio_sizes(files, "enabled"), readers.folio_sizes(files, "shmem_enabled")
    if not enabled and not shared:
        return Finding("folios", "ok", "no sizes to choose in this kernel")
    private = [size for size, word in enabled.items() if _in_force(word, thp["enabled"]) == "always"]
    of_shared = [size for size, word in shared.items() if _in_force(word, thp["shmem_enabled"]) in _UNASKED]
    found = [f"{', '.join(private)} of private memory"] if private else []
    found += [f"{', '.join(of_shared)} of shared memory"] if of_shared else []
    if not found:
        return Finding("folios", "ok", "no large folios where none are asked for")
    settings = [
        *(f"hugepages-{size}/enabled" for size in private),
        *(f"hugepages-{size}/shmem_enabled" for size in of_shared),
    ]
    return Finding(
        "folios",
        "warn",
        f"large folios without being asked: {', '.join(found)}; a page of such a region is a part of one",
        f"as root, in {_THP}: echo never | tee {' '.join(settings)}",
    )


def _in_force(word: str | None, of_all: str | None) -> str | None:
    return of_all if word == "inherit" else word


def _numa(files: HostFiles, cpu: int) -> Finding:
    nodes = topology.nodes(files)
    if len(nodes) < 2:  # noqa: PLR2004 - more than one
        return Finding("numa", "ok", "one node" if nodes else UNREADABLE)
    balancing = files.setting("kernel.numa_balancing")
    node = topology.nodes_of(files, [cpu]).get(cpu)
    found = f"{len(nodes)} nodes, CPU {cpu} on node {'?' if node is None else node}"
    if not balancing:
        return Finding("numa", "ok", f"{found}; numa_balancing is off")
    found += "; numa_balancing is on: the kernel unmaps pages now and then, and moves them between nodes"
    return Finding("numa", "warn", found, "as root: sysctl -w kernel.numa_balancing=0")


def _preload(files: HostFiles) -> Finding:
    settings = preload.in_force(files)
    foreign = foreign_provider(preload.providers(files))
    if not settings and not foreign:
        return Finding("preload", "ok", "nothing takes the place of the C library's functions")
    found = "; ".join(
        [*(f"{name} holds {value:.200}" for name, value in settings.items()), *([foreign] if foreign else [])]
    )
    cure = f"as root: empty {preload.SYSTEM_FILE}" if preload.SYSTEM_FILE in settings else "use a Python without it"
    return Finding("preload", "warn", found, cure)
