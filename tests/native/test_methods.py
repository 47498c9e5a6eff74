"""Every method in the table, on everything it claims: each page must be where the model says."""

from __future__ import annotations

import pathlib

import child
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pageswap import native
from pageswap.errors import MethodUnavailableError

ROOT = pathlib.Path(__file__).resolve().parents[2]
METHODS = {method.name: method for method in native.methods()}
SWAPS = [method for method in METHODS.values() if "swap" in method.workloads]
CLAIMS = [(method.name, backing) for method in SWAPS for backing in method.backings]
PAGES = 64
SHAPES = {
    "thp": {"page_bytes": 2 * child.MIB, "region_bytes": 16 * child.MIB},
    "hugetlb_2m": {"page_bytes": 2 * child.MIB, "region_bytes": 16 * child.MIB},
    "hugetlb_1g": {"page_bytes": 1024 * child.MIB, "region_bytes": 2048 * child.MIB, "iterations": 1},
}

CORNERS = {
    "one swap": [(3, 9)],
    "an odd count": [(i, i + 1) for i in range(7)],
    "a page with itself": [(5, 5), (1, 2), (0, 0), (63, 63)],
    "neighbours": [(i, i + 1) for i in range(63)] + [(i + 1, i) for i in range(63)],
    "first and last": [(0, 63), (63, 0), (0, 63)],
    "the same pair again and again": [(7, 8)] * 5,
    "each page with its mirror": [(i, 63 - i) for i in range(64)],
}


def run_or_skip(trial: native.TrialParams) -> native.TrialResult:
    """Run a trial; a host that lacks what it needs is a skip that says so."""
    try:
        return child.run(trial)
    except MethodUnavailableError as error:
        pytest.skip(f"{trial.method} on {trial.backing}: {error}")


def test_every_method_file_is_in_the_table_and_every_line_of_the_table_has_a_file() -> None:
    """A file that is not registered would be measured by nobody."""
    files = {path.stem for path in (ROOT / "native" / "methods").glob("*.c")}

    assert files == set(METHODS)


def test_the_table_says_what_each_method_is() -> None:
    """`methods` is what people choose from: a summary, a claim, and a reason exactly when unavailable."""
    for method in METHODS.values():
        assert method.summary
        assert method.family in ("copy", "remap", "window", "control")
        assert method.workloads
        assert method.backings
        assert bool(method.reason) != method.available


@pytest.mark.parametrize(("method", "backing"), CLAIMS)
@pytest.mark.parametrize("touch", native.TOUCHES)
@pytest.mark.usefixtures("huge_pages")
def test_random_swaps_leave_every_page_where_the_model_says(method: str, backing: str, touch: str) -> None:
    """Random pairs, on every backing the method claims, with and without reading the moved pages."""
    shape = SHAPES.get(backing, {})
    result = run_or_skip(child.params(method, backing=backing, touch=touch, **shape))

    assert result.verified, result.reason
    assert sum(result.rounds_ns) == result.elapsed_ns


@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("method", [method.name for method in SWAPS])
def test_awkward_schedules_are_swapped_right(method: str, corner: str) -> None:
    """Odd counts, a page with itself, neighbours, the ends of the region."""
    backing = METHODS[method].backings[0]
    result = run_or_skip(child.params(method, backing=backing, pairs=tuple(CORNERS[corner]), touch="moved"))

    assert result.verified, result.reason


@pytest.mark.parametrize("method", [method.name for method in SWAPS])
def test_a_region_of_two_pages_works(method: str) -> None:
    """The smallest region: every swap moves every page."""
    backing = METHODS[method].backings[0]
    result = run_or_skip(child.params(method, backing=backing, region_bytes=8 * child.KIB, iterations=33))

    assert result.verified, result.reason


@pytest.mark.parametrize("page_kib", [4, 8, 12, 64, 256, 2048, 4096])
@pytest.mark.parametrize("method", [method.name for method in SWAPS])
def test_pages_of_every_size_are_moved_whole(method: str, page_kib: int) -> None:
    """Sizes that are powers of two and one that is not, up to pages larger than a page table covers."""
    backing = METHODS[method].backings[0]
    page = page_kib * child.KIB
    trial = child.params(method, backing=backing, page_bytes=page, region_bytes=6 * page, iterations=25)
    result = run_or_skip(trial)

    assert result.verified, result.reason


@pytest.mark.parametrize("method", [method.name for method in SWAPS])
def test_two_threads_swap_their_own_shares(method: str) -> None:
    """Each thread has its own slots and its own scratch: neither may touch the other's pages."""
    backing = METHODS[method].backings[0]
    result = run_or_skip(child.params(method, backing=backing, threads=2, iterations=999, touch="moved"))

    assert result.verified, result.reason


@pytest.mark.parametrize("method", [method.name for method in SWAPS])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=st.lists(st.tuples(st.integers(0, PAGES - 1), st.integers(0, PAGES - 1)), min_size=1, max_size=200))
def test_any_schedule_is_swapped_right(method: str, pairs: list[tuple[int, int]]) -> None:
    """Hypothesis looks for a schedule that a method gets wrong."""
    trial = child.params(method, backing=METHODS[method].backings[0], pairs=tuple(pairs), touch="moved")
    result = run_or_skip(trial)

    assert result.verified, result.reason


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
