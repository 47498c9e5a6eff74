"""Cores and NUMA nodes are read as the kernel lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from agent.host.laid_out import cores, lay_out, numa

from pageswap.agent.host import topology

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("0\n", {0}),
        ("0-3,8", {0, 1, 2, 3, 8}),
        ("0-1, 4-5\n", {0, 1, 4, 5}),
        ("", set()),
        (None, set()),
        ("all", set()),
    ],
)
def test_a_list_of_cpus_is_a_set(text: str | None, cpus: set[int]) -> None:
    """Ranges and single ones; what is no list is empty."""
    assert cpus == topology.cpu_list(text)


def test_the_other_threads_of_a_core_are_its_siblings(tmp_path: Path) -> None:
    """A core with one thread has none, and where the kernel is silent nothing is known."""
    files = lay_out(tmp_path, cores("0,2", "1"))

    assert [{2}, {0}, set(), None] == [topology.siblings(files, cpu) for cpu in (0, 2, 1, 9)]


def test_each_cpu_lies_on_its_node(tmp_path: Path) -> None:
    """Nodes come in their order, ten after two; a CPU that is on none is left out."""
    names = {f"/sys/devices/system/node/{name}/cpulist": text for name, text in {"node10": "8", "node2": "4-7"}.items()}
    files = lay_out(tmp_path, numa("0-3") | names | {"/sys/devices/system/node/possible": "0-10"})

    assert {"0": "0-3", "2": "4-7", "10": "8"} == topology.nodes(files)
    assert ["0", "2", "10"] == list(topology.nodes(files))
    assert {3: 0, 5: 2, 8: 10} == topology.nodes_of(files, [3, 5, 8, 77])
    assert {} == topology.nodes(lay_out(tmp_path / "other", {}))
