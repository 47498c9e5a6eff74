"""migrate: pages get to another NUMA node and keep their addresses; each is asked for its node after the round.

With one node there is nothing to migrate to, and what the methods do is held against a kernel that seems to have two
(faulty_calls.c). tests/bench/guest.py looks at a real one.
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any

import child
import pytest
from apart import run_apart
from faulty import run_faulty

from pageswap.errors import CoreError, MethodUnavailableError

if TYPE_CHECKING:
    from pageswap import native

NODES = len(list(pathlib.Path("/sys/devices/system/node").glob("node[0-9]*")))
METHODS = sorted(method.name for method in child.METHODS.values() if "migrate" in method.workloads)
on_one_node = pytest.mark.skipif(NODES > 1, reason="this host has several NUMA nodes: the real thing is tested there")
SHAPES = {
    "single pages": {},
    "runs, the last of them shorter": {"run_pages": 5, "iterations": 36},
    "two pages": {"region_bytes": 8 * child.KIB, "iterations": 2, "rounds": 2},
    "all pages in each round": {"iterations": 192},
    "two threads": {"threads": 2, "iterations": 99},
    "pages of two base pages": {"page_bytes": 8 * child.KIB, "iterations": 40},
    "towards the CPU": {"numa": "remote"},
    "every moved page is read": {"touch": "every", "numa": "local"},
}


def migrating(method: str = "move_pages", **changes: Any) -> native.TrialParams:
    """Give a trial of `migrate` of 64 pages in three rounds."""
    return child.params(method, workload="migrate", **{"backing": "thp_off", "iterations": 100, "rounds": 3, **changes})


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", SHAPES)
def test_pages_get_to_the_other_node_and_keep_what_they_hold(method: str, shape: str) -> None:
    """Where there is another node; else the reason says what is missing."""
    if NODES > 1:
        result = child.run_or_skip(migrating(method, **SHAPES[shape]))
        assert result.verified, result.reason
    else:
        with pytest.raises(MethodUnavailableError, match="memory on one NUMA node only; use a host with more"):
            child.run(migrating(method, **SHAPES[shape]))


@pytest.mark.parametrize("method", METHODS)
def test_the_table_says_what_is_missing(method: str) -> None:
    """`methods` and `plan` know before any trial."""
    assert child.METHODS[method].available == (NODES > 1)
    assert NODES > 1 or "one NUMA node only" in child.METHODS[method].reason


@on_one_node
@pytest.mark.parametrize("shape", SHAPES)
def test_every_page_of_every_run_is_asked_for(shim: pathlib.Path, shape: str) -> None:
    """And counted; those that are left alone for the moment are asked for again."""
    plain = run_faulty(shim, migrating(**SHAPES[shape]), call="migrate", how="none", every=1 << 30)
    how = "busy" if "threads" in SHAPES[shape] else "absent"
    left = run_faulty(shim, migrating(**SHAPES[shape]), call="migrate", how=how, every=2)

    for answer in (plain, left):
        assert answer["verified"], answer
    trial = migrating(**SHAPES[shape]).fields
    if "run_pages" not in SHAPES[shape]:
        assert plain["counters"]["page_moves"] == trial["iterations"]
    assert plain["counters"]["move_retries"] == 0
    assert left["counters"]["move_retries"] > 0


@on_one_node
def test_a_call_that_ends_early_is_continued(shim: pathlib.Path) -> None:
    """The kernel says how many pages it did not come to, and nothing of them."""
    answer = run_faulty(shim, migrating(), call="migrate", how="ended", every=3)

    assert answer["verified"], answer
    assert answer["counters"]["move_retries"] > 0


@on_one_node
def test_a_page_that_the_kernel_denies_fails_the_trial(shim: pathlib.Path) -> None:
    """The call as a whole succeeds; the page's own status says why it was not moved."""
    answer = run_faulty(shim, migrating(), call="migrate", how="denied", **{"from": 4})

    assert answer["name"] == "EACCES"
    assert answer["call"] == "move_pages (of one page)"


@on_one_node
def test_a_page_that_is_busy_for_ever_fails_the_trial(shim: pathlib.Path) -> None:
    """Asking for ever would hang it."""
    assert run_faulty(shim, migrating(), call="migrate", how="busy", **{"from": 4})["name"] == "EBUSY"


@on_one_node
@pytest.mark.parametrize("threads", [1, 2])
def test_a_page_that_is_claimed_to_be_there_and_is_not_is_found(shim: pathlib.Path, threads: int) -> None:
    """The kernel is asked once more after the round, for each page."""
    answer = run_faulty(shim, migrating(threads=threads), call="migrate", how="claimed", **{"from": 3 * threads + 1})

    assert not answer["verified"]
    assert answer["reason"].endswith("on: on NUMA node 0, expected on 1")


@on_one_node
def test_pages_that_migrate_along_are_no_trial(shim: pathlib.Path) -> None:
    """A page of a huge page takes all of it along, and the next would have nothing to do."""
    answer = run_faulty(shim, migrating(), call="migrate", how="along")

    assert "larger pages than page_size, which migrate whole" in answer["unavailable"]


@on_one_node
@pytest.mark.parametrize("run_pages", [1, 5])
def test_a_broken_method_is_found(odd_core: pathlib.Path, shim: pathlib.Path, run_pages: int) -> None:
    """One page of one run that stays where it was, its bytes whole."""
    trial = migrating("left_behind", run_pages=run_pages, iterations=13, rounds=1)
    answer, _ = run_apart(trial, core=odd_core, preloaded=shim, FAULTY_CALL="migrate", FAULTY_EVERY=str(1 << 30))

    assert not answer["verified"]
    assert answer["reason"].endswith("on: on NUMA node 0, expected on 1")


@on_one_node
@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"iterations": 195}, "a round migrates each run once at most"),
        ({"numa": "interleave"}, "pages migrate from one node to another one"),
    ],
)
def test_impossible_migrations_are_refused(shim: pathlib.Path, changes: dict[str, Any], text: str) -> None:
    """A second time there would be nothing to do, and from all nodes there is no other."""
    answer = run_faulty(shim, migrating(**changes), call="migrate", how="none", every=1 << 30)

    assert text in answer["text"]


def test_what_does_no_migration_says_so() -> None:
    """No method is taken for another."""
    with pytest.raises(CoreError, match="the method does not do this workload"):
        child.run(child.params("memcpy", workload="migrate"))
