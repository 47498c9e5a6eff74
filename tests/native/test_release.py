"""release: the memory that a move leaves is given back inside the rounds, and comes back before them where due."""

from __future__ import annotations

import errno
import math
import os
from typing import TYPE_CHECKING, Any

import child
import fuzz
import pytest
from faulty import run_faulty
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from refusing import in_child, libc
from requirement import require

from pageswap import native
from pageswap.errors import CoreError, MethodUnavailableError

if TYPE_CHECKING:
    import pathlib

METHODS = {method.name: method for method in child.METHODS.values() if "move" in method.workloads}
CLAIMS = [(method.name, backing) for method in METHODS.values() for backing in child.backings(method)]
RELEASES = native.CHOICES["release"]
COPIES = [name for name, method in METHODS.items() if method.family == "copy" and name != "uffd_copy"]


def moving(method: str, release: str, **changes: Any) -> native.TrialParams:
    """Give a trial of `move` with as many rounds as `source` asks for: each has at most the runs of a thread."""
    fields = {"iterations": 301, "region_bytes": 256 * child.KIB, "page_bytes": 4 * child.KIB, "threads": 1, **changes}
    runs = fields["region_bytes"] // fields["page_bytes"] // fields["threads"] // changes.get("run_pages", 1)
    share = math.ceil(fields["iterations"] / fields["threads"])
    fields.setdefault("rounds", max(3, math.ceil(share / runs)) if release == "source" else 3)
    return child.params(method, workload="move", release=release, **fields)


@pytest.mark.parametrize(
    ("method", "backing", "release"),
    [
        (method, backing, release)
        for method, backing in CLAIMS
        for release in RELEASES
        if release == "both" or child.is_gigantic(backing) or not child.is_like_another(backing)
    ],
)
@pytest.mark.usefixtures("huge_pages")
def test_pages_arrive_and_what_they_leave_is_given_back(method: str, backing: str, release: str) -> None:
    """Single pages and runs, several passes to and fro, on every backing that a method claims."""
    for run_pages in (1, 2, 5):
        if run_pages > child.pages(method, backing):
            continue
        shape = child.shape(method, backing)
        trial = moving(method, release, backing=backing, run_pages=run_pages, touch="moved", **shape)
        result = child.run_or_skip(trial)

        assert result.verified, result.reason


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("method", METHODS)
def test_two_pages_and_two_threads_are_enough(method: str, release: str) -> None:
    """The smallest share, whose first page is its last but one; each thread gives back what it left itself."""
    for threads in (1, 2):
        region = {"region_bytes": 8 * child.KIB * threads, "threads": threads}
        result = child.run_or_skip(moving(method, release, iterations=33 * threads, touch="moved", **region))

        assert result.verified, result.reason


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("method", METHODS)
def test_two_threads_move_their_own_shares(method: str, release: str) -> None:
    """In several passes: a place that one thread fills again is no other's."""
    result = child.run_or_skip(
        moving(method, release, threads=2, region_bytes=child.MIB, run_pages=8, iterations=1999, touch="moved")
    )

    assert result.verified, result.reason


@pytest.mark.parametrize("page_kib", [8, 64, 2048, 4096])
@pytest.mark.parametrize("method", METHODS)
def test_pages_of_every_size_are_given_back_whole(method: str, page_kib: int) -> None:
    """Up to pages larger than a page table covers."""
    page = page_kib * child.KIB
    for release in RELEASES:
        shape = {"page_bytes": page, "region_bytes": 6 * page, "iterations": 25}
        result = child.run_or_skip(moving(method, release, **shape))

        assert result.verified, result.reason


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=fuzz.examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pages=st.integers(2, 70),
    run_pages=st.integers(1, 9),
    iterations=st.integers(1, 120),
    rounds=st.integers(1, 40),
    release=st.sampled_from(RELEASES),
    touch=st.sampled_from(native.CHOICES["touch"][:3]),
    seed=st.integers(0, 2**63 - 1),
)
def test_any_moves_are_made_right(method: str, pages: int, run_pages: int, release: str, **fields: Any) -> None:
    """Hypothesis looks for a region, a run and a way to cut the rounds that a method gets wrong."""
    run_pages = min(run_pages, pages)
    least = math.ceil(fields["iterations"] / math.ceil(pages / run_pages)) if release == "source" else 1
    fields["rounds"] = min(max(fields["rounds"], least), fields["iterations"])
    # Rounds differ by one move, so as many as just suffice may have one that is too long.
    trial = moving(method, release, region_bytes=pages * 4096, run_pages=run_pages, **fields)
    result = child.run_or_skip(trial)

    assert result.verified, result.reason
    fuzz.VERIFIED["one-way moves"] += 1


# `auto` copies only where nothing is faster.
@pytest.mark.parametrize(("method", "release"), [(m, release) for m in COPIES if m != "auto" for release in RELEASES])
def test_who_copies_into_an_empty_place_pays_for_a_fault_and_else_does_not(method: str, release: str) -> None:
    """One for each page and nothing beside; 12 iterations end a pass of 13 runs before each other round, untimed."""
    require(method, METHODS[method].available, METHODS[method].reason)
    trial = moving(method, release, backing="thp_off", run_pages=5, iterations=120, rounds=10)

    def run() -> list[Any]:
        result = native.run_trial(trial)
        return [result.minor_faults, result.counters["page_moves"], result.verified]

    faults, moves, verified = in_child(run)

    assert verified
    assert 10 * (12 * 5 - 1) <= moves <= 600, "a run is five pages, the last of a pass four"
    if "PAGESWAP_SANITIZED" not in os.environ:  # a sanitizer's shadow faults, too
        assert faults == pytest.approx(moves if release == "both" else 0, abs=3)


@pytest.mark.parametrize("method", ["uffd_move", "uffd_copy", "mremap_fixed", "mremap_multi", "mremap_dontunmap"])
def test_who_brings_memory_along_faults_nowhere(method: str) -> None:
    """Its places are empty at every level: no memory is brought there that it would have to throw away."""
    for release in RELEASES:
        result = child.run_or_skip(moving(method, release, backing="thp_off", touch="moved", iterations=300, rounds=10))

        assert result.verified, result.reason
        assert result.minor_faults <= 3 or "PAGESWAP_SANITIZED" in os.environ


BROKEN = ("source_kept", "part_kept", "target_given_back", "too_late")


@pytest.mark.parametrize("method", BROKEN)
@pytest.mark.parametrize("backing", ["private_anon", "shared_anon", "memfd"])
def test_memory_that_is_kept_or_given_back_wrongly_is_found(odd_core: pathlib.Path, method: str, backing: str) -> None:
    """One place that keeps its bytes, or one page that went with the place it left: the slot and the word are named."""
    small = {"region_bytes": 64 * child.KIB, "iterations": 33, "rounds": 1}
    found = child.run(moving(method, "both", backing=backing, **small), odd_core)
    kept = child.run(moving(method, "kept", backing=backing, **small), odd_core)

    assert kept.verified, kept.reason
    assert not found.verified
    assert "slot" in found.reason
    assert found.reason.endswith("expected 0x0000000000000000") == (method in ("source_kept", "part_kept"))


@pytest.mark.skipif("PAGESWAP_SANITIZED" in os.environ, reason="the sanitizers' mlockall locks nothing")
@pytest.mark.parametrize("backing", ["private_anon", "memfd"])
@pytest.mark.parametrize("method", ["memcpy", "memcpy_process_madvise", "uffd_copy", "uffd_move"])
def test_locked_memory_fails_with_the_call_that_could_not_free_it(method: str, backing: str) -> None:
    """The kernel says EINVAL, and nobody may go on as if the place were empty."""
    if backing not in METHODS[method].backings:
        pytest.skip(f"{method} does not work on {backing}")
    require(method, METHODS[method].available, METHODS[method].reason)

    def run() -> list[str]:
        if libc.mlockall(2) != 0:  # MCL_FUTURE
            return ["mlockall", "this process may not lock memory"]
        try:
            native.run_trial(moving(method, "both", backing=backing))
        except CoreError as error:
            if error.errno == errno.EAGAIN:  # who is no root locks up to a limit, which mlockall does not look at
                return ["mlockall", "this process may lock too little memory; raise ulimit -l"]
            return [error.call, error.errno_name, str(error)]
        return ["none", "it did not fail"]

    call, name, *text = in_child(run)
    require("mlock", call != "mlockall", name)

    assert name == "EINVAL", text
    assert call == ("process_madvise" if "process" in method else f"madvise({_advice(backing)})")


def _advice(backing: str) -> str:
    return "MADV_REMOVE" if backing in ("shared_anon", "memfd", "file") else "MADV_DONTNEED"


@pytest.mark.usefixtures("huge_pages")
def test_a_part_of_a_huge_page_is_not_given_back_by_itself() -> None:
    """The kernel would round the part down to nothing, and say that it was done."""
    with pytest.raises(MethodUnavailableError, match=r"multiple of its huge page|free huge pages"):
        child.run(moving("memcpy", "both", backing="hugetlb_2m", region_bytes=4 * child.MIB))


@pytest.mark.parametrize("how", [errno.EAGAIN, "short", errno.EEXIST])
def test_copies_that_are_put_off_or_fall_short_are_continued(shim: pathlib.Path, how: object) -> None:
    """UFFDIO_COPY may do nothing or a part, or find the place taken, which holds nothing of worth: so go on."""
    require("uffd_copy", METHODS["uffd_copy"].available, METHODS["uffd_copy"].reason)
    trial = moving("uffd_copy", "source", page_bytes=64 * child.KIB, region_bytes=4 * child.MIB)
    answer = run_faulty(shim, trial, call="copy", how=how, every=3)

    assert answer["verified"], answer["reason"]
    assert answer["faults"] > 20


@pytest.mark.parametrize("how", ["short", "part"])
def test_advice_for_a_part_of_the_ranges_is_continued(shim: pathlib.Path, how: str) -> None:
    """process_madvise says how many bytes it came; what is left must not stay."""
    require("process_madvise", METHODS["memcpy_process_madvise"].available, METHODS["memcpy_process_madvise"].reason)
    trial = moving("memcpy_process_madvise", "both", page_bytes=8 * child.KIB, region_bytes=512 * child.KIB)
    answer = run_faulty(shim, trial, call="advise", how=how, every=1, **{"from": 2})

    assert answer["verified"], answer["reason"]
    assert answer["faults"] > 10


@pytest.mark.parametrize(
    ("method", "call", "told"),
    [
        ("uffd_copy", "copy", "ioctl(UFFDIO_COPY)"),
        ("memcpy_process_madvise", "advise", "process_madvise"),
        ("mremap_dontunmap", "mremap", "mremap"),
    ],
)
def test_a_batch_that_fails_half_way_loses_no_page(shim: pathlib.Path, method: str, call: str, told: str) -> None:
    """Whichever call it is: every page is readable at its old or at its new place, and the error has a name."""
    require(method, METHODS[method].available, METHODS[method].reason)
    trial = moving(method, "both", region_bytes=256 * child.KIB, run_pages=4, rounds=30)
    # What comes before the rounds calls too: once a page, or once in all.
    for begin in range(5, 15) if call == "advise" else range(300, 310):
        answer = run_faulty(shim, trial, call=call, how=errno.ENOMEM, **{"from": begin})

        assert (answer["call"], answer["name"]) == (told, "ENOMEM")
        assert "every page is at its old or its new place" in answer["text"]
