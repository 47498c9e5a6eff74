"""Readers of pages that have not come: the mover serves them meanwhile, and what each waited is counted by itself."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

import child
import pytest
from apart import run_apart
from faulty import run_faulty

from pageswap import native
from pageswap.errors import CoreError, MethodUnavailableError

if TYPE_CHECKING:
    import pathlib

if len(os.sched_getaffinity(0)) < 2:
    pytest.skip("a reader needs a CPU beside the mover's", allow_module_level=True)

METHODS = [name for name, method in child.METHODS.items() if "move" in method.workloads]
SERVING = ["uffd_copy", "uffd_move"]
SERVED = ("served_per_s", "served_p50_ns", "served_p99_ns", "served_p999_ns", "served_p9999_ns")
CALLS = {"uffd_copy": "copy", "uffd_move": "move"}


def served(method: str, **changes: Any) -> native.TrialParams:
    """Give a trial of 67 pages with a reader, in which each round brings all of them to empty places."""
    fields = {"region_bytes": 67 * 4 * child.KIB, "page_bytes": 4 * child.KIB, "rounds": 5, "run_pages": 1} | changes
    runs = -(-fields["region_bytes"] // fields["page_bytes"] // fields["run_pages"])
    fields = {"iterations": runs * fields["rounds"], "touch": "moved"} | fields
    return child.params(method, workload="move", neighbours="reading", reads="missing", **fields)


@pytest.mark.parametrize("run_pages", [1, 3, 67])
@pytest.mark.parametrize("method", SERVING)
def test_who_comes_before_a_page_is_served_and_every_page_is_right(method: str, run_pages: int) -> None:
    """Single pages, runs of which one is shorter, and all at once; there and back."""
    result = child.run_or_skip(served(method, run_pages=run_pages))
    rate, *percentiles = [result.counters[name] for name in SERVED]

    assert result.verified, result.reason
    assert result.counters["page_moves"] == 5 * 67
    # Each round begins with a read, and without a page.
    assert rate
    told = [ns for ns in percentiles if ns is not None]
    assert told == sorted(told)
    assert told
    assert result.counters["reads_per_s"] >= rate
    assert result.counters["alone_p99_ns"]


def test_the_page_that_is_waited_for_comes_before_its_turn(odd_core: pathlib.Path, tracer: pathlib.Path) -> None:
    """And each page once; what nobody waits for comes in the order of its places."""
    trial = served("traced_serves", rounds=1, region_bytes=child.MIB)
    found, told = run_apart(trial, core=odd_core, preloaded=tracer)
    if "unavailable" in found:
        pytest.skip(found["unavailable"])
    slots = [int(line.split()[1]) for line in told.splitlines() if line.startswith("traced:run")]

    assert found["verified"], found["reason"]
    assert sorted(slots) == list(range(256))
    assert slots != sorted(slots)


@pytest.mark.parametrize("backing", ["thp", "thp_off"])
@pytest.mark.parametrize("method", SERVING)
def test_pages_of_every_kind_are_served(method: str, backing: str) -> None:
    """Also whole huge pages, where the method moves those."""
    if backing not in child.METHODS[method].backings:
        return
    shape = {**child.shape(method, backing), "iterations": 40}
    result = child.run_or_skip(served(method, backing=backing, **shape))

    assert result.verified, result.reason
    assert result.counters["served_per_s"]


@pytest.mark.parametrize("method", SERVING)
def test_a_round_may_bring_a_part_of_the_pages(method: str) -> None:
    """What is left of a pass that has no room for a round is moved before; readers keep to the round's places."""
    result = child.run_or_skip(served(method, iterations=7 * 20, rounds=7))

    assert result.verified, result.reason
    assert result.counters["page_moves"] == 7 * 20
    assert result.counters["served_per_s"]


@pytest.mark.parametrize("method", SERVING)
def test_two_pages_are_enough(method: str) -> None:
    """The first place is the last but one."""
    result = child.run_or_skip(served(method, region_bytes=8 * child.KIB, rounds=50))

    assert result.verified, result.reason
    assert result.counters["page_moves"] == 100


@pytest.mark.parametrize("method", SERVING)
def test_two_movers_serve_the_readers_of_their_own_shares(method: str) -> None:
    """Each hears of those alone that wait for its pages; here they share a CPU, as the reader has the other."""
    first, second = sorted(os.sched_getaffinity(0))[:2]
    shape = {"region_bytes": child.MIB, "threads": 2, "rounds": 3, "cpus": (first, first, second)}
    result = child.run_or_skip(served(method, **shape))

    assert result.verified, result.reason
    assert result.counters["served_per_s"]


@pytest.mark.parametrize("method", SERVING)
def test_pages_in_other_states_are_served_or_refused_and_nobody_waits_for_ever(method: str) -> None:
    """The kernel copies shared pages and moves none, and locked memory lies where pages are to go."""
    for pages in ("forked", "mlocked"):
        if (method, pages) == ("uffd_copy", "forked"):
            assert child.run_or_skip(served(method, pages=pages)).verified
        else:
            with pytest.raises(MethodUnavailableError):
                child.run(served(method, pages=pages))
    with pytest.raises(CoreError, match="a page that somebody reads is not fresh any more"):
        child.run(served(method, pages="fresh"))


@pytest.mark.parametrize("method", sorted(set(METHODS) - set(SERVING)))
def test_who_hears_of_no_fault_serves_nobody(method: str) -> None:
    """Not the method is unavailable, but the trial; and that is known before it begins."""
    if not child.METHODS[method].available:
        return
    trial = served(method)
    for attempt in (child.run, native.check_trial):
        with pytest.raises(MethodUnavailableError, match=r"waits for a page that has not come|dies \(SIGSEGV\)"):
            attempt(trial)


@pytest.mark.parametrize("workload", [name for name in native.WORKLOADS if name in child.DONE_HERE - {"move"}])
def test_where_no_pages_come_to_empty_places_nobody_awaits_them(workload: str) -> None:
    """A swap's places are full, and a compaction's hold what is to be moved first."""
    method = next(name for name, each in child.METHODS.items() if workload in each.workloads and each.available)
    trial = child.params(method, workload=workload, neighbours="reading", reads="missing")
    with pytest.raises(CoreError, match="brings no pages to where none were") as caught:
        child.run(trial)
    assert caught.value.errno_name == "EINVAL"


def test_a_round_is_one_pass_at_most() -> None:
    """Else a place would be filled twice."""
    with pytest.raises(CoreError, match="reads 'missing' a round is one pass at most"):
        child.run_or_skip(served("uffd_move", iterations=68 * 5))


@pytest.mark.parametrize("reads", ["moving", "resting"])
def test_other_readers_wait_for_no_page(reads: str) -> None:
    """Nothing is told of what was not asked."""
    workload = "swap" if reads == "moving" else "move"
    result = child.run_or_skip(child.params("uffd_move", workload=workload, neighbours="reading", reads=reads))

    assert {result.counters[name] for name in SERVED} == {None}
    assert {name for name in native.COUNTERS if name.startswith("served")} == set(SERVED)


@pytest.mark.parametrize("method", SERVING)
def test_a_call_that_fails_lets_the_waiting_go_and_loses_no_page(shim: pathlib.Path, method: str) -> None:
    """In the middle of a round, when some runs came out of their turn."""
    trial = served(method, rounds=20)
    answer = run_faulty(shim, trial, call=CALLS[method], how=errno.EBUSY, **{"from": 700})
    if "unavailable" in answer:
        pytest.skip(answer["unavailable"])

    assert answer["name"] == "EBUSY"
    assert "every page is at its old or its new place" in answer["text"]


@pytest.mark.parametrize("method", SERVING)
def test_a_run_that_comes_in_parts_is_served_whole(shim: pathlib.Path, method: str) -> None:
    """The kernel may stop half-way and ask to be called again."""
    trial = served(method, region_bytes=child.MIB, run_pages=16, rounds=10)
    answer = run_faulty(shim, trial, call=CALLS[method], how="short", every=3)
    if "unavailable" in answer:
        pytest.skip(answer["unavailable"])

    assert answer["faults"] > 20
    assert answer["verified"], answer["reason"]


def test_a_page_that_came_unnoticed_wakes_who_waits_for_it(shim: pathlib.Path) -> None:
    """A kernel that says EEXIST of a page that it moved wakes nobody."""
    answer = run_faulty(shim, served("uffd_move", rounds=20), call="move", how="unnoticed", every=3)
    if "unavailable" in answer:
        pytest.skip(answer["unavailable"])

    assert answer["faults"] > 100
    assert answer["verified"], answer["reason"]


def test_a_wrong_page_that_is_served_is_found(odd_core: Any) -> None:
    """The trial is corrupt."""
    found, _ = run_apart(served("served_wrong", rounds=1), core=odd_core)
    if "unavailable" in found:
        pytest.skip(found["unavailable"])

    assert not found["verified"]
    assert found["counters"]["served_per_s"]
