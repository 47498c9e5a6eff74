"""Reads what of a host may change a measurement's results, from its kernel's files and this process's own limits.

What cannot be read is None, never a guess.
"""

from __future__ import annotations

import dataclasses
import os
import resource
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pageswap.agent.host import topology

if TYPE_CHECKING:
    from pageswap.agent.host.host_files import HostFiles

_THP = "/sys/kernel/mm/transparent_hugepage"
_FOLIOS = "hugepages-"
_LIMITS = {"as": resource.RLIMIT_AS, "memlock": resource.RLIMIT_MEMLOCK, "nproc": resource.RLIMIT_NPROC}


@dataclasses.dataclass(frozen=True)
class Source:
    """What conditions are read from: the host's files, the C core's own account, and the CPUs that are measured on."""

    files: HostFiles
    core: dict[str, Any]
    cpus_allowed: tuple[int, ...]
    measured_cpus: tuple[int, ...]

    @cached_property
    def cpu(self) -> dict[str, str]:
        """The first processor's entry of /proc/cpuinfo."""
        return first_cpu(self.files)

    @cached_property
    def memory(self) -> dict[str, int]:
        """/proc/meminfo in bytes."""
        return self.files.table("/proc/meminfo")


def turbo(files: HostFiles) -> bool | None:
    """Tell whether the CPU may clock above its base frequency; None where the kernel does not say."""
    no_turbo = files.integer("/sys/devices/system/cpu/intel_pstate/no_turbo")
    if no_turbo is not None:
        return no_turbo == 0
    boost = files.integer("/sys/devices/system/cpu/cpufreq/boost")
    return None if boost is None else boost == 1


def governor(files: HostFiles, cpu: int) -> str | None:
    """Name the frequency governor of a CPU."""
    return files.text(f"/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor")


def mitigations(files: HostFiles) -> dict[str, str | None]:
    """Map each weakness of processors that the kernel knows to the kernel's words on it."""
    folder = "/sys/devices/system/cpu/vulnerabilities"
    return {name: files.text(f"{folder}/{name}") for name in files.names(folder)}


def thp(files: HostFiles) -> dict[str, str | None]:
    """Map each setting of transparent huge pages to the word chosen there."""
    return {name: files.choice(f"{_THP}/{name}") for name in ("enabled", "defrag", "shmem_enabled")}


def folio_sizes(files: HostFiles, setting: str) -> dict[str, str | None]:
    """Map each size of large folios (mTHP), ``64kB``, to the word chosen in its `enabled` or `shmem_enabled`."""
    sizes = sorted(
        (int(name[len(_FOLIOS) : -2]), name)
        for name in files.names(_THP)
        if name.startswith(_FOLIOS) and name.endswith("kB") and name[len(_FOLIOS) : -2].isdigit()
    )
    words = {f"{size}kB": files.choice(f"{_THP}/{name}/{setting}") for size, name in sizes}
    # Some sizes have no file of the one or the other kind.
    return {size: word for size, word in words.items() if word is not None}


def measured_siblings(source: Source) -> dict[str, str] | None:
    """Map each measured CPU that shares its core to the core's other threads, ``3,7``; None where that is not told."""
    found = {cpu: topology.siblings(source.files, cpu) for cpu in source.measured_cpus}
    if None in found.values():
        return None
    return {str(cpu): ",".join(map(str, sorted(others))) for cpu, others in found.items() if others}


def measured_nodes(source: Source) -> dict[str, int]:
    """Map each measured CPU to its NUMA node."""
    return {str(cpu): node for cpu, node in topology.nodes_of(source.files, source.measured_cpus).items()}


def hypervisor(files: HostFiles) -> str | None:
    """Name the hypervisor: "none" on bare metal, "present" when nothing readable names it, None when unknown."""
    flags = first_cpu(files).get("flags")
    kind = files.text("/sys/hypervisor/type")
    if flags is None and not kind:
        return None
    if kind:
        return kind
    if "hypervisor" not in (flags or "").split():
        return "none"
    words = [files.text(f"/sys/class/dmi/id/{name}") for name in ("sys_vendor", "product_name")]
    return " ".join(word for word in words if word) or "present"


def clocksource(files: HostFiles) -> str | None:
    """Name what the kernel reads the time from."""
    return files.text("/sys/devices/system/clocksource/clocksource0/current_clocksource")


def loadavg(files: HostFiles) -> list[float] | None:
    """Return the load averages over 1, 5 and 15 minutes."""
    words = (files.text("/proc/loadavg") or "").split()
    return [float(word) for word in words[:3]] or None


def first_cpu(files: HostFiles) -> dict[str, str]:
    """Return the first processor's entry of /proc/cpuinfo."""
    entry = (files.text("/proc/cpuinfo") or "").split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in entry.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def libc() -> str | None:
    """Name the C library and its version."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        return None


def python() -> str:
    """Return this Python's version."""
    return ".".join(str(part) for part in sys.version_info[:3])


def rlimits() -> dict[str, int | str]:
    """Map this process's soft limits by name to a number or "unlimited"."""
    soft = {name: resource.getrlimit(number)[0] for name, number in _LIMITS.items()}
    return {name: "unlimited" if limit == resource.RLIM_INFINITY else limit for name, limit in soft.items()}


def userfaultfd(files: HostFiles) -> dict[str, int | bool | None]:
    """Tell which ways of opening a userfaultfd this user has."""
    return {
        "unprivileged": files.setting("vm.unprivileged_userfaultfd"),
        "device": files.usable("/dev/userfaultfd"),
    }
