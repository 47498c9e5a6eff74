"""replay: a trace's moves are made in its order, whatever they overlap and overwrite, and every page is looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import child
import fuzz
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pageswap import native
from pageswap.errors import CoreError, MethodUnavailableError

if TYPE_CHECKING:
    import pathlib

METHODS = {method.name: method for method in child.METHODS.values() if "replay" in method.workloads}
CLAIMS = [(method.name, backing) for method in METHODS.values() for backing in child.laid_out(method)]
RELEASES = native.CHOICES["release"]

Moves = list[tuple[int, int, int]]
END = (0, 0, 0)
# Down and up over its own place, over a page that is lost, to the first slot and from the last.
WHOLE = [(0, 1, 3), END, (4, 2, 1), (5, 6, 2), END, END, (2, 0, 2), (1, 2, 1), (6, 5, 1), (7, 6, 1), (0, 3, 1)]


def playing(method: str, moves: Moves, slots: int = 8, **changes: Any) -> native.TrialParams:
    """Give a trial that plays moves on so many slots a thread."""
    threads, page_bytes = changes.get("threads", 1), changes.get("page_bytes", 4096)
    shape = {
        "region_bytes": slots * page_bytes * threads,
        "iterations": sum(pages > 0 for *_, pages in moves) * threads,
        "rounds": 1,
    }
    trace = [number for line in moves for number in line]
    return child.params(method, trace=trace, **{"workload": "replay"} | shape | changes)


def made(moves: Moves, slots: int) -> bool:
    """Tell by a model of its own whether every move finds pages: those that no line has brought were there."""
    held: list[bool | None] = [None] * slots
    for to, source, pages in moves:
        if False in held[source : source + pages]:
            return False
        held[source : source + pages] = [False] * pages
        held[to : to + pages] = [True] * pages
    return True


@pytest.mark.parametrize(("method", "backing"), CLAIMS)
@pytest.mark.usefixtures("huge_pages")
def test_every_page_is_where_the_trace_brings_it(method: str, backing: str) -> None:
    """On every backing that a method claims, of huge pages too."""
    page_bytes = max(4096, child.BACKINGS[backing].fault_bytes)
    # Which folios a place gets whose memory was given back, the kernel chooses: copied there, they are no trial.
    release = "kept" if child.BACKINGS[backing].folio_bytes else "source"
    trial = playing(method, WHOLE, backing=backing, release=release, touch="moved", page_bytes=page_bytes)
    result = child.run_or_skip(trial)

    assert result.verified, result.reason
    assert result.counters["page_moves"] == sum(pages for *_, pages in WHOLE)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("method", METHODS)
def test_two_pages_two_threads_and_large_pages(method: str, release: str) -> None:
    """The smallest region, each thread on its own, and pages that are no power of two and larger than a page table."""
    shapes: list[tuple[Moves, int, dict[str, int]]] = [
        ([(0, 1, 1)], 2, {}),
        ([(1, 0, 1), (0, 1, 1)], 2, {"page_bytes": 12 * child.KIB}),
        (WHOLE, 8, {}),
        (WHOLE, 9, {"threads": 2 if release == "source" else 1}),
        ([(0, 1, 2)], 3, {"page_bytes": 4 * child.MIB}),
    ]
    for moves, slots, shape in shapes:
        result = child.run_or_skip(playing(method, moves, slots, release=release, **shape))

        assert result.verified, result.reason
        assert result.counters["page_moves"] == shape.get("threads", 1) * sum(pages for *_, pages in moves)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@settings(
    max_examples=fuzz.examples(15),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@given(data=st.data(), slots=st.integers(2, 40), release=st.sampled_from(RELEASES), seed=st.integers(0, 2**63 - 1))
def test_any_trace_is_played_right(method: str, data: st.DataObject, slots: int, release: str, seed: int) -> None:
    """Hypothesis looks for moves that a method gets wrong: each takes from slots that hold pages."""
    moves: Moves = []
    for _ in range(data.draw(st.integers(1, 15))):
        pages = data.draw(st.integers(1, slots - 1))
        to, source = (data.draw(st.integers(0, slots - pages)) for _ in range(2))
        if to != source and made([*moves, (to, source, pages)], slots):
            moves += [(to, source, pages), *[END] * data.draw(st.integers(0, 1))]
    assume(moves)
    result = child.run_or_skip(playing(method, moves, slots, release=release, seed=seed))

    assert result.verified, result.reason
    fuzz.VERIFIED["moves of traces"] += len(moves)


def test_places_have_memory_unless_both_ends_are_to_be_empty() -> None:
    """Three pages into places that no page was in: at `both` each faults once."""
    moves = [(0, 3, 3)]
    faults = {
        release: child.run(playing("memcpy", moves, backing="thp_off", release=release)).minor_faults
        for release in RELEASES
    }

    assert faults["both"] - faults["kept"] >= 3
    assert faults["both"] - faults["source"] >= 3


@pytest.mark.parametrize(
    ("moves", "why"),
    [
        ([(0, 8, 1)], "a move lies outside the region"),
        ([(7, 0, 2)], "a move lies outside the region"),
        ([(2**32 - 1, 0, 2**32 - 1)], "a move lies outside the region"),
        ([(3, 3, 2)], "a move goes nowhere"),
        ([(0, 1, 1), (2, 1, 1)], "takes from a slot that holds no page any more"),
        ([END], "as many iterations as it has moves"),
    ],
)
def test_the_core_takes_no_trace_that_cannot_be_played(moves: Moves, why: str) -> None:
    """It guards its memory against every caller."""
    with pytest.raises(CoreError, match=why):
        child.run(playing("memcpy", moves, iterations=max(1, len(moves))))


@pytest.mark.parametrize("workload", ["replay", "compact"])
def test_the_host_s_pool_of_huge_pages_is_left_whole(workload: str) -> None:
    """The kernel would keep those apart for ever that no page of the region takes."""
    shape = {"backing": "hugetlb_2m", "page_bytes": 2 * child.MIB, "occupancy": 50, "iterations": 4}
    trial = playing("mremap_fixed", [(0, 1, 1)], **shape, workload=workload)
    with pytest.raises(MethodUnavailableError, match="takes pages out of the host's pool"):
        child.run(trial)


def test_a_trace_is_one_round() -> None:
    """What one part of it costs is no measure of another."""
    with pytest.raises(CoreError, match="one round"):
        child.run(playing("memcpy", WHOLE, rounds=2))


@pytest.mark.parametrize("method", ["move_left_out", "moves_reversed", "first_slot", "last_slot"])
@pytest.mark.parametrize("page_bytes", [4096, 2 << 20])
def test_a_trace_that_is_played_wrong_is_found(odd_core: pathlib.Path, method: str, page_bytes: int) -> None:
    """A move left out, or made in another order, one wrong word in the first or last slot."""
    found = child.run(playing(method, WHOLE, page_bytes=page_bytes), odd_core)

    assert not found.verified
    assert "slot" in found.reason


@pytest.mark.parametrize("method", ["source_kept", "part_kept", "target_given_back", "too_late"])
def test_memory_that_a_trace_leaves_and_a_method_keeps_is_found(odd_core: pathlib.Path, method: str) -> None:
    """Whole runs, a part of one, the wrong end, or a place that has its page already."""
    moves = [(0, 20, 4), (10, 0, 4), (20, 30, 4)]
    found = child.run(playing(method, moves, 40, release="source"), odd_core)

    assert not found.verified
