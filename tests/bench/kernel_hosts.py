"""The emulated machines of the kernels' lab: Debian's kernels, and one of them under several conditions."""

from __future__ import annotations

import dataclasses
from typing import Final

from tests.bench.kernel_experiments import BY_KERNEL
from tests.integration import guests, roots

MEMORY_MIB: Final = 1024
_MAPPINGS: Final = "sysctl -qw vm.max_map_count=262144"
_THP: Final = "/sys/kernel/mm/transparent_hugepage"
_ALWAYS: Final = ("thp", "warn", "always: ")
_FAULTS: Final = ("userfaultfd", "ok", "for faults of user space")
_NO_FAULTS: Final = ("userfaultfd", "warn", "not for faults of user space")
_NONE_HUGE: Final = r"^only 0 of \d+ KiB are huge when the rounds begin"


@dataclasses.dataclass(frozen=True)
class KernelHost:
    """A machine by the name it has in tables; `condition` is what it differs by from the others of its Debian.

    `prepare` is done there by root before it is looked at; `told` is what doctor must say, as check, status and words;
    `experiments` are what it does besides those that all do, and `refusals` why it alone may not do a trial.
    """

    name: str
    debian: roots.Recipe
    condition: str = ""
    cpus: int = 2
    cpu: str = "max"
    nodes_mib: tuple[int, ...] = (MEMORY_MIB,)
    user: str = guests.USER
    line: str = ""
    prepare: str = "true"
    told: tuple[tuple[str, str, str], ...] = (_ALWAYS, _FAULTS)
    experiments: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()

    @property
    def machine(self) -> guests.Machine:
        """What is booted."""
        return guests.Machine(
            (self.name,), self.cpus, self.cpu, self.nodes_mib, self.user, self.line, disk_mib=2 * MEMORY_MIB
        )


_11, _12, _13 = (roots.with_kernel(suite) for suite in ("bullseye", "bookworm", "trixie"))
_NEXT: Final = roots.with_kernel("forky")
_NEWEST: Final = roots.with_kernel("trixie", newer="trixie-backports")
PLAIN: Final = (
    KernelHost("debian11", _11, told=(_ALWAYS, _NO_FAULTS), experiments=BY_KERNEL),
    KernelHost("debian12", _12, experiments=BY_KERNEL),
    KernelHost("debian13", _13, experiments=BY_KERNEL),
    KernelHost("testing", _NEXT, experiments=BY_KERNEL),
    KernelHost("newest", _NEWEST, experiments=BY_KERNEL),
)
VARIED: Final = (
    KernelHost(
        "no-faults",
        _11,
        "`vm.unprivileged_userfaultfd=0`",
        prepare="sysctl -qw vm.unprivileged_userfaultfd=0",
        told=(_NO_FAULTS,),
    ),
    KernelHost("no-avx", _12, "a CPU without AVX", cpu="max,-avx,-avx2"),
    KernelHost(
        "one-cpu",
        _13,
        "one CPU",
        cpus=1,
        told=(("cpus", "warn", "one CPU"),),
        experiments=("beside",),
        refusals=("^no CPU is left for a busy neighbour",),
    ),
    KernelHost(
        "nodes",
        _13,
        "two NUMA nodes",
        nodes_mib=(MEMORY_MIB, MEMORY_MIB // 2),
        told=(("numa", "warn", "2 nodes, CPU 1 on node 1; numa_balancing is on"),),
    ),
    KernelHost(
        "reserved",
        _13,
        "64 reserved huge pages of 2 MiB",
        nodes_mib=(4 * MEMORY_MIB,),
        line="hugepagesz=2M hugepages=64",
        experiments=("huge",),
    ),
    KernelHost(
        "folios",
        _13,
        "transparent huge pages `never`, large folios of 64 KiB `always`",
        prepare=f"echo never >{_THP}/enabled && echo always >{_THP}/hugepages-64kB/enabled",
        told=(("thp", "ok", "never"), ("folios", "warn", "large folios without being asked: 64kB of private memory")),
        refusals=(_NONE_HUGE, "^only /proc/kpageflags tells which folios"),
    ),
    KernelHost(
        "committed",
        _13,
        "`vm.overcommit_memory=2`",
        prepare="sysctl -qw vm.overcommit_memory=2",
        experiments=("too_large",),
    ),
    KernelHost(
        "small",
        _13,
        "576 MiB of memory",
        nodes_mib=(576,),
        told=(("memory", "warn", "MiB available"), ("thp", "ok", "never")),  # as Linux has it below 512 MiB
        refusals=(_NONE_HUGE,),
        experiments=("too_large",),
    ),
    KernelHost(
        "locked-down",
        _NEWEST,
        "lockdown `confidentiality`, page tables of four levels",
        cpu="max,-la57",
        line="lockdown=confidentiality",
    ),
    KernelHost(
        "root",
        _NEWEST,
        "measured by root, more mappings allowed",
        user="root",
        prepare=_MAPPINGS,
        told=(("userfaultfd", "ok", "for everything"), ("mappings", "ok", "262,144")),
    ),
)
HOSTS: Final = (*PLAIN, *VARIED)
