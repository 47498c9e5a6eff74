"""The table of a host's conditions against the agent that reads them and the layers that weigh and show them."""

from __future__ import annotations

import ast
import copy
from pathlib import Path
from typing import Any

import pytest
from agent.host.laid_out import source

import pageswap
from pageswap import native
from pageswap.agent.host.conditions import CODE, CONDITIONS, HARMLESS, MACHINE, SETTING, Condition
from pageswap.agent.host.environment import condition_value, doubts, find, read
from pageswap.agent.host.host_files import HostFiles
from pageswap.comparison.environments import differences
from pageswap.report.sections.hosts import host_facts
from pageswap.text.conditions import label

PACKAGE = Path(pageswap.__file__).parent

each_condition = pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.key)


def here() -> dict[str, Any]:
    """Return this host's environment."""
    return read(source(HostFiles()), native.core_info())


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
    assert condition.label == label(condition.key)
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
    facts = dict(host_facts(here()))

    assert condition.is_shown == (condition.label in facts)


@each_condition
def test_what_a_missing_value_means_is_said(condition: Condition) -> None:
    """A value that was not recorded is never taken for one."""
    environment = with_value(here(), condition, None)

    assert condition_value(environment, condition) is None
    if condition.is_shown:
        assert (condition.absent or "not recorded") == dict(host_facts(environment))[condition.label]


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
        {"measured_siblings": None, "providers": None, "preload": {}},
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
