"""Folios and NUMA nodes of the region: the columns that tell why moves cost more on one backing than on another."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
from typing import TYPE_CHECKING, Any

import child
import pytest
from faulty import run_faulty
from refusing import in_child
from requirement import require

from pageswap import native
from pageswap.errors import MethodUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

THP = pathlib.Path("/sys/kernel/mm/transparent_hugepage")
FOLIOS = [name for name in native.COUNTERS if name.startswith("folio_") and name.endswith(("_before", "_after"))]
NODES = [name for name in native.COUNTERS if name.startswith("node")]
REGION = 16 * child.MIB


def counters(method: str = "memcpy", **changes: Any) -> dict[str, int | None]:
    """Run a trial of 16 MiB and give its counters."""
    try:
        return child.run(child.params(method, region_bytes=REGION, iterations=1000, **changes)).counters
    except MethodUnavailableError as error:
        pytest.skip(f"{method} on {changes.get('backing')}: {error}")


@pytest.fixture
def seen_frames() -> None:
    """Skip where page frames are hidden: that is all but root with CAP_SYS_ADMIN."""
    require("root", os.access("/proc/kpageflags", os.R_OK), "only root may know which frames pages are in")


def at(when: str, counted: dict[str, int | None]) -> dict[str, int]:
    """Give the sizes that are there, with their bytes."""
    return {name[6:].removesuffix(f"_{when}"): counted[name] or 0 for name in FOLIOS if name.endswith(when)}


@pytest.mark.usefixtures("seen_frames")
def test_a_region_on_huge_pages_is_of_folios_of_that_size_until_they_are_split() -> None:
    """Small pages that mremap moves take huge pages apart."""
    counted = counters("mremap_fixed", backing="thp")

    assert at("before", counted)["2m"] == REGION
    assert at("after", counted)["2m"] == REGION  # the mapping is split, the folio is not
    assert counted["anon_huge_after"] != REGION


def test_splits_are_told_by_the_size_of_what_was_split() -> None:
    """UFFDIO_MOVE of single pages takes huge pages apart."""
    require("folios", (THP / "hugepages-2048kB/stats/split").exists(), "this kernel counts no splits (Linux 6.12)")
    counted = counters("uffd_move", backing="thp")

    assert (counted["folio_2m_splits"] or 0) >= REGION // (2 * child.MIB)


@pytest.mark.usefixtures("seen_frames")
def test_a_region_without_huge_pages_is_of_no_folios() -> None:
    """Each size is counted, as 0."""
    counted = counters(backing="thp_off")

    assert set(at("before", counted).values()) == set(at("after", counted).values()) == {0}
    assert None not in [counted[name] for name in FOLIOS]


@contextlib.contextmanager
def always(kib: int) -> Iterator[None]:
    """Let the kernel give folios of one size to everyone for a moment."""
    knob = THP / f"hugepages-{kib}kB" / "enabled"
    require("folios", knob.exists(), "this kernel has no folios of that size (Linux 6.8)")
    require("root", os.access(knob, os.W_OK), "only root may change what the kernel gives")
    before = knob.read_text().partition("[")[2].partition("]")[0]
    knob.write_text("always")
    try:
        yield
    finally:
        knob.write_text(before)


@pytest.mark.usefixtures("seen_frames")
def test_smaller_folios_and_their_splitting_are_counted_where_no_huge_page_tells() -> None:
    """With one size always given, single pages that UFFDIO_MOVE takes out of folios cost ten times as much at first."""
    with always(64):
        counted = counters("uffd_move", backing="private_anon")
        forbidden = counters("uffd_move", backing="thp_off")

    assert at("before", counted)["64k"] >= REGION // 2
    assert at("after", counted)["64k"] < at("before", counted)["64k"]
    below_huge = [counted[f"folio_{size}_splits"] or 0 for size in at("before", counted) if size != "2m"]
    assert (counted["folio_splits"] or 0) == sum(below_huge) > 100
    assert (counted["folio_64k_splits"] or 0) > 100
    assert counted["anon_huge_before"] == counted["thp_splits"] == 0
    assert at("before", forbidden)["64k"] == 0


@pytest.mark.usefixtures("huge_pages")
def test_a_reserved_backing_is_of_folios_of_its_own_size() -> None:
    """Nothing need be looked at."""
    counted = counters(backing="hugetlb_2m", page_bytes=2 * child.MIB)

    assert {size: count for size, count in at("before", counted).items() if count} == {"2m": REGION}


def test_who_may_not_know_frames_has_no_folios_and_all_else() -> None:
    """Unknown is empty and never 0; what is counted host-wide and the nodes need no privilege."""
    require("root", os.geteuid() == 0, "only root can become somebody else")

    def run() -> dict[str, int | None]:
        os.setgroups([])
        os.setresuid(65534, 65534, 65534)
        return native.run_trial(child.params(region_bytes=REGION)).counters

    counted = in_child(run)

    assert {counted[name] for name in FOLIOS} == {None}
    assert counted["folio_64k_splits"] is not None or not list(THP.glob("hugepages-64kB/stats/split"))
    assert counted["folio_splits"] is not None or not list(THP.glob("hugepages-64kB/stats/split"))
    assert counted["node0_bytes"] is not None


@pytest.mark.parametrize("workload", ["swap", "permute", "move", "limit"])
def test_the_region_lies_on_nodes_that_the_host_has(workload: str) -> None:
    """Its bytes add up, and a node that is not there has none."""
    counted = counters(workload=workload)
    present = {f"node{path.name[4:]}_bytes" for path in pathlib.Path("/sys/devices/system/node").glob("node[0-9]")}

    assert sum(counted[name] or 0 for name in NODES) == pytest.approx(REGION, rel=0.01)
    assert {name for name in NODES if counted[name] is not None} == present | {"node0_bytes"}
    assert counted["cpu_node"] is not None


def test_a_region_on_two_nodes_has_a_share_on_each(shim: pathlib.Path) -> None:
    """As the kernel says page by page."""
    answer = run_faulty(shim, child.params(region_bytes=REGION), call="nodes", how="two")

    assert [answer["counters"][name] for name in NODES[:2]] == [REGION // 2, REGION // 2]


def test_nodes_that_take_pages_in_turn_each_have_about_half(shim: pathlib.Path) -> None:
    """The pages that are looked at are in no step that could meet one node alone."""
    answer = run_faulty(shim, child.params(region_bytes=REGION), call="nodes", how="turns")

    assert [answer["counters"][name] for name in NODES[:2]] == pytest.approx([REGION / 2] * 2, rel=1 / 8)


def test_a_filter_that_hides_nodes_leaves_the_only_one(shim: pathlib.Path) -> None:
    """As in a container: where there are several nodes, nothing is known."""
    answer = run_faulty(shim, child.params(region_bytes=REGION), call="nodes", how=errno.EPERM)
    has_more = pathlib.Path("/sys/devices/system/node/node1").exists()

    assert answer["counters"]["node0_bytes"] == (None if has_more else REGION)


def test_a_workload_without_a_region_has_no_place() -> None:
    """A call's memory is the method's own."""
    counted = child.run(child.params("getpid", workload="call")).counters

    assert {counted[name] for name in (*FOLIOS, *NODES)} == {None}


def test_refusals_are_counted_for_who_asks_the_kernel_to_move_pages() -> None:
    """Nobody else is refused anything, so for others there is nothing to count."""
    assert counters("memcpy")["move_retries"] is None
    assert counters("uffd_move", backing="private_anon")["move_retries"] is not None
