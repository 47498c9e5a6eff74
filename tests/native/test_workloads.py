"""The workloads besides swap, over every method that does them: batches, one-way moves, growing blocks, plain calls."""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib

import child
import fuzz
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from refusing import in_child

from pageswap import native
from pageswap.errors import CoreError

METHODS = tuple(child.METHODS.values())
PAGES = 64


def doing(workload: str) -> list[tuple[str, str]]:
    """List (method, backing) for everything the table says can do a workload."""
    return [(m.name, backing) for m in METHODS if workload in m.workloads for backing in child.backings(m)]


def test_every_workload_has_methods() -> None:
    """A workload that nothing does would be a word without a meaning."""
    for workload in native.WORKLOADS:
        assert doing(workload), workload


@pytest.mark.parametrize(
    ("rounds", "method", "backing"),
    [
        (rounds, method, backing)
        for rounds in (1, 3)
        for method, backing in doing("permute")
        if rounds == 1 or not child.is_like_another(backing)
    ],
)
@pytest.mark.usefixtures("huge_pages")
def test_a_batch_leaves_every_page_where_its_swaps_would(method: str, backing: str, rounds: int) -> None:
    """Composed or one by one, the outcome is the same; each round is a batch of its own."""
    trial = child.params(
        method, workload="permute", backing=backing, rounds=rounds, touch="moved", **child.shape(method, backing)
    )
    result = child.run_or_skip(trial)

    assert result.verified, result.reason


def rotation(pages: int, by: int) -> tuple[tuple[int, int], ...]:
    """Give swaps whose composition moves every page `by` slots on: long cycles of neighbours."""
    return tuple((slot, slot + by) for _ in range(1) for slot in range(pages - by))


BATCHES = {
    "nothing in sum": ((1, 2), (1, 2)),
    "a page with itself": ((5, 5),),
    "halves exchanged: one run of half the region": tuple((i, i + 32) for i in range(32)),
    "neighbouring runs": tuple((i, i + 4) for i in range(4)) + tuple((i + 8, i + 20) for i in range(4)),
    "rotated by one": rotation(PAGES, 1),
    "rotated by three": rotation(PAGES, 3),
    "rotated by seventeen": rotation(PAGES, 17),
    "a run to the very end": tuple((i, i + 60) for i in range(4)),
}


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("method", sorted({method for method, _ in doing("permute")}))
def test_batches_with_runs_of_neighbours_are_applied_right(method: str, name: str) -> None:
    """Runs are where one call moves many pages, and where an off-by-one would hide."""
    trial = child.params(method, workload="permute", pairs=BATCHES[name], rounds=1, touch="moved")
    result = child.run_or_skip(trial)

    assert result.verified, result.reason


def cycles(*lengths: int) -> tuple[tuple[int, int], ...]:
    """Give swaps whose composition has cycles of these lengths, over slots that lie scattered."""
    slots = iter([slot * 27 % PAGES for slot in range(PAGES)])
    found = [[next(slots) for _ in range(length)] for length in lengths]
    return tuple((one, other) for cycle in found for one, other in itertools.pairwise(cycle))


@pytest.mark.parametrize("page_kib", [4, 12, 64])
@pytest.mark.parametrize(
    "lengths", [(2,), (3,), (8,), (9,), (10,), (PAGES - 1,), (PAGES,), (2, 3, 4, 5, 6, 7, 8, 9, 11), (31, 33), (9,) * 7]
)
@pytest.mark.parametrize("method", sorted({method for method, _ in doing("permute")}))
def test_cycles_of_every_length_are_moved_right(method: str, lengths: tuple[int, ...], page_kib: int) -> None:
    """Short and long ones may go different ways, and the cut of a long one is where a page would be lost."""
    page = page_kib * child.KIB
    shape = {"page_bytes": page, "region_bytes": PAGES * page, "pairs": cycles(*lengths), "rounds": 1}
    result = child.run_or_skip(child.params(method, workload="permute", touch="moved", **shape))

    assert result.verified, result.reason


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 8, 50, 1_000_000_000])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("method", sorted({method for method, _ in doing("permute")}))
def test_batches_of_any_size_leave_every_page_where_its_swaps_would(method: str, threads: int, batch: int) -> None:
    """Small ones do not fill a round evenly, and one that is larger than a round is the round."""
    trial = child.params(method, workload="permute", batch=batch, threads=threads, iterations=1001, touch="moved")
    result = child.run_or_skip(trial)

    assert result.verified, result.reason


@pytest.mark.parametrize("method", sorted({method for method, _ in doing("permute")}))
def test_batches_in_a_region_of_two_pages_work(method: str) -> None:
    """The smallest region: every batch moves every page or none."""
    trial = child.params(method, workload="permute", batch=3, region_bytes=8 * child.KIB, iterations=33, touch="moved")
    result = child.run_or_skip(trial)

    assert result.verified, result.reason


@pytest.mark.parametrize("workload", ["swap", "permute"])
@pytest.mark.parametrize(("run_pages", "threads"), [(2, 1), (5, 1), (32, 1), (8, 2)])
@pytest.mark.parametrize("method", sorted(method for method, backing in doing("swap") if backing == "private_anon"))
def test_runs_of_neighbours_change_places_as_wholes(method: str, workload: str, run_pages: int, threads: int) -> None:
    """Also runs that do not divide the region, whose last pages then stay."""
    if workload not in {m.name: m.workloads for m in METHODS}[method]:
        return
    trial = child.params(method, workload=workload, run_pages=run_pages, threads=threads, touch="moved")
    result = child.run_or_skip(trial)

    assert result.verified, result.reason


@pytest.mark.slow
@pytest.mark.parametrize("method", sorted({method for method, _ in doing("permute")}))
@settings(max_examples=fuzz.examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    blocks=st.lists(
        st.tuples(st.integers(0, PAGES - 1), st.integers(0, PAGES - 1), st.integers(1, 20)), min_size=1, max_size=12
    ),
    batch=st.sampled_from([0, 1, 2, 7, 8, 9, 40]),
    rounds=st.integers(1, 3),
)
def test_any_batch_of_exchanged_runs_is_applied_right(
    method: str, blocks: list[tuple[int, int, int]], batch: int, rounds: int
) -> None:
    """Hypothesis exchanges ranges that may overlap, which makes runs, broken runs and cycles of every shape."""
    pairs = tuple((a + i, b + i) for a, b, length in blocks for i in range(min(length, PAGES - max(a, b))))
    result = child.run_or_skip(child.params(method, workload="permute", pairs=pairs, batch=batch, rounds=rounds))

    assert result.verified, result.reason
    fuzz.VERIFIED["permutations"] += 1


@pytest.mark.parametrize(
    ("method", "backing", "run_pages"),
    [
        (method, backing, run_pages)
        for method, backing in doing("move")
        for run_pages in (1, 2, 5, 8)
        if run_pages <= child.pages(method, backing)
        if run_pages == 2 or child.is_gigantic(backing) or not child.is_like_another(backing)
    ],
)
@pytest.mark.usefixtures("huge_pages")
def test_moved_pages_arrive_in_the_empty_half(method: str, backing: str, run_pages: int) -> None:
    """Single pages and runs, also runs that do not divide the region, to and fro in several passes."""
    trial = child.params(
        method, workload="move", backing=backing, run_pages=run_pages, touch="moved", **child.shape(method, backing)
    )
    result = child.run_or_skip(trial)

    assert result.verified, result.reason


@pytest.mark.parametrize(
    ("method", "workload"), sorted({(m, workload) for workload in ("permute", "move") for m, _ in doing(workload)})
)
@pytest.mark.parametrize("run_pages", [1, 8])
def test_two_threads_move_their_own_shares(method: str, workload: str, run_pages: int) -> None:
    """Enough iterations for several passes: slots that one thread's moves have left must hold nothing of another's."""
    backing = next(b for b in ("memfd", "private_anon") if any((method, b) == each for each in doing(workload)))
    trial = child.params(
        method,
        workload=workload,
        backing=backing,
        threads=2,
        run_pages=run_pages,
        region_bytes=child.MIB,
        iterations=4000,
        touch="moved",
    )
    result = child.run_or_skip(trial)

    assert result.verified, result.reason


@pytest.mark.parametrize(("method", "backing"), doing("limit"))
@pytest.mark.usefixtures("huge_pages")
def test_the_limit_moves_what_it_says(method: str, backing: str) -> None:
    """Neighbours exchanged, or half of the region copied to the other half, more than once around."""
    result = child.run_or_skip(child.params(method, workload="limit", backing=backing, **child.shape(method, backing)))

    assert result.verified, result.reason


@pytest.mark.parametrize("method", sorted({method for method, _ in doing("grow")}))
@pytest.mark.parametrize("pattern", ["sequential", "random"])
def test_grown_blocks_keep_their_bytes(method: str, pattern: str) -> None:
    """By doubling and by random steps, small enough for the heap and large enough for mappings."""
    for region_bytes in (128 * child.KIB, 3 * child.MIB, 70 * child.MIB):
        trial = child.params(
            method, workload="grow", region_bytes=region_bytes, iterations=6, pattern=pattern, touch="moved"
        )
        result = child.run_or_skip(trial)

        assert result.verified, result.reason


@pytest.mark.parametrize("method", ["malloc_copy", "realloc_libc"])
@pytest.mark.parametrize("region_kib", [128, 256, 1024])
def test_what_was_freed_before_decides_nothing(method: str, region_kib: int) -> None:
    """Once a large block was freed glibc takes its like from the heap; the process may come from one that did that."""
    if "PAGESWAP_SANITIZED" in os.environ:
        return  # A sanitizer has an allocator of its own.
    trial = child.params(
        method, workload="grow", region_bytes=region_kib * child.KIB, iterations=4, rounds=4, pattern="sequential"
    )

    def faults_after(freed_mib: int) -> int:
        def work() -> int:
            bytearray(freed_mib * child.MIB)
            return native.run_trial(trial).minor_faults

        return int(in_child(work))

    # One page more or less is where the heap happened to end.
    assert faults_after(24) == pytest.approx(faults_after(0), abs=3)


@pytest.mark.parametrize("method", sorted({method for method, _ in doing("call")}))
def test_calls_leave_the_region_alone(method: str) -> None:
    """An odd count, so that what goes to and fro ends away from home."""
    result = child.run_or_skip(child.params(method, workload="call", iterations=101, rounds=2))

    assert result.verified, result.reason
    assert result.elapsed_ns > 0


@pytest.mark.parametrize("pattern", native.CHOICES["pattern"])
@pytest.mark.parametrize("distance", [1, 3, 32])
def test_every_pattern_of_pairs_verifies(pattern: str, distance: int) -> None:
    """Patterns only choose pairs; the model follows whatever they choose."""
    result = child.run(child.params("memcpy", pattern=pattern, distance=distance, iterations=500))

    assert result.verified, result.reason


def test_a_region_off_the_huge_page_border_works() -> None:
    """alignment: page exists to show what whole page tables that move together are worth."""
    result = child.run(child.params("mremap_fixed", alignment="page", page_bytes=2 * child.MIB, region_bytes=8 << 20))

    assert result.verified, result.reason


@pytest.mark.parametrize("method", sorted({method for method, _ in doing("swap")}))
def test_a_region_at_a_gigantic_border_works(method: str) -> None:
    """The threads' scratch slots lie as far apart, and are no larger for that."""
    backing = child.METHODS[method].backings[0]
    result = child.run_or_skip(child.params(method, alignment="1GiB", threads=2, backing=backing))

    assert result.verified, result.reason


@pytest.mark.parametrize("alignment", native.CHOICES["alignment"])
@pytest.mark.parametrize("backing", ["private_anon", "memfd"])
def test_alignment_is_what_it_says(odd_core: pathlib.Path, backing: str, alignment: str) -> None:
    """The region's first page and each thread's scratch begin at a border; without being asked for they do not."""
    trial = child.params("at_gigantic_border", backing=backing, alignment=alignment, threads=2)
    with contextlib.nullcontext() if alignment == "1GiB" else pytest.raises(CoreError):
        assert child.run(trial, odd_core).verified


def test_busy_neighbours_spin_while_the_trial_runs() -> None:
    """The other CPU belongs to the same process, so a page that moves must be announced to it."""
    result = child.run_or_skip(child.params("mremap_fixed", neighbours="spinning"))

    assert result.verified, result.reason


def test_a_batch_that_fails_half_way_says_that_no_page_was_lost() -> None:
    """The mapping limit stops mremap in the middle of a cycle; every page is at its old or its new place."""
    pages = int(pathlib.Path("/proc/sys/vm/max_map_count").read_text(encoding="ascii")) + 1024
    trial = child.params("mremap_fixed", workload="permute", region_bytes=pages * 4096, iterations=4 * pages, rounds=1)
    with pytest.raises(CoreError, match="every page is at its old or its new place") as caught:
        child.run(trial)

    assert caught.value.errno_name == "ENOMEM"
