"""Reads what of a host may change a measurement's results, and chooses from that the CPUs that a job is measured on.

It is in the kernel's files and this process's own limits. What cannot be read is None, never a guess.
"""

from __future__ import annotations

import dataclasses
import math
import os
import re
import resource
from functools import cached_property
from typing import TYPE_CHECKING

from pageswap.agent.host.settings import BOOST, CPUS, NO_TURBO, THP
from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pageswap.agent.host.host_files import HostFiles

_NODES = "/sys/devices/system/node"
_FOLIOS = "hugepages-"
_LIMITS = {
    "as": resource.RLIMIT_AS,
    "data": resource.RLIMIT_DATA,
    "memlock": resource.RLIMIT_MEMLOCK,
    "nproc": resource.RLIMIT_NPROC,
}
# Slurm's daemon of a job's step: "slurmstepd: [12.batch]".
_STEP = re.compile(r"slurmstepd: \[(\d+)\.")
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


def measured_siblings(source: Source) -> dict[str, str] | None:
    """Map each measured CPU that shares its core to the core's other threads, ``3,7``; None where that is not told."""
    found = {cpu: siblings(source.files, cpu) for cpu in source.measured_cpus}
    if None in found.values():
        return None
    return {str(cpu): ",".join(map(str, sorted(others))) for cpu, others in found.items() if others}


def shared_core(siblings_of: dict[str, str]) -> str:
    """Say that two measured CPUs are threads of one core."""
    pairs = ((cpu, other) for cpu, others in siblings_of.items() for other in others.split(",") if other in siblings_of)
    return next((f"measured CPUs {cpu} and {other} are threads of one core" for cpu, other in pairs), "")


def measured_nodes(source: Source) -> dict[str, int]:
    """Map each measured CPU to its NUMA node."""
    return {str(cpu): node for cpu, node in nodes_of(source.files, source.measured_cpus).items()}


def several_nodes(node_of: dict[str, int]) -> str:
    """Say that measured CPUs lie on several NUMA nodes."""
    found = sorted(set(node_of.values()))
    return f"measured CPUs lie on NUMA nodes {', '.join(map(str, found))}" if len(found) > 1 else ""


def policies(files: HostFiles, cpus: Iterable[int] | None = None) -> list[str]:
    """List the folders of the policies that clock any of these CPUs, of all without them."""
    folder = f"{CPUS}/cpufreq"
    numbers = sorted(int(name[6:]) for name in files.names(folder) if name.startswith("policy") and name[6:].isdigit())
    # A policy is named by its first CPU.
    of = {
        number: cpu_list((files.text(f"{folder}/policy{number}/affected_cpus") or str(number)).replace(" ", ","))
        for number in numbers
    }
    return [f"{folder}/policy{number}" for number in numbers if cpus is None or of[number] & {*cpus}]


def governor(source: Source) -> str | None:
    """Name the governor of the measured CPUs, or each where they have several; None where the kernel does not say."""
    own = (source.files.text(f"{policy}/scaling_governor") for policy in policies(source.files, source.measured_cpus))
    found = ", ".join(sorted({each for each in own if each}))
    return found or source.files.text(f"{CPUS}/cpu{source.measured_cpus[0]}/cpufreq/scaling_governor")


def turbo(source: Source) -> bool | None:
    """Tell whether the CPU may clock above its base frequency; None where the kernel does not say."""
    no_turbo = source.files.integer(NO_TURBO)
    if no_turbo is not None:
        return no_turbo == 0
    allowed = source.files.integer(BOOST)
    own = {source.files.integer(f"{policy}/boost") for policy in policies(source.files, source.measured_cpus)} - {None}
    if allowed == 0 or not own:
        return None if allowed is None else allowed == 1
    return 1 in own


def mitigations(source: Source) -> dict[str, str | None]:
    """Map each weakness of processors that the kernel knows to the kernel's words on it."""
    folder = f"{CPUS}/vulnerabilities"
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


def other_jobs(files: HostFiles) -> int | None:
    """Count the scheduler's other jobs on this host, whose commands name them; None for an agent that is in no job."""
    own = os.environ.get("SLURM_JOB_ID")
    if not own:
        return None
    commands = (files.text(f"/proc/{name}/cmdline") or "" for name in files.names("/proc") if name.isdigit())
    return len({found[1] for found in map(_STEP.match, commands) if found} - {own})


def crowded(jobs: int) -> str:
    """Say that a node is not the job's alone."""
    return f"{jobs} other {'job' if jobs == 1 else 'jobs'} of the scheduler ran on the node" if jobs else ""


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
