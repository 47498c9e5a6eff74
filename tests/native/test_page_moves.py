"""How many pages a trial moved, as the core counts them: what bytes per second are made of."""

from __future__ import annotations

import child
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pageswap import native
from pageswap.errors import MethodUnavailableError

PAGES = 64
FAMILY = {method.name: method.family for method in child.METHODS.values()}


def moved(method: str, **changes: object) -> int | None:
    """Run a trial on 64 pages and give its count."""
    try:
        return child.run(child.params(method, **changes)).counters["page_moves"]
    except MethodUnavailableError as error:
        pytest.skip(f"{method}: {error}")


@pytest.mark.parametrize("method", [m.name for m in child.METHODS.values() if "swap" in m.workloads])
def test_a_swap_moves_two_pages_or_none(method: str) -> None:
    """None where the pages stay and only what is seen of them changes, and none for the control."""
    backing = child.METHODS[method].backings[0]
    pages = 2 if native.moves_pages(FAMILY[method]) else 0

    assert moved(method, backing=backing, iterations=301) == pages * 301


def test_a_page_exchanged_with_itself_does_not_move() -> None:
    """Nothing happens to it."""
    assert moved("memcpy", pairs=((1, 2), (5, 5), (2, 1))) == 4


@pytest.mark.parametrize(
    ("pairs", "pages"),
    [
        (((1, 2), (1, 2)), 0),
        (((1, 2), (3, 3)), 2),
        (((1, 2), (2, 3), (3, 4)), 4),
        (tuple((i, i + 32) for i in range(32)), 64),
    ],
)
@pytest.mark.parametrize("method", [m.name for m in child.METHODS.values() if "permute" in m.workloads])
def test_a_batch_moves_each_page_once_and_only_those_that_end_elsewhere(
    method: str, pairs: tuple[tuple[int, int], ...], pages: int
) -> None:
    """What its swaps undo again it does not do at all."""
    assert moved(method, workload="permute", pairs=pairs, rounds=1) == pages


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, PAGES - 1), st.integers(0, PAGES - 1)), min_size=1, max_size=150))
def test_a_batch_moves_the_pages_that_its_swaps_leave_elsewhere(pairs: list[tuple[int, int]]) -> None:
    """Counted by a model of the swaps one by one."""
    slots = list(range(PAGES))
    for a, b in pairs:
        slots[a], slots[b] = slots[b], slots[a]

    expected = sum(page != slot for slot, page in enumerate(slots))
    assert moved("memcpy", workload="permute", pairs=tuple(pairs), rounds=1) == expected


def test_each_round_is_a_batch_of_its_own() -> None:
    """The same swaps in two rounds move their pages to and fro."""
    assert moved("memcpy", workload="permute", pairs=((1, 2), (1, 2)), rounds=2) == 4


@pytest.mark.parametrize("method", ["memcpy", "pairwise_avx2", "permute_avx2"])
def test_each_batch_of_a_round_counts_its_own(method: str) -> None:
    """Two swaps that undo each other, in one batch and in two, whichever way the method goes."""
    pairs = ((1, 2), (1, 2))

    assert moved(method, workload="permute", pairs=pairs, rounds=1, batch=1) == 4
    assert moved(method, workload="permute", pairs=pairs, rounds=1, batch=2) == 0


@pytest.mark.parametrize("workload", ["swap", "permute"])
def test_a_swap_of_runs_counts_their_pages(workload: str) -> None:
    """Two runs of five."""
    assert moved("memcpy", workload=workload, pairs=((1, 2), (3, 3)), rounds=1, run_pages=5) == 10


@pytest.mark.parametrize(("run_pages", "pages"), [(1, 301), (4, 4 * 301), (5, 1482)])
def test_a_move_counts_the_pages_of_its_run(run_pages: int, pages: int) -> None:
    """The last run of a pass may be shorter: 64 pages are twelve runs of five and one of four."""
    assert moved("memcpy", workload="move", run_pages=run_pages) == pages


@pytest.mark.parametrize(("method", "pages"), [("memcpy", 602), ("stream_copy", 602), ("null", 0)])
def test_the_limit_is_reached_by_moving_or_copying_two_pages_an_iteration(method: str, pages: int) -> None:
    """A stream copy has no page that changes places, but its bytes are what the memory allowed."""
    assert moved(method, workload="limit") == pages


@pytest.mark.parametrize(("method", "workload"), [("getpid", "call"), ("malloc_copy", "grow")])
def test_what_has_no_pages_to_move_has_no_count(method: str, workload: str) -> None:
    """Empty, not 0: there is nothing to be counted."""
    changes = {"region_bytes": child.MIB} if workload == "grow" else {}

    assert moved(method, workload=workload, iterations=6, rounds=2, **changes) is None


def test_families_say_whether_their_methods_move_pages() -> None:
    """One that only a newer core has is taken for one that does."""
    assert native.FAMILIES == {"copy": True, "remap": True, "window": False, "control": False}
    assert set(FAMILY.values()) == set(native.FAMILIES)
    assert native.moves_pages("of a newer core")
    assert [name for name in native.FAMILIES if native.is_control(name)] == ["control"]
