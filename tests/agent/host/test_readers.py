"""What a host's files tell of it, read one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from agent.host.laid_out import cores, lay_out, numa

from pageswap.agent.host import readers
from pageswap.agent.host.readers import Source

if TYPE_CHECKING:
    from pathlib import Path

THP = "/sys/kernel/mm/transparent_hugepage"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"/sys/devices/system/cpu/intel_pstate/no_turbo": "1"}, False),
        ({"/sys/devices/system/cpu/intel_pstate/no_turbo": "0"}, True),
        ({"/sys/devices/system/cpu/cpufreq/boost": "1"}, True),
        ({"/sys/devices/system/cpu/cpufreq/boost": "0"}, False),
        ({"/sys/devices/system/cpu/cpufreq/boost": "what"}, None),
    ],
)
def test_turbo_is_read_from_either_driver(tmp_path: Path, files: dict[str, str], expected: object) -> None:
    """Intel's says "no turbo", the others say "boost"."""
    assert readers.turbo(Source(lay_out(tmp_path, files), (), ())) is expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"/proc/cpuinfo": "flags : fpu"}, "none"),
        ({"/proc/cpuinfo": "flags : fpu hypervisor"}, "present"),
        (
            {
                "/proc/cpuinfo": "flags : hypervisor",
                "/sys/class/dmi/id/sys_vendor": "QEMU\n",
                "/sys/class/dmi/id/product_name": "Standard PC",
            },
            "QEMU Standard PC",
        ),
        ({"/proc/cpuinfo": "flags : fpu", "/sys/hypervisor/type": "xen"}, "xen"),
    ],
)
def test_the_hypervisor_is_named_where_it_can_be(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    """A vendor's name on bare metal is not one."""
    assert readers.hypervisor(Source(lay_out(tmp_path, files), (), ())) == expected


def test_each_folio_size_has_its_word(tmp_path: Path) -> None:
    """In the order of the sizes; some sizes have no file of the one kind or the other."""
    files = lay_out(
        tmp_path,
        {
            f"{THP}/hugepages-2048kB/enabled": "always [inherit] madvise never",
            f"{THP}/hugepages-64kB/enabled": "[always] inherit madvise never",
            f"{THP}/hugepages-64kB/shmem_enabled": "always inherit within_size advise [never]",
            f"{THP}/hugepages-64kB/stats/swpout": "7",
            f"{THP}/enabled": "always madvise [never]",
        },
    )

    assert [("64kB", "always"), ("2048kB", "inherit")] == list(readers.folio_sizes(files, "enabled").items())
    assert {"64kB": "never"} == readers.folio_sizes(files, "shmem_enabled")


def test_measured_cpus_have_their_siblings_and_nodes(tmp_path: Path) -> None:
    """Also those siblings that are not measured on; a core with one thread is left out."""
    files = lay_out(tmp_path, cores("0,2", "1") | numa("0-1", "2"))
    source = Source(files, (0, 1, 2), (2, 1))

    assert {"2": "0"} == readers.measured_siblings(source)
    assert {"2": 1, "1": 0} == readers.measured_nodes(source)
