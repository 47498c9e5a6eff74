"""Reads what of a host may change a measurement's results, from its kernel's files and this process's own limits.

What cannot be read is None, never a guess.
"""

from __future__ import annotations

import dataclasses
import math
import os
import resource
from functools import cached_property
from typing import TYPE_CHECKING

from pageswap.agent.host import cpus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pageswap.agent.host.host_files import HostFiles

THP = "/sys/kernel/mm/transparent_hugepage"
_FOLIOS = "hugepages-"
_LIMITS = {
    "as": resource.RLIMIT_AS,
    "data": resource.RLIMIT_DATA,
    "memlock": resource.RLIMIT_MEMLOCK,
    "nproc": resource.RLIMIT_NPROC,
}
_ANY = {"as": math.inf, "data": math.inf}


@dataclasses.dataclass(frozen=True)
class Source:
    """What conditions are read from: the host's files, and the CPUs that are measured on."""

    files: HostFiles
    cpus_allowed: tuple[int, ...]
    measured_cpus: tuple[int, ...]

    @cached_property
    def cpu(self) -> dict[str, str]:
        """The first processor's entry of /proc/cpuinfo."""
        entry = (self.files.text("/proc/cpuinfo") or "").split("\n\n", 1)[0]
        pairs = (line.partition(":") for line in entry.splitlines())
        return {name.strip(): value.strip() for name, _, value in pairs}

    @cached_property
    def memory(self) -> dict[str, int]:
        """/proc/meminfo in bytes."""
        return self.files.table("/proc/meminfo")


def measured_siblings(source: Source) -> dict[str, str] | None:
    """Map each measured CPU that shares its core to the core's other threads, ``3,7``; None where that is not told."""
    found = {cpu: cpus.siblings(source.files, cpu) for cpu in source.measured_cpus}
    if None in found.values():
        return None
    return {str(cpu): ",".join(map(str, sorted(others))) for cpu, others in found.items() if others}


def shared_core(siblings_of: dict[str, str]) -> str:
    """Say that two measured CPUs are threads of one core."""
    pairs = ((cpu, other) for cpu, others in siblings_of.items() for other in others.split(",") if other in siblings_of)
    return next((f"measured CPUs {cpu} and {other} are threads of one core" for cpu, other in pairs), "")


def measured_nodes(source: Source) -> dict[str, int]:
    """Map each measured CPU to its NUMA node."""
    return {str(cpu): node for cpu, node in cpus.nodes_of(source.files, source.measured_cpus).items()}


def several_nodes(node_of: dict[str, int]) -> str:
    """Say that measured CPUs lie on several NUMA nodes."""
    found = sorted(set(node_of.values()))
    return f"measured CPUs lie on NUMA nodes {', '.join(map(str, found))}" if len(found) > 1 else ""


def turbo(source: Source) -> bool | None:
    """Tell whether the CPU may clock above its base frequency; None where the kernel does not say."""
    no_turbo = source.files.integer(f"{cpus.CPUS}/intel_pstate/no_turbo")
    boost = source.files.integer(f"{cpus.CPUS}/cpufreq/boost")
    if no_turbo is not None:
        return no_turbo == 0
    return None if boost is None else boost == 1


def mitigations(source: Source) -> dict[str, str | None]:
    """Map each weakness of processors that the kernel knows to the kernel's words on it."""
    folder = f"{cpus.CPUS}/vulnerabilities"
    return {name: source.files.text(f"{folder}/{name}") for name in source.files.names(folder)}


def thp(source: Source) -> dict[str, str | None]:
    """Map each setting of transparent huge pages to the word chosen there."""
    return {name: source.files.choice(f"{THP}/{name}") for name in ("enabled", "defrag", "shmem_enabled")}


def folio_sizes(files: HostFiles, setting: str) -> dict[str, str | None]:
    """Map each size of large folios (mTHP), ``64kB``, to the word chosen in its `enabled` or `shmem_enabled`."""
    names = [name[len(_FOLIOS) :] for name in files.names(THP) if name.startswith(_FOLIOS) and name.endswith("kB")]
    sizes = sorted((size for size in names if size[:-2].isdigit()), key=lambda size: int(size[:-2]))
    words = {size: files.choice(f"{THP}/{_FOLIOS}{size}/{setting}") for size in sizes}
    # Some sizes have no file of the one or the other kind.
    return {size: word for size, word in words.items() if word is not None}


def hypervisor(source: Source) -> str | None:
    """Name the hypervisor: "none" on bare metal, "present" when nothing readable names it, None when unknown."""
    flags = source.cpu.get("flags")
    kind = source.files.text("/sys/hypervisor/type")
    if kind or flags is None:
        return kind or None
    if "hypervisor" not in flags.split():
        return "none"
    words = [source.files.text(f"/sys/class/dmi/id/{name}") for name in ("sys_vendor", "product_name")]
    return " ".join(word for word in words if word) or "present"


def loadavg(files: HostFiles) -> list[float] | None:
    """Return the load averages over 1, 5 and 15 minutes."""
    try:
        return [float(word) for word in (files.text("/proc/loadavg") or "").split()[:3]] or None
    except ValueError:
        return None


def libc(_: Source) -> str | None:
    """Name the C library and its version."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        return None


def rlimits(_: Source | None = None) -> dict[str, int | str]:
    """Map this process's soft limits by name to a number or "unlimited"."""
    soft = {name: resource.getrlimit(number)[0] for name, number in _LIMITS.items()}
    return {name: "unlimited" if limit == resource.RLIM_INFINITY else limit for name, limit in soft.items()}


def short_of_memory(least_bytes: Mapping[str, float] = _ANY) -> str:
    """Say which limits of this session's on memory are below `least_bytes`, by the names of `rlimits`, and the cure."""
    found = [
        f"{limit >> 20:,} MiB of {what}"
        for name, what in (("as", "addresses (ulimit -v)"), ("data", "data (ulimit -d)"))
        if isinstance(limit := rlimits()[name], int) and limit < least_bytes[name]
    ]
    return f"this session may have {' and '.join(found)}; raise that limit" if found else ""


def userfaultfd(source: Source) -> dict[str, int | bool | None]:
    """Tell which ways of opening a userfaultfd this user has."""
    return {
        "unprivileged": source.files.setting("vm.unprivileged_userfaultfd"),
        "device": os.access(source.files.path("/dev/userfaultfd"), os.R_OK | os.W_OK),
    }
