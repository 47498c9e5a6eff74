"""The conditions of a measurement: what of a host may change its results. An absent fact is None, never a guess."""

from __future__ import annotations

import os
import resource
import sys
from typing import TYPE_CHECKING, Any

from pageswap.agent.host import cgroup

if TYPE_CHECKING:
    from pageswap.agent.host.host_files import HostFiles

_THP = "/sys/kernel/mm/transparent_hugepage"
_VULNERABILITIES = "/sys/devices/system/cpu/vulnerabilities"
_CPUFREQ = "/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor"


def read(
    files: HostFiles, core: dict[str, Any], *, allowed_cpus: set[int] | None = None, measured_cpu: int | None = None
) -> dict[str, Any]:
    """Read all facts; sizes in bytes, `core` is the C core's own account.

    `allowed_cpus` is given by an agent that has left some of them already, `measured_cpu` by one that does not measure
    on the last one.
    """
    allowed = sorted(allowed_cpus or os.sched_getaffinity(0))
    cpu = _first_cpu(files)
    memory = files.table("/proc/meminfo")
    limits = {"as": resource.RLIMIT_AS, "memlock": resource.RLIMIT_MEMLOCK, "nproc": resource.RLIMIT_NPROC}
    return {
        "hostname": os.uname().nodename,
        "cpu_model": cpu.get("model name"),
        "microcode": cpu.get("microcode"),
        "cpus": os.cpu_count(),
        "cpus_allowed": allowed,
        "kernel": os.uname().release,
        "kernel_build": os.uname().version,
        "mitigations": {name: files.text(f"{_VULNERABILITIES}/{name}") for name in files.names(_VULNERABILITIES)},
        "thp": {name: files.choice(f"{_THP}/{name}") for name in ("enabled", "defrag", "shmem_enabled")},
        "governor": files.text(_CPUFREQ.format(cpu=allowed[-1] if measured_cpu is None else measured_cpu)),
        "turbo": turbo(files),
        "hypervisor": hypervisor(files),
        "mem_total": memory.get("MemTotal"),
        "mem_available": memory.get("MemAvailable"),
        "cgroup_memory_limit": cgroup.tightest_limit(files),
        "swap_total": memory.get("SwapTotal"),
        "max_map_count": files.integer("/proc/sys/vm/max_map_count"),
        "overcommit_memory": files.integer("/proc/sys/vm/overcommit_memory"),
        "aslr": files.integer("/proc/sys/kernel/randomize_va_space"),
        "clocksource": files.text("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "loadavg": loadavg(files),
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "libc": _libc(),
        "rlimits": {name: _limit(number) for name, number in limits.items()},
        "userfaultfd": {
            "unprivileged": files.integer("/proc/sys/vm/unprivileged_userfaultfd"),
            "device": files.usable("/dev/userfaultfd"),
        },
        "core": {name: core.get(name) for name in ("build", "core_hash", "compiler", "flags", "source_hash")},
    }


def turbo(files: HostFiles) -> bool | None:
    """Tell whether the CPU may clock above its base frequency; None where the kernel does not say."""
    no_turbo = files.integer("/sys/devices/system/cpu/intel_pstate/no_turbo")
    if no_turbo is not None:
        return no_turbo == 0
    boost = files.integer("/sys/devices/system/cpu/cpufreq/boost")
    return None if boost is None else boost == 1


def hypervisor(files: HostFiles) -> str | None:
    """Name the hypervisor: "none" on bare metal, "present" when nothing readable names it, None when unknown."""
    flags = _first_cpu(files).get("flags")
    kind = files.text("/sys/hypervisor/type")
    if flags is None and not kind:
        return None
    if kind:
        return kind
    if "hypervisor" not in (flags or "").split():
        return "none"
    words = [files.text(f"/sys/class/dmi/id/{name}") for name in ("sys_vendor", "product_name")]
    return " ".join(word for word in words if word) or "present"


def loadavg(files: HostFiles) -> list[float] | None:
    """Give the load averages over 1, 5 and 15 minutes."""
    words = (files.text("/proc/loadavg") or "").split()
    return [float(word) for word in words[:3]] or None


def _first_cpu(files: HostFiles) -> dict[str, str]:
    """Give the first processor's entry of /proc/cpuinfo."""
    entry = (files.text("/proc/cpuinfo") or "").split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in entry.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _libc() -> str | None:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        return None


def _limit(number: int) -> int | str:
    soft = resource.getrlimit(number)[0]
    return "unlimited" if soft == resource.RLIM_INFINITY else soft
