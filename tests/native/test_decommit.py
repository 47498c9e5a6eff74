"""decommit: runs of pages are given back and taken again; what stays is whole, and what went holds nothing."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import child
import fuzz
import pytest
from faulty import run_faulty
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requirement import require

from pageswap import native
from pageswap.errors import CoreError

if TYPE_CHECKING:
    import pathlib

METHODS = {method.name: method for method in child.METHODS.values() if "decommit" in method.workloads}
CLAIMS = [(method.name, backing) for method in METHODS.values() for backing in child.backings(method)]
TOUCHES = native.CHOICES["touch"][:3]  # what is new, `grow` alone has


def giving(method: str, **changes: Any) -> native.TrialParams:
    """Give a trial of `decommit` with as many rounds as its iterations need, of which each takes every run once."""
    fields = {"iterations": 301, "region_bytes": 256 * child.KIB, "page_bytes": 4 * child.KIB, "threads": 1, **changes}
    pages = fields["region_bytes"] // fields["page_bytes"] // fields["threads"]
    runs = math.ceil(pages / changes.get("run_pages", 1))
    fields["rounds"] = max(fields.get("rounds", 3), math.ceil(fields["iterations"] / fields["threads"] / runs) + 1)
    return child.params(method, workload="decommit", **fields)


@pytest.mark.parametrize(
    ("method", "backing", "touch"),
    [
        (method, backing, touch)
        for method, backing in CLAIMS
        for touch in TOUCHES
        if touch == "moved" or child.is_gigantic(backing) or not child.is_like_another(backing)
    ],
)
@pytest.mark.usefixtures("huge_pages")
def test_what_stays_is_whole_and_what_went_is_gone(method: str, backing: str, touch: str) -> None:
    """Single pages and runs, of which the last is shorter, on every backing that a method claims."""
    for run_pages in (1, 5):
        shape = child.shape(method, backing)
        result = child.run_or_skip(giving(method, backing=backing, run_pages=run_pages, touch=touch, **shape))

        assert result.verified, result.reason
        assert sum(result.rounds_ns) == result.elapsed_ns


@pytest.mark.parametrize("touch", TOUCHES)
@pytest.mark.parametrize("method", METHODS)
def test_two_pages_two_threads_and_large_pages(method: str, touch: str) -> None:
    """The smallest share, shares of two threads, and pages larger than a page table covers."""
    large = 4 * child.MIB
    shapes = (
        {"region_bytes": 8 * child.KIB, "iterations": 33},
        {"region_bytes": child.MIB, "threads": 2, "iterations": 1999, "run_pages": 8},
        {"region_bytes": 3 * large, "page_bytes": large, "iterations": 7},
    )
    for shape in shapes:
        result = child.run_or_skip(giving(method, touch=touch, **shape))

        assert result.verified, result.reason


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=fuzz.examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pages=st.integers(2, 70),
    run_pages=st.integers(1, 9),
    iterations=st.integers(1, 120),
    rounds=st.integers(1, 40),
    touch=st.sampled_from(TOUCHES),
    seed=st.integers(0, 2**63 - 1),
)
def test_any_runs_are_given_back_and_taken(method: str, pages: int, run_pages: int, **fields: Any) -> None:
    """Hypothesis looks for a region, a run and a way to cut the rounds that a method gets wrong."""
    result = child.run_or_skip(giving(method, region_bytes=pages * 4096, run_pages=min(run_pages, pages), **fields))

    assert result.verified, result.reason
    fuzz.VERIFIED["decommits"] += 1


@pytest.mark.parametrize("method", METHODS)
def test_only_what_is_taken_again_inside_the_timing_faults_there(method: str) -> None:
    """Once for each 4 KiB; MADV_FREE keeps the pages until the kernel is short of memory."""
    require(method, METHODS[method].available, METHODS[method].reason)
    counts = {}
    for touch in TOUCHES:
        trial = giving(method, backing="thp_off", touch=touch, run_pages=5, iterations=120, rounds=10)
        counts[touch] = child.run_or_skip(trial).minor_faults
    expected = 0 if method == "madvise_free" else 10 * (12 * 5 - 1)

    if "PAGESWAP_SANITIZED" not in os.environ:  # a sanitizer's shadow faults, too
        assert counts["none"] <= 3
        assert expected <= counts["moved"] <= max(3, 600)
        assert method != "madvise_free" or counts["moved"] <= 3


def test_what_is_mapped_anew_is_counted_among_the_mappings() -> None:
    """As long as every other page is given back there are two mappings a page; taken again they are one."""
    seen = {}
    for method in ("madvise_dontneed", "mmap_prot_none"):
        require(method, METHODS[method].available, METHODS[method].reason)
        result = child.run_or_skip(giving(method, region_bytes=4 * child.MIB, iterations=512 * 4, rounds=4))
        seen[method] = result.vmas_peak
    if "PAGESWAP_SANITIZED" not in os.environ:  # whose allocator maps memory of its own
        assert seen["mmap_prot_none"] > seen["madvise_dontneed"] + 100


@pytest.mark.parametrize("method", ["given_not_at_all", "given_too_much"])
@pytest.mark.parametrize("touch", TOUCHES)
@pytest.mark.parametrize("page_bytes", [4096, 2 << 20])
def test_memory_that_is_kept_or_lost_is_found(odd_core: pathlib.Path, method: str, touch: str, page_bytes: int) -> None:
    """One run that keeps its bytes, or 4 KiB beside a run that went with it: the slot and the word are named."""
    trial = giving(method, touch=touch, page_bytes=page_bytes, region_bytes=16 * page_bytes, iterations=8, rounds=1)
    found = child.run(trial, odd_core)

    assert not found.verified
    assert "slot" in found.reason


@pytest.mark.parametrize("how", ["short", "part"])
def test_advice_for_a_part_of_the_runs_is_continued(shim: pathlib.Path, how: str) -> None:
    """process_madvise says how many bytes it came; what is left must not stay."""
    require("process_madvise", METHODS["process_madvise"].available, METHODS["process_madvise"].reason)
    trial = giving("process_madvise", page_bytes=8 * child.KIB, region_bytes=512 * child.KIB)
    answer = run_faulty(shim, trial, call="advise", how=how, every=1, **{"from": 2})

    assert answer["verified"], answer["reason"]
    assert answer["faults"] > 4


def test_advice_that_is_not_taken_is_found(shim: pathlib.Path) -> None:
    """A kernel that says it gave the memory back and did not is no fast one."""
    require("process_madvise", METHODS["process_madvise"].available, METHODS["process_madvise"].reason)
    answer = run_faulty(shim, giving("process_madvise"), call="advise", how="ignore", **{"from": 2})

    assert not answer["verified"]
    assert answer["reason"].endswith("expected 0x0000000000000000")


def test_a_round_gives_back_each_run_once() -> None:
    """The second time there would be nothing to give."""
    with pytest.raises(CoreError, match="a round gives back each run once at most"):
        child.run(child.params("madvise_dontneed", workload="decommit", iterations=195, rounds=3))
