"""compact: live runs slide down until no gap is left, over themselves where they are long, and none is lost."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import child
import fuzz
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pageswap import native
from pageswap.errors import CoreError

if TYPE_CHECKING:
    import pathlib

METHODS = {method.name: method for method in child.METHODS.values() if "compact" in method.workloads}
CLAIMS = [(method.name, backing) for method in METHODS.values() for backing in child.laid_out(method)]
RELEASES = native.CHOICES["release"]


def live(pages: int, occupancy: int, threads: int = 1) -> int:
    """Give the live pages of all threads, each of which has one at least."""
    shares = (pages * (thread + 1) // threads - pages * thread // threads for thread in range(threads))
    return sum(max(1, share * occupancy // 100) for share in shares)


def compacting(method: str, pages: int = 67, occupancy: int = 40, **changes: Any) -> native.TrialParams:
    """Give a trial that compacts a region of so many pages."""
    page_bytes, threads = changes.get("page_bytes", 4096), changes.get("threads", 1)
    shape = {"region_bytes": pages * page_bytes, "iterations": live(pages, occupancy, threads), "rounds": 1}
    return child.params(method, workload="compact", occupancy=occupancy, **shape | changes)


@pytest.mark.parametrize(("method", "backing"), CLAIMS)
@pytest.mark.usefixtures("huge_pages")
def test_every_live_page_arrives_once(method: str, backing: str) -> None:
    """Runs that overlap their places, on every backing that a method claims."""
    is_huge = child.BACKINGS[backing].fault_bytes > 4096
    pages, occupancy, run_pages = (5, 60, 2) if is_huge else (67, 90, 20)
    shape = {"run_pages": run_pages, "page_bytes": max(4096, child.BACKINGS[backing].fault_bytes)}
    # Which folios a place gets whose memory was given back, the kernel chooses: copied there, they are no trial.
    release = "kept" if child.BACKINGS[backing].folio_bytes else "source"
    trial = compacting(method, pages, occupancy, backing=backing, release=release, touch="moved", **shape)
    result = child.run_or_skip(trial)

    assert result.verified, result.reason
    assert result.counters["page_moves"] == live(pages, occupancy), "each run moves, as the first page is free"


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("method", METHODS)
def test_two_pages_two_threads_and_large_pages(method: str, release: str) -> None:
    """The smallest share, shares that differ by a page, long runs, and pages larger than a page table covers."""
    for pages, occupancy, shape in (
        (67, 40, {}),
        (67, 90, {"run_pages": 20, "touch": "moved"}),
        (2, 1, {}),
        (2, 99, {}),
        (67, 50, {"threads": 2 if release == "source" else 1, "run_pages": 5}),
        (3, 50, {"page_bytes": 4 * child.MIB}),
    ):
        result = child.run_or_skip(compacting(method, pages, occupancy, release=release, **shape))

        assert result.verified, result.reason
        assert result.counters["page_moves"] == live(pages, occupancy, int(shape.get("threads", 1)))


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=fuzz.examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pages=st.integers(2, 90),
    occupancy=st.integers(1, 99),
    run_pages=st.integers(1, 30),
    release=st.sampled_from(RELEASES),
    touch=st.sampled_from(native.CHOICES["touch"][:3]),
    seed=st.integers(0, 2**63 - 1),
)
def test_any_region_is_compacted_right(method: str, pages: int, occupancy: int, run_pages: int, **fields: Any) -> None:
    """Hypothesis looks for a region and runs that a method gets wrong."""
    result = child.run_or_skip(compacting(method, pages, occupancy, run_pages=min(run_pages, pages), **fields))

    assert result.verified, result.reason
    assert result.counters["page_moves"] == live(pages, occupancy)
    fuzz.VERIFIED["live pages"] += live(pages, occupancy)


def test_another_seed_lays_the_live_pages_elsewhere() -> None:
    """And the same one lays them alike: as many mappings are left of what mremap moves page by page."""
    counts = [
        child.run(compacting("mremap_fixed", 1000, 30, run_pages=3, seed=seed)).counters["vmas_final"]
        for seed in (1, 1, 2, 3)
    ]

    if "PAGESWAP_SANITIZED" not in os.environ:  # whose allocator maps memory of its own
        assert counts[0] == counts[1]
    assert len(set(counts)) > 1


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"occupancy": 0}, "must be 1 to 99"),
        ({"occupancy": 100}, "must be 1 to 99"),
        ({"iterations": 27}, "must be the live pages of all threads"),
        ({"rounds": 2}, "in one round"),
    ],
)
def test_the_core_refuses_what_is_no_compaction(changes: dict[str, int], why: str) -> None:
    """It divides by the iterations, and does in one round what it does."""
    with pytest.raises(CoreError, match=why):
        child.run(compacting("memcpy", **{"iterations": 26, **changes}))


@pytest.mark.parametrize("method", ["move_left_out", "moves_reversed", "first_slot"])
@pytest.mark.parametrize("page_bytes", [4096, 2 << 20])
def test_a_compaction_that_is_wrong_is_found(odd_core: pathlib.Path, method: str, page_bytes: int) -> None:
    """A run left behind or moved before its turn, one wrong word in the first slot."""
    found = child.run(compacting(method, 16, 60, run_pages=3, page_bytes=page_bytes), odd_core)

    assert not found.verified
    assert "slot" in found.reason


@pytest.mark.parametrize("method", ["source_kept", "part_kept", "target_given_back", "too_late"])
def test_memory_that_a_compaction_leaves_and_a_method_keeps_is_found(odd_core: pathlib.Path, method: str) -> None:
    """Whole runs, a part of one, the wrong end, or a place that has its page already."""
    found = child.run(compacting(method, 60, 30, run_pages=4, release="source"), odd_core)

    assert not found.verified
