"""Which CPUs are measured on, and which are left to everything else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from agent.harness import Host, make_trial
from agent.host.laid_out import cores, lay_out, numa
from requirement import require

from pageswap.agent.host.cpus import cpu_list, measured_cpus, nodes, nodes_of, siblings
from pageswap.agent.host.host_files import HostFiles
from pageswap.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def silent(tmp_path: Path) -> HostFiles:
    """Return a host that tells nothing of its cores and nodes."""
    return HostFiles(str(tmp_path))


class TestPinning:
    """The inventory may say on which CPU the first thread runs."""

    def test_the_cpu_asked_for_is_measured_on(self, host: Host) -> None:
        """And the agent keeps to another; the journal's first line says which."""
        allowed = sorted(os.sched_getaffinity(0))
        require("cpus", len(allowed) > 1, "needs two CPUs")
        host.start(make_trial("good"), make_trial("good"), cpu=allowed[0])
        lines = host.finish()

        assert lines[0]["measured_cpus"] == [allowed[0]]
        assert [trial["cpu"] for trial in host.trials()] == [allowed[0]] * 2

    def test_a_cpu_that_is_not_there_is_an_error_with_its_cure(self, host: Host) -> None:
        """Told to the starter, before anything runs."""
        answer = host.call("start", job=host.job(make_trial(), cpu=8191))

        assert "CPU 8191, which the inventory pins trials to, is not among those allowed here" in answer["error"]
        assert "change the host's cpu in the inventory" in answer["error"]
        assert not (host.work_dir / "journal.jsonl").exists()

    def test_the_rest_is_for_everything_else(self, monkeypatch: pytest.MonkeyPatch, silent: HostFiles) -> None:
        """The chosen CPU comes first, the others as usual; with as many threads as CPUs they share."""
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})

        assert measured_cpus(silent, 1) == ((3, 2, 1, 0), {0, 1, 2})
        assert measured_cpus(silent, 1, 1) == ((1, 3, 2, 0), {0, 2, 3})
        assert measured_cpus(silent, 2, 1) == ((1, 3, 2, 0), {0, 2})
        assert measured_cpus(silent, 4, 1) == ((1, 3, 2, 0), {0, 2, 3})
        with pytest.raises(HostError, match=r"CPU 4, .* 0, 1, 2, 3"):
            measured_cpus(silent, 1, 4)


class TestCores:
    """Two threads of one core share its units and caches."""

    @pytest.mark.parametrize(
        ("groups", "ordered"),
        [
            (("0,1", "2,3"), (3, 1, 2, 0)),
            (("0,2", "1,3"), (3, 2, 1, 0)),
            (("0", "1", "2", "3"), (3, 2, 1, 0)),
            (("0,1,2,3",), (3, 2, 1, 0)),
        ],
    )
    def test_distinct_cores_come_first(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, groups: tuple[str, ...], ordered: tuple[int, ...]
    ) -> None:
        """Then the further threads of cores that are taken."""
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})

        assert ordered == measured_cpus(lay_out(tmp_path, cores(*groups)), 2)[0]

    def test_the_rest_leaves_the_siblings_of_measured_cpus_alone(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Unless there is nothing else."""
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
        files = lay_out(tmp_path, cores("0,1", "2,3"))

        assert {0, 1} == measured_cpus(files, 1)[1]
        assert {0, 2} == measured_cpus(files, 2)[1]

    def test_a_core_of_the_same_node_is_nearer_than_one_of_another(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """But a core of its own on another node is better than a shared one."""
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3, 4, 5})
        files = lay_out(tmp_path, numa("0,2,4", "1,3,5") | cores("0", "2", "4", "1,5", "3"))

        assert (5, 3, 4, 2, 0, 1) == measured_cpus(files, 2)[0]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0\n", {0}),
        ("0-3,8", {0, 1, 2, 3, 8}),
        ("0-1, 4-5\n", {0, 1, 4, 5}),
        ("", set()),
        (None, set()),
        ("all", set()),
    ],
)
def test_a_list_of_cpus_is_a_set(text: str | None, numbers: set[int]) -> None:
    """Ranges and single ones; what is no list is empty."""
    assert numbers == cpu_list(text)


def test_the_other_threads_of_a_core_are_its_siblings(tmp_path: Path) -> None:
    """A core with one thread has none, and where the kernel is silent nothing is known."""
    files = lay_out(tmp_path, cores("0,2", "1"))

    assert [{2}, {0}, set(), None] == [siblings(files, cpu) for cpu in (0, 2, 1, 9)]


def test_each_cpu_lies_on_its_node(tmp_path: Path) -> None:
    """Nodes come in their order, ten after two; a CPU that is on none is left out."""
    names = {f"/sys/devices/system/node/{name}/cpulist": text for name, text in {"node10": "8", "node2": "4-7"}.items()}
    files = lay_out(tmp_path, numa("0-3") | names | {"/sys/devices/system/node/possible": "0-10"})

    assert {"0": "0-3", "2": "4-7", "10": "8"} == nodes(files)
    assert ["0", "2", "10"] == list(nodes(files))
    assert {3: 0, 5: 2, 8: 10} == nodes_of(files, [3, 5, 8, 77])
    assert {} == nodes(lay_out(tmp_path / "other", {}))
