"""The conditions of a measurement: one table of all that is known of each, and the reading of them on this host.

A condition is a row here and nothing else: the agent reads and checks it, reports and comparisons show and weigh it, by
this row.
"""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

from pageswap.agent.host import cgroup, readers
from pageswap.agent.host.readers import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pageswap.agent.host.host_files import HostFiles

# What a difference is about. The code is usually what is being compared; it is no obstacle, it is the subject.
CODE = "code"
SETTING = "setting"
MACHINE = "machine"
HARMLESS = "harmless"

# What a condition's value is: one of its types, a list of them, or an object whose members are.
VALUE = "value"
LIST = "list"
OBJECT = "object"

_NULL = type(None)
_TEXT = (str, _NULL)
_COUNT = (int, _NULL)

_FITS = "a trial that does not fit is skipped; one that fits is not slowed"


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
    types: tuple[type, ...] = _TEXT
    holds: str = VALUE
    unit: str = ""
    absent: str = ""
    step: float = 0.0
    # Shown in a report's list of a host's conditions; and in the one line that a summary has for a host.
    is_shown: bool = True
    is_brief: bool = False


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
        "mem_total",
        "Memory",
        HARMLESS,
        _FITS,
        lambda source: source.memory.get("MemTotal"),
        _COUNT,
        unit="bytes",
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
        lambda source: source.files.integer("/proc/sys/vm/max_map_count"),
        _COUNT,
    ),
    Condition(
        "overcommit_memory",
        "vm.overcommit_memory",
        HARMLESS,
        "it decides whether memory is granted, not how fast it is",
        lambda source: source.files.integer("/proc/sys/vm/overcommit_memory"),
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
        lambda source: source.files.integer("/proc/sys/kernel/randomize_va_space"),
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
    Condition("python", "Python", HARMLESS, "nothing that is timed is Python", lambda _: readers.python()),
    _of_core("compiler", "Compiler", CODE, "another compiler makes other code from the same sources"),
    _of_core("flags", "Compiler flags", CODE, "other flags make other code from the same sources"),
    _of_core("build", "Built by", HARMLESS, "the core's hash says whether the code that was timed is the same"),
    _of_core("core_hash", "Core, SHA-256", CODE, "this is the code that was timed"),
    _of_core("source_hash", "Core's sources, SHA-256", CODE, "the sources of the code that was timed"),
)
_BY_KEY = {condition.key: condition for condition in CONDITIONS}


def find(key: str) -> Condition | None:
    """Return the condition that a key of a flattened environment belongs to, such as ``thp.enabled``; None: unknown."""
    return _BY_KEY.get(key) or _BY_KEY.get(key.partition(".")[0])


def value_of(environment: Mapping[str, Any], condition: Condition) -> Any:  # noqa: ANN401 - whatever the host has told
    """Return a condition's value in an environment, None where there is none."""
    name, _, part = condition.key.partition(".")
    value = environment.get(name)
    return (value or {}).get(part) if part else value


def read(
    files: HostFiles,
    core: dict[str, Any],
    *,
    allowed_cpus: set[int] | None = None,
    measured_cpus: list[int] | None = None,
) -> dict[str, Any]:
    """Read a host's environment: each condition's value by its key; sizes in bytes, `core` is the C core's own account.

    `allowed_cpus` is given by an agent that has left some of them already, `measured_cpus` by one that does not measure
    on the last one alone.
    """
    allowed = tuple(sorted(allowed_cpus or os.sched_getaffinity(0)))
    source = Source(files, core, allowed, tuple(measured_cpus or allowed[-1:]))
    environment: dict[str, Any] = {}
    for condition in CONDITIONS:
        name, _, part = condition.key.partition(".")
        if part:
            environment.setdefault(name, {})[part] = condition.read(source)
        else:
            environment[name] = condition.read(source)
    return environment
