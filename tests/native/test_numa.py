"""numa: on which NUMA nodes the region lies. With one node, what cannot be had is unavailable and says why."""

from __future__ import annotations

import errno
import functools
import os
import pathlib
from typing import TYPE_CHECKING

import child
import pytest
from faulty import run_faulty
from refusing import in_child, refuse
from requirement import require

from pageswap import native
from pageswap.errors import MethodUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

NODES = sorted(int(path.name[4:]) for path in pathlib.Path("/sys/devices/system/node").glob("node[0-9]*"))
MBIND, GET_MEMPOLICY, MOVE_PAGES = 237, 239, 279
BACKINGS = ("private_anon", "shared_anon", "memfd", "thp", "hugetlb_2m")


def bytes_on(result: native.TrialResult) -> dict[int, int]:
    """Give the bytes of the region on each node that has any."""
    found = {node: result.counters[f"node{node}_bytes"] or 0 for node in range(8)}
    return {node: size for node, size in found.items() if size}


@pytest.mark.parametrize("backing", BACKINGS)
@pytest.mark.usefixtures("huge_pages")
def test_a_local_region_lies_on_its_cpus_node(backing: str) -> None:
    """With two threads, each share on the node of its own CPU."""
    shape = child.shape("memcpy", backing)
    result = child.run_or_skip(child.params(numa="local", backing=backing, **shape))

    assert result.verified
    assert list(bytes_on(result)) == [result.counters["cpu_node"]]
    if backing == "private_anon":
        assert child.run_or_skip(child.params(numa="local", threads=2)).verified


@pytest.mark.skipif(len(NODES) > 1, reason="this host has several NUMA nodes: tests/bench/guest.py looks there")
@pytest.mark.parametrize("level", ["remote", "interleave"])
def test_what_needs_two_nodes_is_unavailable_on_one(level: str) -> None:
    """With the cure, and before anything is measured: by `plan` as well."""
    for ask in (native.run_trial, native.check_trial):
        text = in_child(functools.partial(told, ask, numa=level))

        assert "memory on one NUMA node only; use a host with more" in text


def told(ask: Callable[[native.TrialParams], object], **changes: str) -> str:
    """Give the reason why a trial is unavailable."""
    try:
        ask(child.params(**changes))
    except MethodUnavailableError as error:
        return str(error)
    return "available"


def test_a_files_pages_take_no_policy() -> None:
    """Its page cache is everybody's."""
    with pytest.raises(MethodUnavailableError, match=r"page cache of a file takes no NUMA policy|in memory \(tmpfs\)"):
        child.run(child.params(numa="local", backing="file"))


def test_what_is_mapped_anew_has_no_policy() -> None:
    """A mapping over what was given back forgets the nodes as it forgets advice."""
    with pytest.raises(MethodUnavailableError, match="whatever the region's NUMA policy was"):
        child.run(child.params("mmap_prot_none", workload="decommit", iterations=9, numa="local"))


@pytest.mark.parametrize(("number", "call"), [(MBIND, "mbind"), (GET_MEMPOLICY, "get_mempolicy")])
@pytest.mark.parametrize("errnum", [errno.EPERM, errno.ENOSYS])
def test_a_kernel_that_refuses_makes_it_unavailable(number: int, call: str, errnum: int) -> None:
    """As a container's filter does, and a kernel without NUMA; what asks for no node needs none of it."""

    def answers() -> list[str]:
        refuse(number, errnum)
        return [told(native.run_trial, numa=level) for level in ("local", "any")]

    local, anywhere = in_child(answers)

    assert call in local
    assert ("CAP_SYS_NICE" if errnum == errno.EPERM else "CONFIG_NUMA") in local
    assert anywhere == "available"


def test_a_region_that_lies_elsewhere_after_all_is_not_measured(shim: pathlib.Path) -> None:
    """The kernel is asked page by page when the rounds begin; here it says that half of them are on node 1."""
    require("numa", len(NODES) == 1, "this host has several nodes, and the region may lie on the second")
    answer = run_faulty(shim, child.params(numa="local"), call="nodes", how="two")

    assert "128 of 256 KiB lie on other NUMA nodes than asked for when the rounds begin" in answer["unavailable"]


def test_a_region_larger_than_its_node_is_refused_before_it_is_filled() -> None:
    """Bound to one node, it would end by the OOM killer."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // (2 * child.MIB) * 2 * child.MIB
    with pytest.raises(MethodUnavailableError, match=r"needs \d+ MiB on NUMA node \d+, which has \d+ MiB free"):
        child.run(child.params(numa="local", region_bytes=total, page_bytes=2 * child.MIB))
