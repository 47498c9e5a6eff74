"""grow: blocks keep what was written, by one growth or by many, also where what is new is written inside the timing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import child
import fuzz
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requirement import require

from pageswap import native
from pageswap.errors import CoreError

if TYPE_CHECKING:
    import pathlib

METHODS = [method.name for method in child.METHODS.values() if "grow" in method.workloads]
TOUCHES = native.CHOICES["touch"]


def growing(method: str, **changes: Any) -> native.TrialParams:
    """Give a trial of `grow` of some blocks of 3 MiB, which begin with a part of that."""
    fields = {"region_bytes": 3 * child.MIB, "iterations": 5, "pattern": "sequential", "rounds": 2, **changes}
    return child.params(method, workload="grow", **fields)


@pytest.mark.parametrize("touch", TOUCHES)
@pytest.mark.parametrize("method", METHODS)
def test_what_was_written_stays_through_every_growth(method: str, touch: str) -> None:
    """One growth and chains of them, from halves that are no whole pages and from random sizes."""
    chains = ((1, "sequential"), (3, "random"), (5, "sequential"))
    for doublings, pattern in chains if touch == "new" else chains[1:2]:
        shape = {"region_bytes": 3 * child.MIB + 4 * child.KIB, "doublings": doublings, "pattern": pattern}
        result = child.run_or_skip(growing(method, touch=touch, **shape))

        assert result.verified, result.reason


@pytest.mark.parametrize("method", METHODS)
def test_two_threads_grow_their_own_blocks(method: str) -> None:
    """The kernel's lock on the mappings is theirs in turn."""
    result = child.run_or_skip(growing(method, touch="new", threads=2, doublings=3))

    assert result.verified, result.reason


@pytest.mark.parametrize("method", METHODS)
def test_a_block_of_64_kib_is_the_smallest(method: str) -> None:
    """It is doubled once, and no smaller one is."""
    shape = {"region_bytes": 128 * child.KIB, "touch": "new"}
    result = child.run_or_skip(growing(method, **shape))

    assert result.verified, result.reason
    with pytest.raises(CoreError, match="64 KiB at least"):
        child.run(growing(method, doublings=2, **shape))


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=fuzz.examples(10), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pages=st.integers(128, 300),
    doublings=st.integers(1, 3),
    iterations=st.integers(1, 5),
    rounds=st.integers(1, 3),
    pattern=st.sampled_from(("sequential", "random")),
    touch=st.sampled_from(TOUCHES),
    seed=st.integers(0, 2**63 - 1),
)
def test_any_block_grows_right(method: str, pages: int, **fields: Any) -> None:
    """Hypothesis looks for a size whose halves are no whole pages, or are passed over, and a method gets wrong."""
    result = child.run_or_skip(growing(method, region_bytes=pages * 4096, **fields))

    assert result.verified, result.reason
    fuzz.VERIFIED["growths"] += 1


@pytest.mark.skipif("PAGESWAP_SANITIZED" in os.environ, reason="a sanitizer's shadow faults, too")
def test_what_is_new_faults_inside_the_timing_where_it_is_asked_for() -> None:
    """Once for each 4 KiB; the kernel counts a page that it was asked to bring as a fault, too."""
    new = 5 * 3 * child.MIB // 4096
    for method in ("mremap_may_move", "mremap_tried_first", "mremap_in_place"):
        faults = {touch: child.run(growing(method, touch=touch)).minor_faults for touch in ("none", "moved", "new")}

        assert faults["none"] <= 3
        assert faults["moved"] <= 3
        assert faults["new"] == pytest.approx(new / 2, abs=5)
        chain = child.run(growing(method, touch="new", doublings=4)).minor_faults
        assert chain == pytest.approx(new * 15 / 16, abs=5)


@pytest.mark.skipif("PAGESWAP_SANITIZED" in os.environ, reason="a sanitizer's shadow faults, too")
def test_who_populates_has_no_fault_left_for_who_writes() -> None:
    """So that writing brings none beside those that the call has brought."""
    require("mremap_populate", child.METHODS["mremap_populate"].available, child.METHODS["mremap_populate"].reason)
    faults = [child.run(growing("mremap_populate", touch=touch)).minor_faults for touch in ("none", "new")]

    assert faults[0] == pytest.approx(5 * 3 * child.MIB // 4096 // 2, abs=5)
    assert faults[1] == pytest.approx(faults[0], abs=5)


@pytest.mark.parametrize(("touch", "doublings"), [("none", 1), ("moved", 3), ("new", 1), ("new", 4)])
def test_a_block_that_loses_bytes_is_found(odd_core: pathlib.Path, touch: str, doublings: int) -> None:
    """What was written before the first growth, or between two of them."""
    found = child.run(growing("grown_short", touch=touch, doublings=doublings, rounds=1), odd_core)

    assert not found.verified
    assert "is wrong from byte" in found.reason


@pytest.mark.parametrize("workload", ["swap", "decommit"])
def test_other_workloads_make_nothing_new(workload: str) -> None:
    """A word that means nothing is never left out."""
    method = next(m.name for m in child.METHODS.values() if workload in m.workloads)
    with pytest.raises(CoreError, match="the workload makes nothing new"):
        child.run(child.params(method, workload=workload, touch="new"))
