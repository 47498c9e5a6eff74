"""Every method in the table, on everything it claims: each page must be where the model says."""

from __future__ import annotations

import os
import pathlib
from typing import TYPE_CHECKING

import child
import fuzz
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requirement import require

from pageswap import native
from pageswap.errors import MethodUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[2]
METHODS = child.METHODS
SWAPS = [method for method in METHODS.values() if "swap" in method.workloads]
CLAIMS = [(method.name, backing) for method in SWAPS for backing in child.backings(method)]
PAGES = 64
CORNERS = {
    "one swap": [(3, 9)],
    "an odd count": [(i, i + 1) for i in range(7)],
    "a page with itself": [(5, 5), (1, 2), (0, 0), (63, 63)],
    "neighbours": [(i, i + 1) for i in range(63)] + [(i + 1, i) for i in range(63)],
    "first and last": [(0, 63), (63, 0), (0, 63)],
    "the same pair again and again": [(7, 8)] * 5,
    "each page with its mirror": [(i, 63 - i) for i in range(64)],
}


def test_every_method_file_is_in_the_table_and_every_line_of_the_table_has_a_file() -> None:
    """A file that is not registered would be measured by nobody."""
    files = {path.stem for path in (ROOT / "native" / "methods").glob("*.c")}

    assert files == set(METHODS)


def test_the_table_says_what_each_method_is() -> None:
    """`methods` is what people choose from: a summary, a claim, and a reason exactly when unavailable."""
    for method in METHODS.values():
        assert method.summary
        assert method.family in native.FAMILIES
        assert method.workloads
        assert method.backings
        assert bool(method.reason) != method.available


@pytest.mark.parametrize(
    ("touch", "method", "backing"),
    [
        (touch, method, backing)
        for touch in ("none", "moved", "every")
        for method, backing in CLAIMS
        if touch == "moved" or not child.is_like_another(backing)
        if touch != "every" or backing == METHODS[method].backings[0]  # its reader knows of no backing
    ],
)
@pytest.mark.usefixtures("huge_pages")
def test_random_swaps_leave_every_page_where_the_model_says(method: str, backing: str, touch: str) -> None:
    """Random pairs, on every backing the method claims, with and without reading the moved pages."""
    result = child.run_or_skip(child.params(method, backing=backing, touch=touch, **child.shape(method, backing)))

    assert result.verified, result.reason
    assert sum(result.rounds_ns) == result.elapsed_ns


@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("method", [method.name for method in SWAPS])
def test_awkward_schedules_are_swapped_right(method: str, corner: str) -> None:
    """Odd counts, a page with itself, neighbours, the ends of the region."""
    backing = METHODS[method].backings[0]
    result = child.run_or_skip(child.params(method, backing=backing, pairs=tuple(CORNERS[corner]), touch="moved"))

    assert result.verified, result.reason


@pytest.mark.parametrize("method", [method.name for method in SWAPS])
def test_a_region_of_two_pages_works(method: str) -> None:
    """The smallest region: every swap moves every page."""
    backing = METHODS[method].backings[0]
    result = child.run_or_skip(child.params(method, backing=backing, region_bytes=8 * child.KIB, iterations=33))

    assert result.verified, result.reason


@pytest.mark.parametrize(
    ("method", "page_kib"),
    [
        (method.name, page_kib)
        for method in SWAPS
        for page_kib in (4, 8, 12, 64, 256, 2048, 4096)
        if method.name != "ldt_window" or page_kib == 4  # a window has 4 KiB
    ],
)
def test_pages_of_every_size_are_moved_whole(method: str, page_kib: int) -> None:
    """Sizes that are powers of two and one that is not, up to pages larger than a page table covers."""
    backing = METHODS[method].backings[0]
    page = page_kib * child.KIB
    trial = child.params(method, backing=backing, page_bytes=page, region_bytes=6 * page, iterations=25)
    result = child.run_or_skip(trial)

    assert result.verified, result.reason


@pytest.mark.parametrize("method", [method.name for method in SWAPS])
def test_two_threads_swap_their_own_shares(method: str) -> None:
    """Each thread has its own slots and its own scratch: neither may touch the other's pages."""
    backing = METHODS[method].backings[0]
    result = child.run_or_skip(child.params(method, backing=backing, threads=2, iterations=999, touch="moved"))

    assert result.verified, result.reason


@pytest.mark.slow
@pytest.mark.parametrize("method", [method.name for method in SWAPS])
@settings(max_examples=fuzz.examples(30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=st.lists(st.tuples(st.integers(0, PAGES - 1), st.integers(0, PAGES - 1)), min_size=1, max_size=200))
def test_any_schedule_is_swapped_right(method: str, pairs: list[tuple[int, int]]) -> None:
    """Hypothesis looks for a schedule that a method gets wrong."""
    trial = child.params(method, backing=METHODS[method].backings[0], pairs=tuple(pairs), touch="moved")
    result = child.run_or_skip(trial)

    assert result.verified, result.reason
    fuzz.VERIFIED["schedules"] += 1


@pytest.fixture
def two_free_huge_pages(huge_pages: None) -> Iterator[None]:  # noqa: ARG001 - gives the pages back at the end
    """Leave two huge pages of 2 MiB and no more."""
    knob = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
    require("root", os.access(knob, os.W_OK), "only root can reserve huge pages")
    before = knob.read_text()
    knob.write_text("2")
    if int((knob.parent / "free_hugepages").read_text()) != 2:  # another program uses some, or the kernel has none
        knob.write_text(before)
        pytest.skip("this host does not have just two free huge pages")
    yield
    knob.write_text(before)


@pytest.mark.parametrize(
    ("method", "workload"),
    [
        (method.name, workload)
        for method in METHODS.values()
        for workload in ("swap", "permute", "limit")
        if workload in method.workloads and "hugetlb_2m" in method.backings
    ],
)
@pytest.mark.usefixtures("two_free_huge_pages")
def test_scratch_is_memory_only_for_who_copies_through_it(method: str, workload: str) -> None:
    """Two huge pages suffice to exchange two, also where pages pass through a third slot that holds no memory."""
    shape = {**child.shape(method, "hugetlb_2m"), "region_bytes": 4 * child.MIB}
    trial = child.params(method, workload=workload, backing="hugetlb_2m", **shape)
    if workload in METHODS[method].without_scratch or not METHODS[method].available:
        assert child.run_or_skip(trial).verified
    else:
        with pytest.raises(MethodUnavailableError, match="needs 3 free huge pages"):
            child.run(trial)


def test_who_copies_through_scratch_is_known() -> None:
    """The table's word decides how much memory a trial is given, so it must be the right one."""
    swapping = {m.name for m in SWAPS if "swap" not in m.without_scratch}
    batches = {m.name for m in METHODS.values() if "permute" in m.workloads and "permute" not in m.without_scratch}

    one_way = {m.name for m in METHODS.values() if m.workloads == ("move", "replay", "compact")}

    assert swapping == {"memcpy", "copy_movsb", "process_vm_readv"}
    assert one_way == {"memcpy_process_madvise", "uffd_copy", "mremap_dontunmap"}
    assert batches == {"memcpy", "exchange_prefetch_avx2", "exchange_prefetch_avx512"}


def test_only_methods_that_split_mappings_say_so() -> None:
    """The agent asks vm.max_map_count for those that do, so a method that hides it would fail half-way."""
    # A sanitizer's own mappings are hundreds.
    without = child.run(child.params("null", region_bytes=4 * child.MIB, iterations=2000)).vmas_peak
    for method in SWAPS:
        if not method.available or "private_anon" not in method.backings:
            continue
        result = child.run(child.params(method.name, region_bytes=4 * child.MIB, iterations=2000))
        grown = result.vmas_peak - without > 400

        assert grown == method.splits_mappings, method.name
