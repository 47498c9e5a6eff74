"""What would spoil a measurement on this host, each finding with its cure."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

from pageswap.agent.host import cgroup, readers
from pageswap.agent.workspace.host_lease import describe
from pageswap.units import format_count

if TYPE_CHECKING:
    from pageswap.agent.host.host_files import HostFiles

_UNREADABLE = "not readable here"
_GIB = 1 << 30
# The original question's region in 4 KiB pages, each a mapping of its own, and the process's own ones.
_MAPPINGS = (256 << 20) // 4096 + 300
_FREE_DISK_BYTES = 256 << 20
_BUSY = 0.2
_STOLEN = 0.01


@dataclasses.dataclass(frozen=True)
class Finding:
    """One check: status is ok, warn or bad; `cure` is "" where there is nothing to cure."""

    check: str
    status: str
    found: str
    cure: str = ""

    def to_json(self) -> dict[str, str]:
        """Give the finding as a JSON object with the field names above."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Leftover:
    """What became of settings a former agent changed: state is none, in use, left, unreadable or restored."""

    state: str
    detail: str = ""


def examine(
    files: HostFiles, cache: str, holder: dict[str, Any] | None, leftover: Leftover, *, cpu: int | None = None
) -> list[Finding]:
    """Make every check; `cache` is the folder for results, `holder` whoever has the lease.

    `cpu` is the CPU to be measured on, by default the last one allowed.
    """
    return [
        _cpus(cpu),
        _governor(files, cpu),
        *(check(files) for check in _CHECKS),
        _disk(cache),
        _executable(cache),
        _lease(holder),
        _tunables(leftover),
    ]


def _cpus(cpu: int | None) -> Finding:
    allowed = os.sched_getaffinity(0)
    if cpu is not None and cpu not in allowed:
        found = f"CPU {cpu}, which the inventory pins trials to, is not among those allowed here"
        return Finding("cpus", "bad", found, f"change the host's cpu in hosts.yaml to one up to {max(allowed)}")
    if len(allowed) > 1:
        return Finding("cpus", "ok", f"{len(allowed)} CPUs; measured on CPU {max(allowed) if cpu is None else cpu}")
    return Finding("cpus", "warn", "one CPU, shared with the agent and all else", "allow two CPUs (taskset, cpuset)")


def _governor(files: HostFiles, cpu: int | None) -> Finding:
    cpu = max(os.sched_getaffinity(0)) if cpu is None else cpu
    governor = readers.governor(files, cpu)
    if governor in (None, "performance"):
        return Finding("governor", "ok", governor or _UNREADABLE)
    cure = "as root: cpupower frequency-set -g performance"
    return Finding("governor", "warn", f"{governor}: the clock changes while it measures", cure)


def _turbo(files: HostFiles) -> Finding:
    turbo = readers.turbo(files)
    if not turbo:
        return Finding("turbo", "ok", _UNREADABLE if turbo is None else "off")
    cpu = "/sys/devices/system/cpu"
    cure = f"as root: echo 1 > {cpu}/intel_pstate/no_turbo, or echo 0 > {cpu}/cpufreq/boost"
    return Finding("turbo", "warn", "on: the clock depends on temperature and on the other cores", cure)


def _mitigations(files: HostFiles) -> Finding:
    states = readers.mitigations(files)
    active = sum((state or "").startswith("Mitigation") for state in states.values())
    # Mitigations are how the fleet runs: they are recorded, and nobody is told to switch them off.
    found = f"{active} of {len(states)} known weaknesses mitigated" if states else _UNREADABLE
    return Finding("mitigations", "ok", found)


def _load(files: HostFiles) -> Finding:
    load = readers.loadavg(files)
    if load is None:
        return Finding("load", "ok", _UNREADABLE)
    cpus = len(os.sched_getaffinity(0))
    found = f"{load[0]:.2f} over the last minute on {cpus} CPUs"
    if load[0] <= _BUSY * cpus:
        return Finding("load", "ok", found)
    status = "bad" if load[0] > cpus else "warn"
    return Finding("load", status, found, "stop what runs beside it ('top' shows it), then wait")


def _hypervisor(files: HostFiles) -> Finding:
    name = readers.hypervisor(files)
    if name in (None, "none"):
        return Finding("hypervisor", "ok", "none" if name else _UNREADABLE)
    # proc_stat(5): user nice system idle iowait irq softirq steal; what follows is part of user and nice.
    times = [int(word) for word in (files.text("/proc/stat") or "").split("\n", 1)[0].split()[1:9]]
    stolen = times[7] / max(sum(times), 1) if len(times) == 8 else 0.0  # noqa: PLR2004 - the eight named above
    found = f"virtual machine ({name}), {stolen:.1%} of its CPU time taken by the host"
    if stolen <= _STOLEN:
        return Finding("hypervisor", "ok", found)
    return Finding("hypervisor", "warn", found, "use a machine with CPUs of its own, or more repeats")


def _clocksource(files: HostFiles) -> Finding:
    clocksource = readers.clocksource(files)
    if clocksource in (None, "tsc", "kvm-clock", "hyperv_clocksource_tsc_page"):
        return Finding("clocksource", "ok", clocksource or _UNREADABLE)
    cure = "boot with clocksource=tsc tsc=reliable if the CPU's is stable"
    return Finding("clocksource", "warn", f"{clocksource}: reading the time is a slow system call", cure)


def _memory(files: HostFiles) -> Finding:
    bounds = [files.table("/proc/meminfo").get("MemAvailable")]
    bounds += [group.free_bytes(files, 1 << 62) for group in cgroup.memory_groups(files)]
    free_bytes = min((bound for bound in bounds if bound is not None), default=None)
    if free_bytes is None:
        return Finding("memory", "ok", _UNREADABLE)
    found = f"{format_count(free_bytes >> 20)} MiB available"
    if free_bytes >= _GIB:
        return Finding("memory", "ok", found)
    return Finding("memory", "warn", found, "free memory, or use a smaller region_size")


def _swap(files: HostFiles) -> Finding:
    memory = files.table("/proc/meminfo")
    used = memory.get("SwapTotal", 0) - memory.get("SwapFree", 0)
    if used <= 0:
        return Finding("swap", "ok", "none in use" if memory else _UNREADABLE)
    found = f"{format_count(used >> 20)} MiB in use: a page may come from the disk"
    return Finding("swap", "warn", found, "free memory, then as root: swapoff -a && swapon -a")


def _thp(files: HostFiles) -> Finding:
    enabled = readers.thp(files)["enabled"]
    if enabled != "always":
        return Finding("thp", "ok", enabled or _UNREADABLE)
    cure = "as root: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"
    return Finding("thp", "warn", "always: regions of 4 KiB pages become huge pages at times", cure)


def _mappings(files: HostFiles) -> Finding:
    limit = files.integer("/proc/sys/vm/max_map_count")
    if limit is None:
        return Finding("mappings", "ok", _UNREADABLE)
    found = f"vm.max_map_count is {format_count(limit)}"
    if limit >= _MAPPINGS:
        return Finding("mappings", "ok", found)
    found += f": remapping 256 MiB by 4 KiB needs some {format_count(_MAPPINGS)}"
    return Finding(
        "mappings", "warn", found, f"run with --tune as root, or: sysctl -w vm.max_map_count={2 * _MAPPINGS}"
    )


def _userfaultfd(files: HostFiles) -> Finding:
    allowed = files.integer("/proc/sys/vm/unprivileged_userfaultfd")
    if allowed is None:
        cure = "a kernel with CONFIG_USERFAULTFD, 6.8 for UFFDIO_MOVE"
        return Finding("userfaultfd", "warn", "not in this kernel", cure)
    if allowed or os.geteuid() == 0:
        return Finding("userfaultfd", "ok", "for everything")
    if files.usable("/dev/userfaultfd"):
        return Finding("userfaultfd", "ok", "through /dev/userfaultfd")
    return Finding("userfaultfd", "ok", "for faults of user space, which is enough")


def _logout(files: HostFiles) -> Finding:
    """Look for systemd-logind's habit of killing what a user leaves running (logind.conf(5)); root is spared by it."""
    folder = "/etc/systemd/logind.conf.d"
    paths = [
        "/etc/systemd/logind.conf",
        *(f"{folder}/{name}" for name in files.names(folder) if name.endswith(".conf")),
    ]
    kills = False
    for path in paths:
        for line in (files.text(path) or "").splitlines():
            name, _, value = line.partition("=")
            if name.strip() == "KillUserProcesses":
                kills = value.strip().lower() in ("yes", "true", "on", "1")
    if not kills:
        return Finding("logout", "ok", "agents outlive the connection that started them")
    if os.geteuid() == 0:
        return Finding("logout", "ok", "systemd-logind kills what users leave running, but not root's")
    cure = "as root: KillUserProcesses=no in /etc/systemd/logind.conf, then systemctl restart systemd-logind"
    return Finding("logout", "warn", "systemd-logind kills agents when the link breaks; resume goes on", cure)


def _disk(cache: str) -> Finding:
    room = os.statvfs(cache)
    free_bytes = room.f_bavail * room.f_frsize
    found = f"{format_count(free_bytes >> 20)} MiB free in {cache}"
    if free_bytes >= _FREE_DISK_BYTES and (room.f_favail or not room.f_files):
        return Finding("disk", "ok", found)
    return Finding("disk", "bad", found, f"free some space, remove old runs in {cache}/runs, or set PAGESWAP_HOME")


def _executable(cache: str) -> Finding:
    if not os.statvfs(cache).f_flag & os.ST_NOEXEC:
        return Finding("executable", "ok", f"programs may run from {cache}")
    cure = "give the host a workdir in hosts.yaml, or PAGESWAP_HOME, where programs may run, such as /var/tmp/pageswap"
    return Finding("executable", "bad", f"{cache} is on a file system mounted noexec: the core cannot load", cure)


def _lease(holder: dict[str, Any] | None) -> Finding:
    if holder is None:
        return Finding("lease", "ok", "nobody measures")
    return Finding("lease", "warn", f"measured by {describe(holder)}", "wait for it (--wait), or stop that run")


def _tunables(leftover: Leftover) -> Finding:
    if leftover.state == "none":
        return Finding("tunables", "ok", "nothing left changed")
    if leftover.state == "in use":
        return Finding("tunables", "ok", leftover.detail)
    if leftover.state == "restored":
        return Finding("tunables", "warn", f"a killed run had left settings changed; restored now: {leftover.detail}")
    if leftover.state == "unreadable":
        return Finding("tunables", "bad", leftover.detail, "as root: check vm.max_map_count, then remove the file")
    return Finding("tunables", "bad", leftover.detail, "as root: inv doctor, which restores it")


_CHECKS = (
    _turbo,
    _mitigations,
    _load,
    _hypervisor,
    _clocksource,
    _memory,
    _swap,
    _thp,
    _mappings,
    _userfaultfd,
    _logout,
)
