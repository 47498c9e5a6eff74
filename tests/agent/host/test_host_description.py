"""A host's own description is data: what it cannot be is refused before a report is made of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pageswap import native
from pageswap.agent.host import environment
from pageswap.agent.host.host_description import environment_problem, methods_problem
from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.trial.core_calls import native_core


def test_this_hosts_own_description_is_right() -> None:
    """As it comes back from JSON."""
    found = json.loads(json.dumps(environment.read(HostFiles(), native.core_info())))

    assert environment_problem(found) == ""
    assert methods_problem(json.loads(json.dumps(native_core().methods()))) == ""


def test_a_host_that_tells_nothing_is_right(tmp_path: object) -> None:
    """What is absent or null is no lie."""
    found = environment.read(HostFiles(str(tmp_path)), {})

    assert environment_problem(json.loads(json.dumps(found))) == ""
    assert environment_problem({}) == ""
    assert environment_problem({"of a newer agent": [{}]}) == ""


@pytest.mark.parametrize(
    "lie",
    [
        {"hostname": ["x"]},
        {"kernel": "x" * 3000},
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


@pytest.mark.parametrize(
    ("method", "problem"),
    [
        (1, "methods holds 1"),
        ({}, "methods holds {}"),
        ({"name": 1}, "which has no name"),
        ({"name": "memcpy", "family": None}, "method 'memcpy': family is None"),
        ({"name": "memcpy", "available": 1}, "available is 1"),
        ({"name": "memcpy", "workloads": "swap"}, "workloads is 'swap'"),
        ({"name": "memcpy", "backings": [1]}, "backings is [1]"),
    ],
)
def test_what_a_method_cannot_be_is_named(method: Any, problem: str) -> None:
    """Also which method's."""
    assert problem in methods_problem([{"name": "null"}, method])
