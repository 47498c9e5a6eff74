"""What would spoil a measurement on this host, each finding with its cure."""

from __future__ import annotations

import dataclasses
import os
import re
from typing import TYPE_CHECKING, Any

from pageswap.agent.host import cgroup, preload, preparation
from pageswap.agent.host.settings import CPUS, MAX_MAP_COUNT
from pageswap.agent.workspace import host_lease
from pageswap.units import BASE_PAGE_BYTES

if TYPE_CHECKING:
    from pageswap.agent.host.host_files import HostFiles

OK = "ok"
WARN = "warn"
BAD = "bad"
_UNREADABLE = "not readable here"

_BUSY = 0.2
_STOLEN = 0.01
_GIB = 1 << 30
_FREE_DISK_BYTES = 256 << 20
# The original question's region in 4 KiB pages, each a mapping of its own, and the process's own ones.
_MAPPINGS = (256 << 20) // BASE_PAGE_BYTES + 300
_USER_FAULTS = (5, 11)  # Linux 5.11 has UFFD_USER_MODE_ONLY, which needs no privilege

# What is wrong with a word of the setting of huge pages.
_UNFIT = {
    "always": "regions of 4 KiB pages become huge pages at times",
    "never": "what asks for huge pages gets none, as the backing thp does",
}


@dataclasses.dataclass(frozen=True)
class HostCheck:
    """One check: status is ok, warn or bad; `cure` is "" where there is nothing to cure."""

    check: str
    status: str
    found: str
    cure: str = ""


@dataclasses.dataclass(frozen=True)
class Host:
    """What is examined: a host's environment and files, the CPU to measure on, the cache, and who has the lease."""

    environment: dict[str, Any]
    files: HostFiles
    cpu: int
    cache: str
    holder: dict[str, Any] | None = None


# A status, what was found, and the cure.
_Checked = tuple[str, str, str]


def examine(host: Host) -> list[HostCheck]:
    """Make every check."""
    return [HostCheck(name, *check(host)) for name, check in _CHECKS.items()]


def _ok(found: object) -> _Checked:
    return OK, _UNREADABLE if found is None else str(found), ""


def _cpus(host: Host) -> _Checked:
    allowed = host.environment["cpus_allowed"]
    if host.cpu not in allowed:
        found = f"CPU {host.cpu}, which the inventory pins trials to, is not among those allowed here"
        return BAD, found, f"change the host's cpu in hosts.yaml to one up to {max(allowed)}"
    if len(allowed) > 1:
        return _ok(f"{len(allowed)} CPUs; measured on CPU {host.cpu}")
    return WARN, "one CPU, shared with the agent and all else", "allow two CPUs (taskset, cpuset)"


def _siblings(host: Host) -> _Checked:
    siblings = host.environment["measured_siblings"]
    others = (siblings or {}).get(str(host.cpu))
    if others is None:
        return _ok(None if siblings is None else f"CPU {host.cpu} has its core for itself")
    others = others.replace(",", ", ")
    found = f"CPU {host.cpu} shares its core with CPU {others}: what runs there takes its units and caches"
    switches = " ".join(f"{CPUS}/cpu{other}/online" for other in others.split(", "))
    return WARN, found, f"as root: echo 0 | tee {switches}"


def _governor(host: Host) -> _Checked:
    governor = host.environment["governor"]
    if governor in (None, "performance"):
        return _ok(governor)
    wanted = preparation.slow_governors(host.files, (host.cpu,))
    cure = preparation.cure(wanted) if wanted else "as root: cpupower frequency-set -g performance"
    return WARN, f"{governor}: the clock changes while it measures", cure


def _turbo(host: Host) -> _Checked:
    turbo = host.environment["turbo"]
    wanted = preparation.free_boosts(host.files, (host.cpu,))
    # A run that ends just now may have changed it since the conditions were read.
    if not turbo or not wanted:
        return _ok(None if turbo is None else "off")
    return WARN, "on: the clock depends on temperature and on the other cores", preparation.cure(wanted)


def _mitigations(host: Host) -> _Checked:
    states = host.environment["mitigations"]
    active = sum((state or "").startswith("Mitigation") for state in states.values())
    # Mitigations are how the fleet runs: they are recorded, and nobody is told to switch them off.
    return _ok(f"{active} of {len(states)} known weaknesses mitigated" if states else None)


def _load(host: Host) -> _Checked:
    load, cpus = host.environment["loadavg"], len(host.environment["cpus_allowed"])
    if load is None:
        return _ok(None)
    found = f"{load[0]:.2f} over the last minute on {cpus} CPUs"
    if load[0] <= _BUSY * cpus:
        return _ok(found)
    return BAD if load[0] > cpus else WARN, found, "stop what runs beside it ('top' shows it), then wait"


def _hypervisor(host: Host) -> _Checked:
    name = host.environment["hypervisor"]
    if name in (None, "none"):
        return _ok(name)
    # proc_stat(5): user nice system idle iowait irq softirq steal; what follows is part of user and nice.
    times = [int(word) for word in (host.files.text("/proc/stat") or "").split("\n", 1)[0].split()[1:9]]
    stolen = times[7] / max(sum(times), 1) if len(times) == 8 else 0.0  # noqa: PLR2004 - the eight named above
    found = f"virtual machine ({name}), {stolen:.1%} of its CPU time taken by the host"
    if stolen <= _STOLEN:
        return _ok(found)
    return WARN, found, "use a machine with CPUs of its own, or more repeats"


def _clocksource(host: Host) -> _Checked:
    clocksource = host.environment["clocksource"]
    if clocksource in (None, "tsc", "kvm-clock", "hyperv_clocksource_tsc_page"):
        return _ok(clocksource)
    cure = "boot with clocksource=tsc tsc=reliable if the CPU's is stable"
    return WARN, f"{clocksource}: reading the time is a slow system call", cure


def _memory(host: Host) -> _Checked:
    bounds = [host.environment["mem_available"]]
    bounds += [group.free_bytes(1 << 62) for group in cgroup.memory_groups(host.files)]
    free_bytes = min((bound for bound in bounds if bound is not None), default=None)
    if free_bytes is None:
        return _ok(None)
    found = f"{free_bytes >> 20:,} MiB available"
    return _ok(found) if free_bytes >= _GIB else (WARN, found, "free memory, or use a smaller region_size")


def _swap(host: Host) -> _Checked:
    total = host.environment["swap_total"]
    used = (total or 0) - host.files.table("/proc/meminfo").get("SwapFree", 0)
    if used <= 0:
        return _ok(None if total is None else "none in use")
    found = f"{used >> 20:,} MiB in use: a page may come from the disk"
    return WARN, found, "free memory, then as root: swapoff -a && swapon -a"


def _numa(host: Host) -> _Checked:
    nodes = host.environment["numa_nodes"]
    if len(nodes) < 2:  # noqa: PLR2004 - more than one
        return _ok("one node" if nodes else None)
    node = host.environment["measured_nodes"].get(str(host.cpu), "?")
    found = f"{len(nodes)} nodes, CPU {host.cpu} on node {node}; numa_balancing is "
    if not host.environment["numa_balancing"]:
        return _ok(f"{found}off")
    found += "on: the kernel unmaps pages now and then, and moves them between nodes"
    return WARN, found, "as root: sysctl -w kernel.numa_balancing=0"


def _thp(host: Host) -> _Checked:
    enabled = host.environment["thp"]["enabled"]
    wanted = preparation.unfit_huge_pages(host.files)
    if not wanted or enabled not in _UNFIT:
        return _ok(enabled)
    return WARN, f"{enabled}: {_UNFIT[enabled]}", preparation.cure(wanted)


def _folios(host: Host) -> _Checked:
    """Look for large folios where nobody asked for them."""
    if not host.environment["folios"] and not host.environment["shmem_folios"]:
        return _ok("no sizes to choose in this kernel")
    wanted = preparation.unasked_folios(host.files)
    if not wanted:
        return _ok("no large folios where none are asked for")
    sizes: dict[str, list[str]] = {}
    for name in wanted:
        size, _, setting = name.partition("hugepages-")[2].partition("/")
        sizes.setdefault("shared" if setting.startswith("shmem") else "private", []).append(size)
    found = ", ".join(f"{', '.join(own)} of {kind} memory" for kind, own in sizes.items())
    words = f"large folios without being asked: {found}; a page of such a region is a part of one"
    return WARN, words, preparation.cure(wanted)


def _mappings(host: Host) -> _Checked:
    limit = host.environment["max_map_count"]
    if limit is None:
        return _ok(None)
    found = f"{MAX_MAP_COUNT} is {limit:,}"
    if limit >= _MAPPINGS:
        return _ok(found)
    found += f": remapping 256 MiB by 4 KiB needs some {_MAPPINGS:,}"
    return WARN, found, f"run with --tune as root, or: sysctl -w {MAX_MAP_COUNT}={2 * _MAPPINGS}"


def _userfaultfd(host: Host) -> _Checked:
    ways = host.environment["userfaultfd"]
    if ways["unprivileged"] is None:
        return WARN, "not in this kernel", "a kernel with CONFIG_USERFAULTFD, 6.8 for UFFDIO_MOVE"
    if tuple(map(int, re.findall(r"\d+", host.environment["kernel"])[:2])) < _USER_FAULTS:
        return WARN, "not for faults of user space alone", "Linux 5.11 or newer, 6.8 for UFFDIO_MOVE"
    if ways["unprivileged"] or os.geteuid() == 0:
        return _ok("for everything")
    return _ok("through /dev/userfaultfd" if ways["device"] else "for faults of user space, which is enough")


def _preload(host: Host) -> _Checked:
    settings = host.environment["preload"]
    found = [f"{name} holds {value:.200}" for name, value in settings.items()]
    foreign = preload.foreign_providers(host.environment["providers"])
    if foreign:
        found.append(foreign)
    if not found:
        return _ok("nothing takes the place of the C library's functions")
    cure = f"as root: empty {preload.SYSTEM_FILE}" if preload.SYSTEM_FILE in settings else "use a Python without it"
    return WARN, "; ".join(found), cure


def _logout(host: Host) -> _Checked:
    """Look for systemd-logind's habit of killing what a user leaves running (logind.conf(5)); root is spared by it."""
    main = "/etc/systemd/logind.conf"
    further = [f"{main}.d/{name}" for name in host.files.names(f"{main}.d") if name.endswith(".conf")]
    kills = False
    for path in (main, *further):
        for line in (host.files.text(path) or "").splitlines():
            name, _, value = line.partition("=")
            if name.strip() == "KillUserProcesses":
                kills = value.strip().lower() in ("yes", "true", "on", "1")
    if not kills:
        return _ok("agents outlive the connection that started them")
    if os.geteuid() == 0:
        return _ok("systemd-logind kills what users leave running, but not root's")
    cure = f"as root: KillUserProcesses=no in {main}, then systemctl restart systemd-logind"
    return WARN, "systemd-logind kills agents when the link breaks; resume goes on", cure


def _disk(host: Host) -> _Checked:
    room = os.statvfs(host.cache)
    free_bytes = room.f_bavail * room.f_frsize
    found = f"{free_bytes >> 20:,} MiB free in {host.cache}"
    if free_bytes >= _FREE_DISK_BYTES and (room.f_favail or not room.f_files):
        return _ok(found)
    return BAD, found, f"free some space, remove old runs in {host.cache}/runs, or set PAGESWAP_HOME"


def _executable(host: Host) -> _Checked:
    if not os.statvfs(host.cache).f_flag & os.ST_NOEXEC:
        return _ok(f"programs may run from {host.cache}")
    cure = "give the host a workdir in hosts.yaml, or PAGESWAP_HOME, where programs may run, such as /var/tmp/pageswap"
    return BAD, f"{host.cache} is on a file system mounted noexec: the core cannot load", cure


def _lease(host: Host) -> _Checked:
    if host.holder is None:
        return _ok("nobody measures")
    return WARN, f"measured by {host_lease.describe(host.holder)}", host_lease.cure(host.holder)


# In the order in which they are shown.
_CHECKS = {
    "cpus": _cpus,
    "siblings": _siblings,
    "governor": _governor,
    "turbo": _turbo,
    "mitigations": _mitigations,
    "load": _load,
    "hypervisor": _hypervisor,
    "clocksource": _clocksource,
    "memory": _memory,
    "swap": _swap,
    "numa": _numa,
    "thp": _thp,
    "folios": _folios,
    "mappings": _mappings,
    "userfaultfd": _userfaultfd,
    "preload": _preload,
    "logout": _logout,
    "disk": _disk,
    "executable": _executable,
    "lease": _lease,
}
