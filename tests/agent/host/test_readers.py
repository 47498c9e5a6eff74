"""The conditions of a measurement, from a host that tells everything and from one that tells nothing."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from pageswap.agent.host import conditions, readers
from pageswap.agent.host.host_files import HostFiles

if TYPE_CHECKING:
    from pathlib import Path

KEYS = [
    *("hostname", "cpu_model", "microcode", "cpus", "cpus_allowed", "governor", "turbo", "hypervisor", "kernel"),
    *("kernel_build", "mitigations", "thp", "mem_total", "mem_available", "swap_total", "cgroup_memory_limit"),
    *("max_map_count", "overcommit_memory", "rlimits", "aslr", "userfaultfd", "clocksource", "loadavg", "libc"),
    *("python", "core"),
]


def _host(root: Path, **files: str) -> HostFiles:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return HostFiles(str(root))


def test_this_host_tells_all_keys_as_plain_json() -> None:
    """Exactly the documented ones."""
    facts = conditions.read(HostFiles(), {"core_hash": "x"})

    assert list(facts) == KEYS
    assert json.loads(json.dumps(facts)) == facts
    assert facts["cpus_allowed"] == sorted(os.sched_getaffinity(0))
    assert facts["mem_total"] > 0
    assert facts["core"] == {"build": None, "core_hash": "x", "compiler": None, "flags": None, "source_hash": None}


def test_absent_facts_are_none_and_never_guessed(tmp_path: Path) -> None:
    """A host without /proc and /sys."""
    facts = conditions.read(HostFiles(str(tmp_path)), {})

    unknown = {name for name, value in facts.items() if value is None}
    assert unknown == {
        "cpu_model", "microcode", "governor", "turbo", "hypervisor", "mem_total", "mem_available",
        "cgroup_memory_limit", "swap_total", "max_map_count", "overcommit_memory", "aslr", "clocksource", "loadavg",
    }  # fmt: skip
    assert facts["mitigations"] == {}
    assert facts["thp"] == {"enabled": None, "defrag": None, "shmem_enabled": None}
    assert facts["userfaultfd"] == {"unprivileged": None, "device": False}


def test_what_a_host_tells_is_taken_over(tmp_path: Path) -> None:
    """Sizes in bytes, bracketed choices by their word."""
    cpu = max(os.sched_getaffinity(0))
    files = _host(
        tmp_path,
        proc__cpuinfo="processor\t: 0\nmodel name\t: A CPU\nmicrocode\t: 0x1\nflags\t\t: fpu sse\n\nprocessor\t: 1\n",
        proc__meminfo="MemTotal:  1000 kB\nMemAvailable: 500 kB\nSwapTotal: 0 kB\n",
        sys__kernel__mm__transparent_hugepage__enabled="always [madvise] never",
        sys__devices__system__cpu__vulnerabilities__meltdown="Not affected",
        proc__loadavg="0.50 0.25 0.10 1/2 3",
        **{f"sys__devices__system__cpu__cpu{cpu}__cpufreq__scaling_governor": "powersave\n"},
    )

    facts = conditions.read(files, {})

    assert (facts["cpu_model"], facts["microcode"]) == ("A CPU", "0x1")
    assert (facts["mem_total"], facts["mem_available"], facts["swap_total"]) == (1_024_000, 512_000, 0)
    assert facts["thp"]["enabled"] == "madvise"
    assert facts["mitigations"] == {"meltdown": "Not affected"}
    assert facts["loadavg"] == [0.5, 0.25, 0.1]
    assert facts["governor"] == "powersave"
    assert facts["hypervisor"] == "none"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"sys__devices__system__cpu__intel_pstate__no_turbo": "1"}, False),
        ({"sys__devices__system__cpu__intel_pstate__no_turbo": "0"}, True),
        ({"sys__devices__system__cpu__cpufreq__boost": "1"}, True),
        ({"sys__devices__system__cpu__cpufreq__boost": "0"}, False),
        ({"sys__devices__system__cpu__cpufreq__boost": "what"}, None),
    ],
)
def test_turbo_is_read_from_either_driver(tmp_path: Path, files: dict[str, str], expected: object) -> None:
    """Intel's says "no turbo", the others say "boost"."""
    assert readers.turbo(_host(tmp_path, **files)) is expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"proc__cpuinfo": "flags : fpu"}, "none"),
        ({"proc__cpuinfo": "flags : fpu hypervisor"}, "present"),
        (
            {
                "proc__cpuinfo": "flags : hypervisor",
                "sys__class__dmi__id__sys_vendor": "QEMU\n",
                "sys__class__dmi__id__product_name": "Standard PC",
            },
            "QEMU Standard PC",
        ),
        ({"proc__cpuinfo": "flags : fpu", "sys__hypervisor__type": "xen"}, "xen"),
    ],
)
def test_the_hypervisor_is_named_where_it_can_be(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    """A vendor's name on bare metal is not one."""
    assert readers.hypervisor(_host(tmp_path, **files)) == expected
