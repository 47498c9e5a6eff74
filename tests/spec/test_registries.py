"""The registries of factors and workloads say what the core has."""

from __future__ import annotations

import pytest

from pageswap import native
from pageswap.agent.workloads import WORKLOADS
from pageswap.errors import CoreError, MethodUnavailableError
from pageswap.native._core import ffi
from pageswap.spec.experiment import ASKS
from pageswap.spec.factors import FACTORS, Factor, core_vocabulary

METHODS = core_vocabulary().methods.values()
# A machine of one NUMA node has no method for `migrate`.
DONE_HERE = [name for name in WORKLOADS if any(name in each.workloads and each.available for each in METHODS)]


def test_workloads_are_those_of_the_core() -> None:
    """In its order, which the bits of a method's workloads follow; each asks what can be asked."""
    assert tuple(WORKLOADS) == native.WORKLOADS
    assert {workload.asks for workload in WORKLOADS.values()} <= set(ASKS)


@pytest.mark.parametrize("workload", DONE_HERE)
def test_readers_may_be_where_the_core_lets_them(workload: str) -> None:
    """It knows which workloads leave no place without a page."""
    method = next(each.name for each in METHODS if workload in each.workloads and each.available)
    sizes = {"page_bytes": 4096, "region_bytes": 64 * 4096, "iterations": 10, "rounds": 1, "threads": 1, "seed": 1}
    trial = native.TrialParams(method=method, workload=workload, **sizes, backing="private_anon", neighbours="reading")
    refused = ""
    try:
        native.check_trial(trial)
    except CoreError as error:
        refused = error.call
    except MethodUnavailableError:
        pass  # on a machine with one CPU

    assert refused == ("" if WORKLOADS[workload].is_full else "reads")


@pytest.mark.parametrize("workload", DONE_HERE)
def test_readers_may_await_pages_where_the_core_lets_them(workload: str) -> None:
    """It knows which workloads bring pages to empty places."""
    method = next(each.name for each in METHODS if workload in each.workloads and each.available)
    sizes = {"page_bytes": 4096, "region_bytes": 64 * 4096, "iterations": 10, "rounds": 1, "threads": 1, "seed": 1}
    words = {"backing": "private_anon", "neighbours": "reading", "reads": "missing"}
    try:
        native.check_trial(native.TrialParams(method=method, workload=workload, **sizes, **words))
        refused = ""
    except CoreError as error:
        refused = error.call
    except MethodUnavailableError:  # a method that cannot serve them
        refused = ""

    assert refused == ("" if workload in FACTORS["reads"].level_for["missing"] else "reads")


def test_every_factor_is_a_field_of_a_trial() -> None:
    """Of its name; a size says its unit."""
    fields = {name for name, _ in ffi.typeof("ps_trial").fields}

    assert {name.replace("_size", "_bytes") for name in FACTORS} <= fields


@pytest.mark.parametrize("name", native.CHOICES)
def test_the_default_of_a_word_is_the_core_s(name: str) -> None:
    """What the core takes where a trial leaves the word out."""
    assert FACTORS[name].kind == "word"
    assert FACTORS[name].default == native.CHOICES[name][0]


@pytest.mark.parametrize("factor", FACTORS.values(), ids=FACTORS)
def test_every_factor_is_said_in_a_sentence(factor: Factor) -> None:
    """Its phrase holds its level, and it is for workloads that there are."""
    assert "{}" in factor.phrase
    assert set(factor.workloads) <= set(WORKLOADS)
