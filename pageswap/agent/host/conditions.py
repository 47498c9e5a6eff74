"""The conditions of a measurement: one table of all that is known of each.

A condition is a row here and nothing else: the agent reads and checks it by this row (`environment`), reports show it,
comparisons weigh it.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import sys
from typing import TYPE_CHECKING, Any

from pageswap.agent.host import cgroup, preload, readers
from pageswap.agent.host.settings import MAX_MAP_COUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.agent.host.readers import Source

# What a difference is about. The code is usually what is being compared; it is no obstacle, it is the subject.
CODE = "code"
SETTING = "setting"
MACHINE = "machine"
HARMLESS = "harmless"

_NULL = type(None)
_TEXT = (str, _NULL)
_COUNT = (int, _NULL)
_TEXT_EACH = {"*": _TEXT}


@dataclasses.dataclass(frozen=True)
class Condition:
    """All that is known of one condition of a host.

    `why` says why a difference of this `kind` matters or does not. `shape` is what a value can be, as for
    `host_words.misfit`. `absent` is what a missing value means, "" where it means that nothing was recorded. Numbers,
    or lists' first numbers, that differ by less than `step` are alike. `doubt` says of a value that was recorded why it
    lowers the trust in what is measured, "" where it does not. `key` is its name in an environment, and that of a
    member, ``core.flags``, is in the core's own account: nothing reads it.
    """

    kind: str
    label: str
    why: str
    read: Callable[[Source], Any] | None = None
    shape: Any = _TEXT
    unit: str = ""
    absent: str = ""
    step: float = 0.0
    doubt: Callable[[Any], str] | None = None
    # Shown in a report's list of a host's conditions; and in the one line that a summary has for a host.
    is_shown: bool = True
    is_brief: bool = False
    # Kept of each start of an agent as a column of every export: a text, or how many there are of what is a table.
    is_fact: bool = False
    key: str = ""


_FITS = "a trial that does not fit is skipped; one that fits is not slowed"
_FOLIOS = "a large folio is allocated, mapped and copied at once, and split before a part of it moves"
_FAR = "memory of another node is farther away"
_CLOCK = "it sets the clock frequency"
_HIDDEN = "not exposed to this host"

_code = functools.partial(Condition, CODE)
_setting = functools.partial(Condition, SETTING)
_machine = functools.partial(Condition, MACHINE)
_harmless = functools.partial(Condition, HARMLESS)


def _kernel(setting: str) -> tuple[Callable[[Source], Any], Any]:
    return lambda source: source.files.setting(setting), _COUNT


def _meminfo(name: str) -> tuple[Callable[[Source], Any], Any, str]:
    return lambda source: source.memory.get(name), _COUNT, "bytes"


# In the order in which they are shown.
_ROWS = {
    "hostname": _harmless("Host name", "a name", lambda _: os.uname().nodename, is_shown=False),
    "cpu_model": _machine(
        "CPU",
        "caches, memory bandwidth and the cost of entering the kernel are the processor's",
        lambda source: source.cpu.get("model name"),
        is_brief=True,
        is_fact=True,
    ),
    "microcode": _setting(
        "Microcode",
        "an update changes the cost of mitigations and of single instructions",
        lambda source: source.cpu.get("microcode"),
        is_brief=True,
    ),
    "cpus": _setting(
        "CPUs",
        "each CPU that runs a process is one more to interrupt when a mapping changes",
        lambda _: os.cpu_count(),
        _COUNT,
    ),
    "cpus_allowed": _setting(
        "CPUs allowed",
        "it decides which CPUs the trials share with whom",
        lambda source: list(source.cpus_allowed),
        [(int,)],
    ),
    "measured_siblings": _setting(
        "Cores shared by measured CPUs",
        "two threads of a core share its units and caches, and so each other's time",
        readers.measured_siblings,
        _TEXT_EACH,
        doubt=readers.shared_core,
    ),
    "measured_nodes": _setting(
        "NUMA nodes of measured CPUs", _FAR, readers.measured_nodes, {"*": (int,)}, doubt=readers.several_nodes
    ),
    "numa_nodes": _setting("NUMA nodes", _FAR, lambda source: readers.nodes(source.files), _TEXT_EACH, is_fact=True),
    "numa_balancing": _setting(
        "NUMA balancing",
        "with several nodes the kernel unmaps pages to see who uses them, and moves them",
        *_kernel("kernel.numa_balancing"),
    ),
    "governor": _setting(
        "Frequency governor",
        _CLOCK,
        readers.governor,
        absent=_HIDDEN,
        is_brief=True,
    ),
    "turbo": _setting("Turbo", _CLOCK, readers.turbo, (bool, _NULL), absent=_HIDDEN),
    "hypervisor": _machine(
        "Hypervisor",
        "a guest pays nested page walks, and exits for what its host must do",
        readers.hypervisor,
        is_brief=True,
        is_fact=True,
    ),
    "kernel": _setting(
        "Kernel",
        "system calls, page faults and mappings are the kernel's code",
        lambda _: os.uname().release,
        is_brief=True,
        is_fact=True,
    ),
    "kernel_build": _setting(
        "Kernel build", "another build of a kernel has other options", lambda _: os.uname().version
    ),
    "mitigations": _setting(
        "Mitigations",
        "each is paid at every entry into the kernel, or at every indirect call in it",
        readers.mitigations,
        _TEXT_EACH,
    ),
    "thp": _setting(
        "Transparent huge pages",
        "huge pages change the cost of every fault, of TLB misses and of moving entries",
        readers.thp,
        _TEXT_EACH,
    ),
    "folios": _setting(
        "Large folios (mTHP)", _FOLIOS, lambda source: readers.folio_sizes(source.files, "enabled"), _TEXT_EACH
    ),
    "shmem_folios": _setting(
        "Large folios (mTHP) of shared memory",
        _FOLIOS,
        lambda source: readers.folio_sizes(source.files, "shmem_enabled"),
        _TEXT_EACH,
    ),
    "mem_total": _harmless("Memory", _FITS, *_meminfo("MemTotal")),
    "mem_available": _harmless("Memory available at start", _FITS, *_meminfo("MemAvailable")),
    "swap_total": _harmless(
        "Swap space", "pages that were swapped in are counted trial by trial", *_meminfo("SwapTotal")
    ),
    "cgroup_memory_limit": _harmless(
        "Memory limit (cgroup)",
        _FITS,
        lambda source: cgroup.tightest_limit(source.files),
        _COUNT,
        "bytes",
        absent="none",
    ),
    "max_map_count": _harmless(
        "vm.max_map_count",
        "a trial that needs more mappings is unavailable, not slower",
        *_kernel(MAX_MAP_COUNT),
    ),
    "overcommit_memory": _harmless(
        "vm.overcommit_memory",
        "it decides whether memory is granted, not how fast it is",
        *_kernel("vm.overcommit_memory"),
    ),
    "rlimits": _harmless(
        "Resource limits",
        "a trial that a limit stops is unavailable, not slower",
        readers.rlimits,
        {"*": (int, str, _NULL)},
    ),
    "aslr": _setting(
        "Address space randomisation",
        "it places mappings, and so sets alignments and page-table sharing",
        *_kernel("kernel.randomize_va_space"),
    ),
    "userfaultfd": _harmless(
        "userfaultfd",
        "it decides whether a method is available, not how fast it is",
        readers.userfaultfd,
        {"*": (int, bool, _NULL)},
    ),
    "clocksource": _setting(
        "Clock source",
        "every round is timed with it, and some take microseconds to read",
        lambda source: source.files.text("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
    ),
    # A load that differs by less, in busy CPUs, is the run's own doing.
    "loadavg": _setting(
        "Load average at start",
        "other work takes CPU time, caches and memory bandwidth",
        lambda source: readers.loadavg(source.files),
        [(float, int)],
        step=0.5,
    ),
    "libc": _setting("C library", "memcpy, malloc and realloc are the C library's", readers.libc, is_brief=True),
    "providers": _setting(
        "Served by",
        "another library's malloc, realloc or memcpy is timed in place of the C library's",
        lambda source: preload.providers(source.files),
        _TEXT_EACH,
        doubt=preload.foreign_providers,
    ),
    "other_jobs": _setting(
        "Other jobs on the node",
        "they share its caches, its memory's bandwidth and its CPUs' clock",
        lambda source: readers.other_jobs(source.files),
        _COUNT,
        doubt=readers.crowded,
        is_shown=False,
    ),
    "preload": _setting(
        "Preloaded or tuned",
        "a preloaded library's functions are timed in place of the C library's",
        lambda source: preload.in_force(source.files),
        _TEXT_EACH,
        doubt=lambda settings: f"preloaded or tuned by {', '.join(settings)}" if settings else "",
    ),
    "libraries": _harmless(
        "Libraries in a trial",
        "which library serves the functions that are timed is a condition of its own",
        lambda source: preload.libraries(source.files),
        [(str,)],
    ),
    "python": _harmless(
        "Python", "nothing that is timed is Python", lambda _: ".".join(map(str, sys.version_info[:3]))
    ),
    "core.compiler": _code("Compiler", "another compiler makes other code from the same sources"),
    "core.flags": _code("Compiler flags", "other flags make other code from the same sources"),
    "core.build": _harmless("Built by", "the core's hash says whether the code that was timed is the same"),
    "core.core_hash": _code("Core, SHA-256", "this is the code that was timed", is_fact=True),
    "core.source_hash": _code("Core's sources, SHA-256", "the sources of the code that was timed"),
}
_BY_KEY = {key: dataclasses.replace(row, key=key) for key, row in _ROWS.items()}
CONDITIONS = tuple(_BY_KEY.values())


def find(key: str) -> Condition | None:
    """Return the condition that a key of a flattened environment belongs to, such as ``thp.enabled``; None: unknown."""
    return _BY_KEY.get(key) or _BY_KEY.get(key.partition(".")[0])
