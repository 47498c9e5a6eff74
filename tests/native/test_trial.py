"""One trial: what it refuses, what it counts, and that equal seeds give equal schedules."""

from __future__ import annotations

import errno
import os
from typing import Any

import child
import pytest
from refusing import IOCTL, in_child, refuse

from pageswap import native
from pageswap.errors import CoreError, MethodUnavailableError

# The request of ioctl on /proc/self/pagemap.
PAGEMAP_SCAN = 0xC0606610
REFUSED = {
    "an unknown method": {"method": "teleport"},
    "an unknown workload": {"workload": "juggle"},
    "an unknown backing": {"backing": "cheese"},
    "a page of no bytes": {"page_bytes": 0},
    "a page that is not whole base pages": {"page_bytes": 5000},
    "a region that is not whole pages": {"region_bytes": 256 * child.KIB + 1},
    "a region of one page": {"region_bytes": 4 * child.KIB},
    "no iterations": {"iterations": 0, "rounds": 1},
    "no rounds": {"rounds": 0},
    "an unknown touch": {"touch": "twice"},
    "an unknown pattern": {"pattern": "spiral"},
    "an unknown alignment": {"alignment": "4KiB"},
    "an unknown place among NUMA nodes": {"numa": "everywhere"},
    "an unknown state of pages": {"pages": "hot"},
    "an unknown release": {"workload": "move", "release": "twice"},
    "memory given back where no place is left": {"release": "source"},
    "rounds that would fill a place twice": {"workload": "move", "release": "source", "iterations": 195, "rounds": 3},
    "unknown neighbours": {"neighbours": "noisy"},
    "unknown reads": {"reads": "lying"},
    "pairs that span more than half of the pages": {"distance": 33},
    "runs longer than the region": {"run_pages": 65, "workload": "move"},
    "runs of which there is no pair": {"run_pages": 33},
    "pairs that span more than half of the runs": {"run_pages": 4, "distance": 9},
    "no threads": {"threads": 0},
    "too many threads": {"threads": 5000},
    "a slot outside the region": {"pairs": ((0, 64),)},
}


@pytest.mark.parametrize("name", REFUSED)
def test_impossible_trials_are_refused_and_never_crash(name: str) -> None:
    """The spec is checked earlier; the core must stand on its own all the same."""
    with pytest.raises(CoreError) as caught:
        child.run(child.params(**REFUSED[name]))

    assert caught.value.errno_name == "EINVAL"


def test_more_threads_than_cpus_is_unavailable_with_the_cure() -> None:
    """Threads that share a CPU would measure the scheduler."""
    cpus = tuple(sorted(os.sched_getaffinity(0)))
    with pytest.raises(MethodUnavailableError, match=r"needs? as many CPUs|fewer threads"):
        child.run(child.params(threads=len(cpus) + 1, cpus=cpus, region_bytes=child.MIB * 16, iterations=100_000))


def test_the_trial_runs_where_it_was_told_to() -> None:
    """The CPU is part of the conditions, so it is recorded."""
    cpu = min(os.sched_getaffinity(0))

    assert child.run(child.params(cpus=(cpu,))).cpu == cpu


def test_without_a_wish_the_last_allowed_cpu_is_taken() -> None:
    """The first CPUs serve most interrupts."""
    assert child.run(child.params()).cpu == max(os.sched_getaffinity(0))


def test_a_control_that_moves_nothing_verifies_as_unmoved() -> None:
    """`null` must not verify because nobody looked: the model of its schedule is the identity."""
    assert child.run(child.params("null")).verified


@pytest.mark.parametrize("method", ["memcpy", "copy_words"])
def test_copying_causes_no_faults_inside_the_rounds(method: str) -> None:
    """Everything a copy touches is present before the clock starts, but now and then a page of a sanitizer's shadow."""
    trial = child.params(method, region_bytes=16 * child.MIB, iterations=5000)

    def run() -> list[int]:
        result = native.run_trial(trial)
        return [result.minor_faults, result.major_faults]

    # In a fork of this process, in which a sanitizer has most of its shadow already.
    minor, major = in_child(run)

    assert minor <= (1 if os.environ.get("PAGESWAP_SANITIZED") else 0)
    assert major == 0


@pytest.mark.parametrize("rounds", [1, 3, 30])
def test_faults_of_all_rounds_are_counted_and_of_nothing_else(rounds: int) -> None:
    """A fault an iteration, in each round as many; those of what goes before a round are none of them."""
    faults = child.run(child.params("page_fault", workload="call", iterations=300, rounds=rounds)).minor_faults

    # A sanitizer has shadow memory of its own.
    assert faults == 300 or ("PAGESWAP_SANITIZED" in os.environ and 300 <= faults < 400)


def test_reading_remapped_shared_pages_faults_inside_the_rounds() -> None:
    """touch: moved exists to pay exactly these."""
    quiet = child.run(child.params("mremap_fixed", backing="shared_anon", iterations=300, touch="none"))
    paid = child.run(child.params("mremap_fixed", backing="shared_anon", iterations=300, touch="moved"))

    assert quiet.minor_faults <= paid.minor_faults


def test_every_displaced_page_is_counted_as_a_mapping() -> None:
    """16 MiB of 4 KiB pages swapped at random end as nearly as many mappings as pages, beside this process's own."""
    own = child.run(child.params("null", region_bytes=16 * child.MIB, iterations=20_000)).vmas_peak
    result = child.run(child.params("mremap_fixed", region_bytes=16 * child.MIB, iterations=20_000))

    assert result.vmas_peak is not None
    assert 3500 < result.vmas_peak - own < 4400


def test_rounds_slice_the_iterations_even_when_they_do_not_divide() -> None:
    """Seven rounds of 20 iterations: every iteration runs once, else verification would fail."""
    result = child.run(child.params(iterations=20, rounds=7))

    assert result.verified
    assert len(result.rounds_ns) == 7


def test_a_trial_as_large_as_memory_cannot_hold_fails_with_its_call() -> None:
    """An mmap that the kernel refuses is named, not a crash."""
    with pytest.raises(CoreError) as caught:
        child.run(child.params(region_bytes=1 << 46, page_bytes=1 << 30, iterations=10))

    assert caught.value.call.startswith("mmap")
    assert caught.value.errno_name == "ENOMEM"


def test_the_core_knows_how_it_was_built() -> None:
    """Compiler, flags and hash are conditions of every figure."""
    facts = native.core_info()

    assert len(facts["core_hash"]) == 64
    assert facts["compiler"]
    assert "-O2" in facts["flags"]


def test_what_the_host_does_not_count_is_none_and_never_zero() -> None:
    """A hypervisor without performance counters must not read as a program without cycles."""
    counters = child.run(child.params(region_bytes=4 * child.MIB, iterations=2000)).counters

    assert set(counters) == set(native.COUNTERS)
    assert counters["cycles"] is None or counters["cycles"] > 0
    assert counters["vmas_final"] is not None


@pytest.mark.parametrize("kernel", ["that can be asked for huge pages", "before 6.7"])
def test_counters_of_huge_pages_see_them_and_their_splitting(kernel: str) -> None:
    """Swapping small pages of a region on huge pages by mremap must split them, and that must be visible."""
    trial = child.params("mremap_fixed", backing="thp", region_bytes=8 * child.MIB, iterations=2000)

    def run() -> Any:
        if kernel == "before 6.7":
            refuse(IOCTL, errno.ENOTTY, PAGEMAP_SCAN)
        try:
            return native.run_trial(trial).counters
        except MethodUnavailableError as error:
            return str(error)

    counters = in_child(run)
    if isinstance(counters, str):
        pytest.skip(counters)

    assert counters["anon_huge_before"] == 8 * child.MIB
    assert counters["anon_huge_after"] < 8 * child.MIB
    assert counters["thp_splits"] is None or counters["thp_splits"] > 0


CPUS = tuple(sorted(os.sched_getaffinity(0)))
NEEDS = {
    "more CPUs": {"threads": len(CPUS) + 1, "cpus": CPUS, "region_bytes": child.MIB * 16, "iterations": 100_000},
    "a CPU for a neighbour": {"neighbours": "spinning", "cpus": CPUS[:1]},
    "more huge pages than there are": {"backing": "hugetlb_2m", "region_bytes": 1 << 36},
    "another backing": {"method": "remap_file_pages"},
    "a page that is mapped whole": {"method": "mremap_fixed", "backing": "hugetlb_2m", "region_bytes": 4 * child.MIB},
}


@pytest.mark.parametrize("name", NEEDS)
def test_what_a_trial_needs_is_told_before_it_in_the_same_words(name: str) -> None:
    """It is one rule that says so, whether the trial is run or only looked at."""
    trial = child.params(**NEEDS[name])
    with pytest.raises(MethodUnavailableError) as before:
        native.check_trial(trial)
    with pytest.raises(MethodUnavailableError) as then:
        child.run(trial)

    assert str(before.value) == str(then.value)


@pytest.mark.parametrize("backing", native.BACKINGS)
def test_what_can_run_is_not_refused_before_it(backing: str) -> None:
    """And the other way around, on each backing that this host has now."""
    trial = child.params(backing=backing, page_bytes=2 * child.MIB, region_bytes=8 * child.MIB)
    try:
        child.run(trial)
    except MethodUnavailableError:
        with pytest.raises(MethodUnavailableError):
            native.check_trial(trial)
    else:
        native.check_trial(trial)
