"""The table of a host's conditions against the agent that reads them and the layers that weigh and show them."""

from __future__ import annotations

import ast
import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from agent.host.laid_out import cores, lay_out, numa, source

import pageswap
from pageswap import native
from pageswap.agent.host.conditions import (
    CODE,
    CONDITIONS,
    HARMLESS,
    MACHINE,
    SETTING,
    Condition,
    find,
)
from pageswap.agent.host.environment import condition_value, doubts, environment_problem, read_environment
from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.host.readers import Source
from pageswap.comparison.environments import Difference, differences
from pageswap.report.sections.hosts import environment_facts

PACKAGE = Path(pageswap.__file__).parent

each_condition = pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.key)


def here() -> dict[str, Any]:
    """Return this host's environment."""
    return read_environment(source(HostFiles()), native.core_info())


def with_value(environment: dict[str, Any], condition: Condition, value: object) -> dict[str, Any]:
    """Return the environment with another value of one condition."""
    changed = copy.deepcopy(environment)
    name, _, part = condition.key.partition(".")
    if part:
        changed[name][part] = value
    else:
        changed[name] = value
    return changed


def test_what_is_read_is_the_table() -> None:
    """Each row is read, in the table's order, and nothing that is no row."""
    environment = here()
    keys = list(environment)
    keys[keys.index("core") :] = [f"core.{name}" for name in environment["core"]]

    assert [condition.key for condition in CONDITIONS] == keys


def test_keys_and_labels_are_different_ones() -> None:
    """Two rows of one name could not be told apart."""
    assert len(CONDITIONS) == len({condition.key for condition in CONDITIONS})
    assert len(CONDITIONS) == len({condition.label for condition in CONDITIONS})


@each_condition
def test_a_row_is_whole(condition: Condition) -> None:
    """Whoever adds a condition says what it is about and why it matters."""
    assert condition.label == Difference(condition.key, "", "", matters=False, why="", kind="").name
    assert condition.why
    assert condition.kind in {CODE, SETTING, MACHINE, HARMLESS}
    assert condition.unit in {"", "bytes"}


@each_condition
def test_a_difference_is_found_and_weighed_by_the_row(condition: Condition) -> None:
    """What is read is what is compared."""
    value: Any = {dict: {"member": "another"}, list: [77.0]}.get(type(condition.shape), "another")
    base = with_value(here(), condition, {} if isinstance(condition.shape, dict) else None)
    (found,) = differences(base, with_value(base, condition, value))

    assert (condition.kind, condition.why) == (found.kind, found.why)
    assert (condition.kind != HARMLESS) == found.matters
    assert found.name.startswith(condition.label)


@each_condition
def test_a_row_is_shown_by_its_label(condition: Condition) -> None:
    """Or not at all, where it says so."""
    facts = dict(environment_facts(here()))

    assert condition.is_shown == (condition.label in facts)


@each_condition
def test_what_a_missing_value_means_is_said(condition: Condition) -> None:
    """A value that was not recorded is never taken for one."""
    environment = with_value(here(), condition, None)

    assert condition_value(environment, condition) is None
    if condition.is_shown:
        assert (condition.absent or "not recorded") == dict(environment_facts(environment))[condition.label]


def test_a_key_of_a_flattened_environment_finds_its_row() -> None:
    """A member of an object belongs to it, a core's fact has a row of its own, and an unknown key has none."""
    by_key = {condition.key: condition for condition in CONDITIONS}

    assert find("thp.enabled") is by_key["thp"]
    assert find("core.flags") is by_key["core.flags"]
    assert find("phase_of_the_moon") is None
    assert find("core.phase_of_the_moon") is None


@pytest.mark.parametrize(
    ("facts", "key", "why"),
    [
        ({"measured_siblings": {"3": "7", "7": "3"}}, "measured_siblings", "CPUs 3 and 7 are threads of one core"),
        ({"measured_nodes": {"3": 0, "7": 1}}, "measured_nodes", "NUMA nodes 0, 1"),
        (
            {"providers": {"malloc": "libjemalloc.so.2", "memcpy": "libc.so.6"}},
            "providers",
            "malloc by libjemalloc.so.2",
        ),
        ({"preload": {"/etc/ld.so.preload": "/a.so"}}, "preload", "by /etc/ld.so.preload"),
        ({"other_jobs": 2}, "other_jobs", "2 other jobs of the scheduler ran on the node"),
    ],
)
def test_what_lowers_the_trust_says_why(facts: dict[str, Any], key: str, why: str) -> None:
    """By the condition's own row."""
    (found,) = doubts(facts).items()

    assert key == found[0]
    assert why in found[1]


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"measured_siblings": {"3": "2", "7": "6"}, "measured_nodes": {"3": 0, "7": 0}},
        {"measured_siblings": None, "providers": None, "preload": {}, "other_jobs": 0},
        {"providers": {"malloc": "libc.so.6", "realloc": "libc-2.31.so", "memcpy": None}},
    ],
)
def test_a_sound_host_raises_no_doubt(facts: dict[str, Any]) -> None:
    """Nor does one that tells nothing."""
    assert {} == doubts(facts)


def test_no_condition_is_told_in_a_second_place() -> None:
    """A list of conditions' names beside the table would lack the next one."""
    keys = {condition.key for condition in CONDITIONS}
    copies = []
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[:2] == ("agent", "host"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            members = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
            named = {each.value for each in members if isinstance(each, ast.Constant)} & keys
            if len(named) > 3:
                copies.append(f"{path.relative_to(PACKAGE)}: {sorted(named)}")

    assert [] == copies


def _host(root: Path, **files: str) -> HostFiles:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return HostFiles(str(root))


def test_this_host_tells_plain_json() -> None:
    """Sizes, CPUs and the core's own account among it."""
    facts = read_environment(source(HostFiles()), {"core_hash": "x"})

    assert json.loads(json.dumps(facts)) == facts
    assert facts["cpus_allowed"] == sorted(os.sched_getaffinity(0))
    assert facts["mem_total"] > 0
    assert facts["core"] == {"build": None, "core_hash": "x", "compiler": None, "flags": None, "source_hash": None}


def test_absent_facts_are_none_and_never_guessed(tmp_path: Path) -> None:
    """A host without /proc and /sys."""
    facts = read_environment(source(HostFiles(str(tmp_path))), {})

    unknown = {name for name, value in facts.items() if value is None}
    assert unknown == {
        "cpu_model", "microcode", "governor", "turbo", "hypervisor", "mem_total", "mem_available",
        "cgroup_memory_limit", "swap_total", "max_map_count", "overcommit_memory", "aslr", "clocksource", "loadavg",
        "measured_siblings", "numa_balancing", "other_jobs",
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

    facts = read_environment(source(files), {})

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
    found = read_environment(Source(lay_out(tmp_path, files), tuple(range(8)), measured), {})

    assert doubtful == {k: v for k, v in doubts(found).items() if k not in ("providers", "preload")}


def test_this_hosts_own_description_is_right() -> None:
    """As it comes back from JSON."""
    found = json.loads(json.dumps(read_environment(source(HostFiles()), native.core_info())))

    assert environment_problem(found) == ""


def test_a_host_that_tells_nothing_is_right(tmp_path: object) -> None:
    """What is absent or null is no lie."""
    found = read_environment(source(HostFiles(str(tmp_path))), {})

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
