"""The conditions of a measurement: one table of all that is known of each.

A condition is a row here and nothing else: the agent reads and checks it by this row, reports show it, comparisons
weigh it.
"""

from __future__ import annotations

import os

from pageswap.agent.host import cgroup, preload, readers, topology
from pageswap.agent.host.condition import (
    CODE,
    HARMLESS,
    LIST,
    MACHINE,
    OBJECT,
    SETTING,
    Condition,
    foreign_provider,
    preloaded,
    several_nodes,
    shared_core,
)
from pageswap.agent.host.tunables import MAX_MAP_COUNT

_NULL = type(None)
_COUNT = (int, _NULL)

_FITS = "a trial that does not fit is skipped; one that fits is not slowed"


def _of_core(name: str, label: str, kind: str, why: str) -> Condition:
    return Condition(f"core.{name}", label, kind, why, lambda source: source.core.get(name))


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
        (int,),
        LIST,
    ),
    Condition(
        "measured_siblings",
        "Cores shared by measured CPUs",
        SETTING,
        "two threads of a core share its units and caches, and so each other's time",
        readers.measured_siblings,
        holds=OBJECT,
        doubt=shared_core,
    ),
    Condition(
        "measured_nodes",
        "NUMA nodes of measured CPUs",
        SETTING,
        "memory of another node is farther away",
        readers.measured_nodes,
        (int,),
        OBJECT,
        doubt=several_nodes,
    ),
    Condition(
        "numa_nodes",
        "NUMA nodes",
        SETTING,
        "memory of another node is farther away",
        lambda source: topology.nodes(source.files),
        holds=OBJECT,
    ),
    Condition(
        "numa_balancing",
        "NUMA balancing",
        SETTING,
        "with several nodes the kernel unmaps pages to see who uses them, and moves them",
        lambda source: source.files.setting("kernel.numa_balancing"),
        _COUNT,
    ),
    Condition(
        "governor",
        "Frequency governor",
        SETTING,
        "it sets the clock frequency",
        lambda source: readers.governor(source.files, source.measured_cpus[0]),
        absent="not exposed to this host",
        is_brief=True,
    ),
    Condition(
        "turbo",
        "Turbo",
        SETTING,
        "it sets the clock frequency",
        lambda source: readers.turbo(source.files),
        (bool, _NULL),
        absent="not exposed to this host",
    ),
    Condition(
        "hypervisor",
        "Hypervisor",
        MACHINE,
        "a guest pays nested page walks, and exits for what its host must do",
        lambda source: readers.hypervisor(source.files),
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
        lambda source: readers.mitigations(source.files),
        holds=OBJECT,
    ),
    Condition(
        "thp",
        "Transparent huge pages",
        SETTING,
        "huge pages change the cost of every fault, of TLB misses and of moving entries",
        lambda source: readers.thp(source.files),
        holds=OBJECT,
    ),
    Condition(
        "folios",
        "Large folios (mTHP)",
        SETTING,
        "a large folio is allocated, mapped and copied at once, and split before a part of it moves",
        lambda source: readers.folio_sizes(source.files, "enabled"),
        holds=OBJECT,
    ),
    Condition(
        "shmem_folios",
        "Large folios (mTHP) of shared memory",
        SETTING,
        "a large folio is allocated, mapped and copied at once, and split before a part of it moves",
        lambda source: readers.folio_sizes(source.files, "shmem_enabled"),
        holds=OBJECT,
    ),
    Condition(
        "mem_total", "Memory", HARMLESS, _FITS, lambda source: source.memory.get("MemTotal"), _COUNT, unit="bytes"
    ),
    Condition(
        "mem_available",
        "Memory available at start",
        HARMLESS,
        _FITS,
        lambda source: source.memory.get("MemAvailable"),
        _COUNT,
        unit="bytes",
    ),
    Condition(
        "swap_total",
        "Swap space",
        HARMLESS,
        "pages that were swapped in are counted trial by trial",
        lambda source: source.memory.get("SwapTotal"),
        _COUNT,
        unit="bytes",
    ),
    Condition(
        "cgroup_memory_limit",
        "Memory limit (cgroup)",
        HARMLESS,
        _FITS,
        lambda source: cgroup.tightest_limit(source.files),
        _COUNT,
        unit="bytes",
        absent="none",
    ),
    Condition(
        "max_map_count",
        "vm.max_map_count",
        HARMLESS,
        "a trial that needs more mappings is unavailable, not slower",
        lambda source: source.files.setting(MAX_MAP_COUNT),
        _COUNT,
    ),
    Condition(
        "overcommit_memory",
        "vm.overcommit_memory",
        HARMLESS,
        "it decides whether memory is granted, not how fast it is",
        lambda source: source.files.setting("vm.overcommit_memory"),
        _COUNT,
    ),
    Condition(
        "rlimits",
        "Resource limits",
        HARMLESS,
        "a trial that a limit stops is unavailable, not slower",
        lambda _: readers.rlimits(),
        (int, str, _NULL),
        OBJECT,
    ),
    Condition(
        "aslr",
        "Address space randomisation",
        SETTING,
        "it places mappings, and so sets alignments and page-table sharing",
        lambda source: source.files.setting("kernel.randomize_va_space"),
        _COUNT,
    ),
    Condition(
        "userfaultfd",
        "userfaultfd",
        HARMLESS,
        "it decides whether a method is available, not how fast it is",
        lambda source: readers.userfaultfd(source.files),
        (int, bool, _NULL),
        OBJECT,
    ),
    Condition(
        "clocksource",
        "Clock source",
        SETTING,
        "every round is timed with it, and some take microseconds to read",
        lambda source: readers.clocksource(source.files),
    ),
    Condition(
        "loadavg",
        "Load average at start",
        SETTING,
        "other work takes CPU time, caches and memory bandwidth",
        lambda source: readers.loadavg(source.files),
        (float, int),
        LIST,
        # What is less, in busy CPUs, is the run's own doing.
        step=0.5,
    ),
    Condition(
        "libc",
        "C library",
        SETTING,
        "memcpy, malloc and realloc are the C library's",
        lambda _: readers.libc(),
        is_brief=True,
    ),
    Condition(
        "providers",
        "Served by",
        SETTING,
        "another library's malloc, realloc or memcpy is timed in place of the C library's",
        lambda source: preload.providers(source.files),
        holds=OBJECT,
        doubt=foreign_provider,
    ),
    Condition(
        "preload",
        "Preloaded or tuned",
        SETTING,
        "a preloaded library's functions are timed in place of the C library's",
        lambda source: preload.in_force(source.files),
        holds=OBJECT,
        doubt=preloaded,
    ),
    Condition(
        "libraries",
        "Libraries in a trial",
        HARMLESS,
        "which library serves the functions that are timed is a condition of its own",
        lambda source: preload.libraries(source.files),
        (str,),
        LIST,
    ),
    Condition("python", "Python", HARMLESS, "nothing that is timed is Python", lambda _: readers.python()),
    _of_core("compiler", "Compiler", CODE, "another compiler makes other code from the same sources"),
    _of_core("flags", "Compiler flags", CODE, "other flags make other code from the same sources"),
    _of_core("build", "Built by", HARMLESS, "the core's hash says whether the code that was timed is the same"),
    _of_core("core_hash", "Core, SHA-256", CODE, "this is the code that was timed"),
    _of_core("source_hash", "Core's sources, SHA-256", CODE, "the sources of the code that was timed"),
)
