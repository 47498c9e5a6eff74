"""Readers beside the mover: whatever moves pages under them leaves them and the data whole; their reads are timed."""

from __future__ import annotations

import errno
import os
import pathlib
from typing import Any

import child
import pytest
from apart import run_apart
from compiled import library
from faulty import run_faulty

from pageswap import native
from pageswap.errors import CoreError, MethodUnavailableError

if len(os.sched_getaffinity(0)) < 2:
    pytest.skip("a reader needs a CPU beside the mover's", allow_module_level=True)

METHODS = list(child.METHODS.values())
LEAVE_HOLES = {"mremap_fixed", "mremap_multi"}
OF_READS = ("reads_per_s", "read_p50_ns", "read_p99_ns", "read_p999_ns", "read_p9999_ns", "read_max_ns")
ALONE = ("alone_reads_per_s", "alone_p50_ns", "alone_p99_ns", "alone_p999_ns", "alone_p9999_ns")
# Whose every slot holds a page between two calls.
FULL = ("swap", "permute", "limit")


def read(method: str, **changes: Any) -> native.TrialParams:
    """Give a tiny trial with readers."""
    return child.params(method, **{"neighbours": "reading", "touch": "moved"} | changes)


def counts(result: native.TrialResult, names: tuple[str, ...]) -> list[int | None]:
    """Return what the readers counted."""
    return [result.counters[name] for name in names]


@pytest.mark.usefixtures("huge_pages")
@pytest.mark.parametrize("workload", FULL)
@pytest.mark.parametrize("method", [each.name for each in METHODS if set(each.workloads) & set(FULL)])
def test_what_moves_under_readers_is_right(method: str, workload: str) -> None:
    """Of every method that leaves no holes, on each kind of memory; no reader dies or waits for ever."""
    if workload not in child.METHODS[method].workloads or method in LEAVE_HOLES:
        return
    # The kinds of memory that a kernel moves in ways of their own; the others are reserved or the same. To who reads
    # beside one that copies, all memory is the same; and a batch moves it as single calls do.
    is_any = child.METHODS[method].family == "copy" or workload != "swap"
    kinds = {child.METHODS[method].backings[0]} if is_any else {"private_anon", "memfd", "thp"}
    for backing in sorted(kinds & set(child.backings(child.METHODS[method]))):
        changes = child.shape(method, backing)
        result = child.run_or_skip(read(method, workload=workload, backing=backing, **changes))

        assert result.verified, (backing, result.reason)
        assert all(counts(result, ("reads_per_s", "read_p50_ns", "read_max_ns")))
        assert all(counts(result, ALONE[:2]))


# But for what plays moves of its own, which are as many as they are.
@pytest.mark.parametrize("workload", [name for name in native.WORKLOADS if name not in ("limit", "replay", "compact")])
@pytest.mark.parametrize(
    "method", [*sorted(LEAVE_HOLES), "memcpy", "uffd_copy", "realloc_libc", "getpid", "madvise_free"]
)
def test_readers_of_memory_at_rest_can_be_beside_every_workload(method: str, workload: str) -> None:
    """Also where the region is full of holes."""
    if workload not in child.METHODS[method].workloads:
        return
    result = child.run_or_skip(read(method, workload=workload, reads="resting", iterations=60))

    assert result.verified, result.reason
    assert all(counts(result, (*OF_READS[:2], *ALONE[:2])))


@pytest.mark.parametrize("method", sorted(LEAVE_HOLES))
def test_a_hole_that_would_kill_a_reader_makes_the_trial_unavailable(method: str) -> None:
    """Not the method: with memory at rest it is measured."""
    workload = child.METHODS[method].workloads[0]
    with pytest.raises(MethodUnavailableError, match=r"dies \(SIGSEGV\); measure it with reads: resting"):
        child.run(read(method, workload=workload))
    with pytest.raises(MethodUnavailableError, match="dies"):  # and is known before it begins
        native.check_trial(read(method, workload=workload))


@pytest.mark.parametrize("workload", sorted(child.DONE_HERE - set(FULL)))
def test_places_without_a_page_are_not_read(workload: str) -> None:
    """Who came to one would fault, or wait for a page that never comes."""
    method = next(each.name for each in METHODS if workload in each.workloads and each.available)
    with pytest.raises(CoreError, match="leaves places without a page, which nobody can read; use resting") as caught:
        child.run(read(method, workload=workload))
    assert caught.value.errno_name == "EINVAL"


def test_fresh_pages_are_not_read() -> None:
    """They would be so no more; what is shared stays so."""
    with pytest.raises(CoreError, match="a page that somebody reads is not fresh any more; use resting"):
        child.run(read("memcpy", pages="fresh"))
    for changes in ({"pages": "fresh", "reads": "resting"}, {"pages": "forked"}, {"pages": "mlocked"}):
        assert child.run(read("memcpy", **changes)).verified


@pytest.mark.parametrize("reads", ["moving", "resting"])
def test_percentiles_are_there_where_reads_enough_were_made(reads: str) -> None:
    """In order, beside those of the same readers alone; a rate and a median are plausible, and hence in their units."""
    trial = read("memcpy", reads=reads, region_bytes=8 * child.MIB, iterations=150_000, touch="none")
    result = child.run_or_skip(trial)
    percentiles = [found for found in counts(result, OF_READS[1:]) if found is not None]
    alone = [found for found in counts(result, ALONE[1:]) if found is not None]

    assert percentiles == sorted(percentiles)
    assert alone == sorted(alone)
    assert len(alone) >= 2
    for rate, median in ((OF_READS[0], OF_READS[1]), (ALONE[0], ALONE[1])):
        (per_second,), (median_ns,) = counts(result, (rate,)), counts(result, (median,))
        assert per_second
        assert median_ns
        # One reader or more, each of whose reads takes the median's time at least every other time.
        assert per_second / len(os.sched_getaffinity(0)) * median_ns / 2 < 1_000_000_000


def test_a_percentile_that_few_reads_reach_is_absent_and_so_are_those_beyond() -> None:
    """A round of one swap is mostly over before ten thousand reads were made; how many is the machine's."""
    result = child.run_or_skip(read("memcpy", iterations=1, rounds=1))
    there = [found is not None for found in counts(result, OF_READS[1:5])]

    assert result.counters["reads_per_s"]
    assert there == sorted(there, reverse=True)
    assert result.counters["alone_p99_ns"]


@pytest.mark.parametrize("neighbours", ["idle", "spinning"])
def test_without_readers_nothing_is_told_of_them(neighbours: str) -> None:
    """Absent, and not 0."""
    result = child.run_or_skip(child.params(neighbours=neighbours))

    assert set(counts(result, (*OF_READS, *ALONE))) == {None}


def test_every_counter_of_readers_is_known_here() -> None:
    """The core has no further one."""
    assert {name for name in native.COUNTERS if name.startswith(("read", "alone"))} == {*OF_READS, *ALONE}


def test_readers_of_huge_pages_at_rest_have_huge_pages() -> None:
    """The area is of the kind that was asked for, and counted with the region in the check of it."""
    shape = {"page_bytes": 2 * child.MIB, "region_bytes": 16 * child.MIB, "iterations": 48}
    result = child.run_or_skip(read("memcpy", reads="resting", backing="thp", **shape))

    assert result.verified, result.reason


def test_a_reader_has_a_cpu_of_its_own() -> None:
    """On a mover's it would measure the scheduler."""
    trial = read("memcpy", threads=len(os.sched_getaffinity(0)))
    with pytest.raises(MethodUnavailableError, match="no CPU is left for a busy neighbour"):
        child.run(trial)


def test_a_counter_that_may_stop_times_no_read() -> None:
    """A CPU without an even time-stamp counter has no readers; everything else it has."""
    taken = {"PAGESWAP_CPU_FEATURES": "-nonstop_tsc"}
    refused, _ = run_apart(read("memcpy"), **taken)
    idle, _ = run_apart(child.params(), **taken)

    assert "nonstop_tsc" in refused["unavailable"]
    assert idle["verified"]


def test_a_counter_that_changes_its_rate_times_no_read(tmp_path_factory: pytest.TempPathFactory) -> None:
    """As after a move to another machine: the clock, which here runs ever slower, and the counter do not agree."""
    slowing = library(pathlib.Path(__file__).with_name("slowing_clock.c"), tmp_path_factory)
    found, _ = run_apart(read("memcpy", iterations=30_000), preloaded=slowing)

    assert "the time-stamp counter ran at" in found["unavailable"]


@pytest.mark.parametrize("workload", ["swap", "permute"])
def test_a_page_that_came_unnoticed_wakes_who_waits_for_it(shim: pathlib.Path, workload: str) -> None:
    """A kernel that says EEXIST of a page that it moved wakes nobody; here each time that one of two pages comes."""
    shape = {"region_bytes": 8 * child.KIB, "pairs": ((0, 1),) * 1_000}
    trial = read("uffd_move", workload=workload, batch=1, **shape)
    answer = run_faulty(shim, trial, call="move", how="unnoticed", every=3)
    if "unavailable" in answer:
        pytest.skip(answer["unavailable"])

    assert answer["faults"] > 100
    assert answer["verified"], answer["reason"]


@pytest.mark.parametrize("workload", ["swap", "permute"])
def test_a_move_that_fails_under_readers_lets_them_go(shim: pathlib.Path, workload: str) -> None:
    """One may wait for a page that now never comes; the trial fails all the same, and ends."""
    trial = read("uffd_move", workload=workload, batch=8, iterations=3_000)
    answer = run_faulty(shim, trial, call="move", how=errno.EBUSY, **{"from": 1_000})
    if "unavailable" in answer:
        pytest.skip(answer["unavailable"])

    assert answer["name"] == "EBUSY"


def test_a_method_that_leaves_a_hole_and_does_not_say_so_is_caught(odd_core: Any) -> None:
    """Its trial is killed, and has no result."""
    trial = read("hole_unsaid", iterations=20_000)
    with pytest.raises(AssertionError, match="-11"):
        # A sanitizer would have its say before the signal's.
        run_apart(trial, core=odd_core, ASAN_OPTIONS="detect_leaks=0:handle_segv=0")


def test_a_wrong_byte_is_found_beside_readers(odd_core: Any) -> None:
    """Verification is the same with them."""
    found, _ = run_apart(read("wrong_byte", iterations=33, rounds=1), core=odd_core)

    assert not found["verified"]
