"""What of the CPUs, and of who else uses them, would spoil a measurement."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pageswap.agent.host import readers, topology
from pageswap.agent.host.finding import UNREADABLE, Finding

if TYPE_CHECKING:
    from pageswap.agent.host.host_files import HostFiles

_BUSY = 0.2
_STOLEN = 0.01


def check(files: HostFiles, cpu: int | None) -> list[Finding]:
    """Check the CPUs; `cpu` is the one to be measured on, None for the last one allowed."""
    measured = max(os.sched_getaffinity(0)) if cpu is None else cpu
    return [
        _cpus(cpu),
        _siblings(files, measured),
        _governor(files, measured),
        _turbo(files),
        _mitigations(files),
        _load(files),
        _hypervisor(files),
        _clocksource(files),
    ]


def _cpus(cpu: int | None) -> Finding:
    allowed = os.sched_getaffinity(0)
    if cpu is not None and cpu not in allowed:
        found = f"CPU {cpu}, which the inventory pins trials to, is not among those allowed here"
        return Finding("cpus", "bad", found, f"change the host's cpu in hosts.yaml to one up to {max(allowed)}")
    if len(allowed) > 1:
        return Finding("cpus", "ok", f"{len(allowed)} CPUs; measured on CPU {max(allowed) if cpu is None else cpu}")
    return Finding("cpus", "warn", "one CPU, shared with the agent and all else", "allow two CPUs (taskset, cpuset)")


def _siblings(files: HostFiles, cpu: int) -> Finding:
    others = topology.siblings(files, cpu)
    if not others:
        return Finding("siblings", "ok", UNREADABLE if others is None else f"CPU {cpu} has its core for itself")
    words = ", ".join(map(str, sorted(others)))
    found = f"CPU {cpu} shares its core with CPU {words}: what runs there takes its units and caches"
    switches = " ".join(f"/sys/devices/system/cpu/cpu{other}/online" for other in sorted(others))
    return Finding("siblings", "warn", found, f"as root: echo 0 | tee {switches}")


def _governor(files: HostFiles, cpu: int) -> Finding:
    governor = readers.governor(files, cpu)
    if governor in (None, "performance"):
        return Finding("governor", "ok", governor or UNREADABLE)
    cure = "as root: cpupower frequency-set -g performance"
    return Finding("governor", "warn", f"{governor}: the clock changes while it measures", cure)


def _turbo(files: HostFiles) -> Finding:
    turbo = readers.turbo(files)
    if not turbo:
        return Finding("turbo", "ok", UNREADABLE if turbo is None else "off")
    cpu = "/sys/devices/system/cpu"
    cure = f"as root: echo 1 > {cpu}/intel_pstate/no_turbo, or echo 0 > {cpu}/cpufreq/boost"
    return Finding("turbo", "warn", "on: the clock depends on temperature and on the other cores", cure)


def _mitigations(files: HostFiles) -> Finding:
    states = readers.mitigations(files)
    active = sum((state or "").startswith("Mitigation") for state in states.values())
    # Mitigations are how the fleet runs: they are recorded, and nobody is told to switch them off.
    found = f"{active} of {len(states)} known weaknesses mitigated" if states else UNREADABLE
    return Finding("mitigations", "ok", found)


def _load(files: HostFiles) -> Finding:
    load = readers.loadavg(files)
    if load is None:
        return Finding("load", "ok", UNREADABLE)
    cpus = len(os.sched_getaffinity(0))
    found = f"{load[0]:.2f} over the last minute on {cpus} CPUs"
    if load[0] <= _BUSY * cpus:
        return Finding("load", "ok", found)
    status = "bad" if load[0] > cpus else "warn"
    return Finding("load", status, found, "stop what runs beside it ('top' shows it), then wait")


def _hypervisor(files: HostFiles) -> Finding:
    name = readers.hypervisor(files)
    if name in (None, "none"):
        return Finding("hypervisor", "ok", "none" if name else UNREADABLE)
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
        return Finding("clocksource", "ok", clocksource or UNREADABLE)
    cure = "boot with clocksource=tsc tsc=reliable if the CPU's is stable"
    return Finding("clocksource", "warn", f"{clocksource}: reading the time is a slow system call", cure)
