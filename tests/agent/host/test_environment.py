"""The conditions of a measurement, from a host that tells everything and from one that tells nothing."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from agent.host.laid_out import cores, lay_out, numa, source

from pageswap import native
from pageswap.agent.host import environment
from pageswap.agent.host.environment import environment_problem
from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.host.readers import Source

if TYPE_CHECKING:
    from pathlib import Path


def _host(root: Path, **files: str) -> HostFiles:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return HostFiles(str(root))


def test_this_host_tells_plain_json() -> None:
    """Sizes, CPUs and the core's own account among it."""
    facts = environment.read(source(HostFiles()), {"core_hash": "x"})

    assert json.loads(json.dumps(facts)) == facts
    assert facts["cpus_allowed"] == sorted(os.sched_getaffinity(0))
    assert facts["mem_total"] > 0
    assert facts["core"] == {"build": None, "core_hash": "x", "compiler": None, "flags": None, "source_hash": None}


def test_absent_facts_are_none_and_never_guessed(tmp_path: Path) -> None:
    """A host without /proc and /sys."""
    facts = environment.read(source(HostFiles(str(tmp_path))), {})

    unknown = {name for name, value in facts.items() if value is None}
    assert unknown == {
        "cpu_model", "microcode", "governor", "turbo", "hypervisor", "mem_total", "mem_available",
        "cgroup_memory_limit", "swap_total", "max_map_count", "overcommit_memory", "aslr", "clocksource", "loadavg",
        "measured_siblings", "numa_balancing",
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

    facts = environment.read(source(files), {})

    assert (facts["cpu_model"], facts["microcode"]) == ("A CPU", "0x1")
    assert (facts["mem_total"], facts["mem_available"], facts["swap_total"]) == (1_024_000, 512_000, 0)
    assert facts["thp"]["enabled"] == "madvise"
    assert facts["mitigations"] == {"meltdown": "Not affected"}
    assert facts["loadavg"] == [0.5, 0.25, 0.1]
    assert facts["governor"] == "powersave"
    assert facts["hypervisor"] == "none"


@pytest.mark.parametrize(
    ("files", "measured", "doubtful"),
    [
        (cores("0,4", "1,5"), (4, 0), {"measured_siblings": "measured CPUs 4 and 0 are threads of one core"}),
        (cores("0,4", "1,5"), (4, 5), {}),
        (numa("0-3", "4-7"), (3, 4), {"measured_nodes": "measured CPUs lie on NUMA nodes 0, 1"}),
        (numa("0-3", "4-7"), (4, 5), {}),
    ],
)
def test_shared_cores_and_nodes_lower_the_trust(
    tmp_path: Path, files: dict[str, str], measured: tuple[int, ...], doubtful: dict[str, str]
) -> None:
    """From the kernel's files to the words, by which CPUs are measured on."""
    found = environment.read(Source(lay_out(tmp_path, files), tuple(range(8)), measured), {})

    assert doubtful == {k: v for k, v in environment.doubts(found).items() if k not in ("providers", "preload")}


def test_this_hosts_own_description_is_right() -> None:
    """As it comes back from JSON."""
    found = json.loads(json.dumps(environment.read(source(HostFiles()), native.core_info())))

    assert environment_problem(found) == ""


def test_a_host_that_tells_nothing_is_right(tmp_path: object) -> None:
    """What is absent or null is no lie."""
    found = environment.read(source(HostFiles(str(tmp_path))), {})

    assert environment_problem(json.loads(json.dumps(found))) == ""
    assert environment_problem({}) == ""
    assert environment_problem({"of a newer agent": [{}]}) == ""


@pytest.mark.parametrize(
    "lie",
    [
        {"hostname": ["x"]},
        {"kernel": "x" * 6000},
        {"cpus": "2"},
        {"cpus": True},
        {"turbo": 1},
        {"cpus_allowed": "0-1"},
        {"cpus_allowed": [0, "1"]},
        {"loadavg": [None]},
        {"mitigations": ["x"]},
        {"mitigations": {"x": 1}},
        {"thp": "always"},
        {"core": "ab"},
        {"core": {"core_hash": {}}},
        {"rlimits": {"as": [1]}},
        {"userfaultfd": {"device": "yes"}},
    ],
)
def test_what_an_environment_cannot_be_is_named(lie: dict[str, Any]) -> None:
    """The key, and what was found there."""
    (key,) = lie

    assert environment_problem({"hostname": "box", **lie}).startswith(f"environment's {key}")
