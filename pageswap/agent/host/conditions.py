"""The conditions of a measurement: one table of all that is known of each.

A condition is a row here and nothing else: the agent reads and checks it by this row, reports show it, comparisons
weigh it.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from pageswap.agent.host import cgroup, cpus, preload, readers
from pageswap.agent.host.tunables import MAX_MAP_COUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.agent.host.readers import Source

# What a difference is about. The code is usually what is being compared; it is no obstacle, it is the subject.
CODE = "code"
SETTING = "setting"
MACHINE = "machine"
HARMLESS = "harmless"


class Form(NamedTuple):
    """What a condition's value is: one of some types, in some unit, or a list or a dict whose members are."""

    types: tuple[type, ...]
    container: type | None = None
    unit: str = ""


_NULL = type(None)
_TEXT = Form((str, _NULL))
_TEXT_EACH = Form((str, _NULL), dict)
_FLAG = Form((bool, _NULL))
_COUNT = Form((int, _NULL))
_COUNTS = Form((int,), list)
_COUNT_EACH = Form((int,), dict)
_BYTES = Form((int, _NULL), unit="bytes")


@dataclasses.dataclass(frozen=True)
class Condition:
    """All that is known of one condition of a host.

    `key` is its name in an environment, ``core.flags`` that of a member. `why` says why a difference of this `kind`
    matters or does not. `absent` is what a missing value means, "" where it means that nothing was recorded. Numbers,
    or lists' first numbers, that differ by less than `step` are alike.
    """

    key: str
    label: str
    kind: str
    why: str
    read: Callable[[Source], Any]
    form: Form = _TEXT
    absent: str = ""
    step: float = 0.0
    # Says of a value that was recorded why it lowers the trust in what is measured, "" where it does not.
    doubt: Callable[[Any], str] | None = None
    # Shown in a report's list of a host's conditions; and in the one line that a summary has for a host.
    is_shown: bool = True
    is_brief: bool = False


_FITS = "a trial that does not fit is skipped; one that fits is not slowed"
_FOLIOS = "a large folio is allocated, mapped and copied at once, and split before a part of it moves"


def _of_core(name: str, label: str, kind: str, why: str) -> Condition:
    return Condition(f"core.{name}", label, kind, why, lambda source: source.core.get(name))


def _of_setting(key: str, label: str, kind: str, why: str, setting: str) -> Condition:
    return Condition(key, label, kind, why, lambda source: source.files.setting(setting), _COUNT)


def _of_memory(key: str, label: str, why: str, name: str) -> Condition:
    return Condition(key, label, HARMLESS, why, lambda source: source.memory.get(name), _BYTES)


# In the order in which they are shown.
CONDITIONS = (
    Condition("hostname", "Host name", HARMLESS, "a name", lambda _: os.uname().nodename, is_shown=False),
    Condition(
        "cpu_model",
        "CPU",
        MACHINE,
        "caches, memory bandwidth and the cost of entering the kernel are the processor's",
        lambda source: source.cpu.get("model name"),
        is_brief=True,
    ),
    Condition(
        "microcode",
        "Microcode",
        SETTING,
        "an update changes the cost of mitigations and of single instructions",
        lambda source: source.cpu.get("microcode"),
        is_brief=True,
    ),
    Condition(
        "cpus",
        "CPUs",
        SETTING,
        "each CPU that runs a process is one more to interrupt when a mapping changes",
        lambda _: os.cpu_count(),
        _COUNT,
    ),
    Condition(
        "cpus_allowed",
        "CPUs allowed",
        SETTING,
        "it decides which CPUs the trials share with whom",
        lambda source: list(source.cpus_allowed),
        _COUNTS,
    ),
    Condition(
        "measured_siblings",
        "Cores shared by measured CPUs",
        SETTING,
        "two threads of a core share its units and caches, and so each other's time",
        readers.measured_siblings,
        _TEXT_EACH,
        doubt=readers.shared_core,
    ),
    Condition(
        "measured_nodes",
        "NUMA nodes of measured CPUs",
        SETTING,
        "memory of another node is farther away",
        readers.measured_nodes,
        _COUNT_EACH,
        doubt=readers.several_nodes,
    ),
    Condition(
        "numa_nodes",
        "NUMA nodes",
        SETTING,
        "memory of another node is farther away",
        lambda source: cpus.nodes(source.files),
        _TEXT_EACH,
    ),
    _of_setting(
        "numa_balancing",
        "NUMA balancing",
        SETTING,
        "with several nodes the kernel unmaps pages to see who uses them, and moves them",
        "kernel.numa_balancing",
    ),
    Condition(
        "governor",
        "Frequency governor",
        SETTING,
        "it sets the clock frequency",
        lambda source: source.files.text(f"{cpus.CPUS}/cpu{source.measured_cpus[0]}/cpufreq/scaling_governor"),
        absent="not exposed to this host",
        is_brief=True,
    ),
    Condition(
        "turbo",
        "Turbo",
        SETTING,
        "it sets the clock frequency",
        readers.turbo,
        _FLAG,
        absent="not exposed to this host",
    ),
    Condition(
        "hypervisor",
        "Hypervisor",
        MACHINE,
        "a guest pays nested page walks, and exits for what its host must do",
        readers.hypervisor,
        absent="none found",
        is_brief=True,
    ),
    Condition(
        "kernel",
        "Kernel",
        SETTING,
        "system calls, page faults and mappings are the kernel's code",
        lambda _: os.uname().release,
        is_brief=True,
    ),
    Condition(
        "kernel_build",
        "Kernel build",
        SETTING,
        "another build of a kernel has other options",
        lambda _: os.uname().version,
    ),
    Condition(
        "mitigations",
        "Mitigations",
        SETTING,
        "each is paid at every entry into the kernel, or at every indirect call in it",
        readers.mitigations,
        _TEXT_EACH,
    ),
    Condition(
        "thp",
        "Transparent huge pages",
        SETTING,
        "huge pages change the cost of every fault, of TLB misses and of moving entries",
        readers.thp,
        _TEXT_EACH,
    ),
    Condition(
        "folios",
        "Large folios (mTHP)",
        SETTING,
        _FOLIOS,
        lambda source: readers.folio_sizes(source.files, "enabled"),
        _TEXT_EACH,
    ),
    Condition(
        "shmem_folios",
        "Large folios (mTHP) of shared memory",
        SETTING,
        _FOLIOS,
        lambda source: readers.folio_sizes(source.files, "shmem_enabled"),
        _TEXT_EACH,
    ),
    _of_memory("mem_total", "Memory", _FITS, "MemTotal"),
    _of_memory("mem_available", "Memory available at start", _FITS, "MemAvailable"),
    _of_memory("swap_total", "Swap space", "pages that were swapped in are counted trial by trial", "SwapTotal"),
    Condition(
        "cgroup_memory_limit",
        "Memory limit (cgroup)",
        HARMLESS,
        _FITS,
        lambda source: cgroup.tightest_limit(source.files),
        _BYTES,
        absent="none",
    ),
    _of_setting(
        "max_map_count",
        "vm.max_map_count",
        HARMLESS,
        "a trial that needs more mappings is unavailable, not slower",
        MAX_MAP_COUNT,
    ),
    _of_setting(
        "overcommit_memory",
        "vm.overcommit_memory",
        HARMLESS,
        "it decides whether memory is granted, not how fast it is",
        "vm.overcommit_memory",
    ),
    Condition(
        "rlimits",
        "Resource limits",
        HARMLESS,
        "a trial that a limit stops is unavailable, not slower",
        readers.rlimits,
        Form((int, str, _NULL), dict),
    ),
    _of_setting(
        "aslr",
        "Address space randomisation",
        SETTING,
        "it places mappings, and so sets alignments and page-table sharing",
        "kernel.randomize_va_space",
    ),
    Condition(
        "userfaultfd",
        "userfaultfd",
        HARMLESS,
        "it decides whether a method is available, not how fast it is",
        readers.userfaultfd,
        Form((int, bool, _NULL), dict),
    ),
    Condition(
        "clocksource",
        "Clock source",
        SETTING,
        "every round is timed with it, and some take microseconds to read",
        lambda source: source.files.text("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
    ),
    Condition(
        "loadavg",
        "Load average at start",
        SETTING,
        "other work takes CPU time, caches and memory bandwidth",
        readers.loadavg,
        Form((float, int), list),
        # What is less, in busy CPUs, is the run's own doing.
        step=0.5,
    ),
    Condition(
        "libc",
        "C library",
        SETTING,
        "memcpy, malloc and realloc are the C library's",
        readers.libc,
        is_brief=True,
    ),
    Condition(
        "providers",
        "Served by",
        SETTING,
        "another library's malloc, realloc or memcpy is timed in place of the C library's",
        lambda source: preload.providers(source.files),
        _TEXT_EACH,
        doubt=preload.foreign_providers,
    ),
    Condition(
        "preload",
        "Preloaded or tuned",
        SETTING,
        "a preloaded library's functions are timed in place of the C library's",
        lambda source: preload.in_force(source.files),
        _TEXT_EACH,
        doubt=preload.preloaded,
    ),
    Condition(
        "libraries",
        "Libraries in a trial",
        HARMLESS,
        "which library serves the functions that are timed is a condition of its own",
        lambda source: preload.libraries(source.files),
        Form((str,), list),
    ),
    Condition(
        "python",
        "Python",
        HARMLESS,
        "nothing that is timed is Python",
        lambda _: ".".join(map(str, sys.version_info[:3])),
    ),
    _of_core("compiler", "Compiler", CODE, "another compiler makes other code from the same sources"),
    _of_core("flags", "Compiler flags", CODE, "other flags make other code from the same sources"),
    _of_core("build", "Built by", HARMLESS, "the core's hash says whether the code that was timed is the same"),
    _of_core("core_hash", "Core, SHA-256", CODE, "this is the code that was timed"),
    _of_core("source_hash", "Core's sources, SHA-256", CODE, "the sources of the code that was timed"),
)
