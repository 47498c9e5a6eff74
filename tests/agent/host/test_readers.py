"""What a host's files tell of it, read one by one, and which CPUs are measured on or left to everything else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from agent.harness import Host, make_trial
from agent.host.laid_out import cores, lay_out, numa
from requirement import require

from pageswap.agent.host import readers
from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.host.readers import Source, cpu_list, measured_cpus, nodes, nodes_of, siblings
from pageswap.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path

THP = "/sys/kernel/mm/transparent_hugepage"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"/sys/devices/system/cpu/intel_pstate/no_turbo": "1"}, False),
        ({"/sys/devices/system/cpu/intel_pstate/no_turbo": "0"}, True),
        ({"/sys/devices/system/cpu/cpufreq/boost": "1"}, True),
        ({"/sys/devices/system/cpu/cpufreq/boost": "0"}, False),
        ({"/sys/devices/system/cpu/cpufreq/boost": "what"}, None),
    ],
)
def test_turbo_is_read_from_either_driver(tmp_path: Path, files: dict[str, str], expected: object) -> None:
    """Intel's says "no turbo", the others say "boost"."""
    assert readers.turbo(Source(lay_out(tmp_path, files), (), ())) is expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"/proc/cpuinfo": "flags : fpu"}, "none"),
        ({"/proc/cpuinfo": "flags : fpu hypervisor"}, "present"),
        (
            {
                "/proc/cpuinfo": "flags : hypervisor",
                "/sys/class/dmi/id/sys_vendor": "QEMU\n",
                "/sys/class/dmi/id/product_name": "Standard PC",
            },
            "QEMU Standard PC",
        ),
        ({"/proc/cpuinfo": "flags : fpu", "/sys/hypervisor/type": "xen"}, "xen"),
    ],
)
def test_the_hypervisor_is_named_where_it_can_be(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    """A vendor's name on bare metal is not one."""
    assert readers.hypervisor(Source(lay_out(tmp_path, files), (), ())) == expected


def test_other_jobs_of_a_scheduler_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once, however many steps it has, and not the own one; who is in no job does not look."""
    commands = ("[12.batch]", "[12.extern]", "[7.0]", "[7.1]", "[134.batch]")
    files = {f"/proc/{number}/cmdline": f"slurmstepd: {text}\0" for number, text in enumerate(commands, 40)}
    host = lay_out(tmp_path, {**files, "/proc/50/cmdline": "sleep\0slurmstepd: [99.0]\0", "/proc/stat": "cpu 1"})

    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert readers.other_jobs(host) is None
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    assert readers.other_jobs(host) == 2
    assert readers.crowded(2) == "2 other jobs of the scheduler ran on the node"
    assert readers.crowded(1) == "1 other job of the scheduler ran on the node"
    assert readers.crowded(0) == ""


def test_each_folio_size_has_its_word(tmp_path: Path) -> None:
    """In the order of the sizes; some sizes have no file of the one kind or the other."""
    files = lay_out(
        tmp_path,
        {
            f"{THP}/hugepages-2048kB/enabled": "always [inherit] madvise never",
            f"{THP}/hugepages-64kB/enabled": "[always] inherit madvise never",
            f"{THP}/hugepages-64kB/shmem_enabled": "always inherit within_size advise [never]",
            f"{THP}/hugepages-64kB/stats/swpout": "7",
            f"{THP}/enabled": "always madvise [never]",
        },
    )

    assert [("64kB", "always"), ("2048kB", "inherit")] == list(readers.folio_sizes(files, "enabled").items())
    assert {"64kB": "never"} == readers.folio_sizes(files, "shmem_enabled")


def test_measured_cpus_have_their_siblings_and_nodes(tmp_path: Path) -> None:
    """Also those siblings that are not measured on; a core with one thread is left out."""
    files = lay_out(tmp_path, cores("0,2", "1") | numa("0-1", "2"))
    source = Source(files, (0, 1, 2), (2, 1))

    assert {"2": "0"} == readers.measured_siblings(source)
    assert {"2": 1, "1": 0} == readers.measured_nodes(source)


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
