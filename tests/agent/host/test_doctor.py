"""What would spoil a measurement is found, graded, and comes with its cure."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from agent.host.laid_out import cores, lay_out, numa, source
from requirement import require

from pageswap.agent.host import doctor
from pageswap.agent.host.doctor import Host, HostCheck
from pageswap.agent.host.environment import read_environment
from pageswap.agent.host.host_files import HostFiles

if TYPE_CHECKING:
    from pathlib import Path

    Findings = dict[str, HostCheck]

_CPU = max(os.sched_getaffinity(0))
THP = "/sys/kernel/mm/transparent_hugepage"
BALANCING = "/proc/sys/kernel/numa_balancing"
_STAT = "cpu  {user} 0 0 0 0 0 0 {steal} 0 0\ncpu0 1 2 3\n"


def examine(files: HostFiles, cache: str, holder: dict[str, Any] | None = None, cpu: int | None = None) -> Findings:
    """Examine a host by its files, and return each check's finding by its name."""
    examined = source(files, cpu)
    host = Host(read_environment(examined, {}), files, examined.measured_cpus[0], cache, holder)
    return {finding.check: finding for finding in doctor.examine(host)}


def laid_out(root: Path, files: dict[str, str], cpu: int | None = None) -> Findings:
    """Examine a host with these files."""
    return examine(lay_out(root, files), str(root), cpu=cpu)


def test_a_host_that_tells_nothing_has_nothing_wrong_but_says_so(tmp_path: Path) -> None:
    """What cannot be read is neither good nor bad, and never an error."""
    findings = laid_out(tmp_path, {})

    for check in ("governor", "turbo", "mitigations", "load", "hypervisor", "clocksource", "memory", "swap", "thp"):
        assert findings[check] == HostCheck(check, "ok", "not readable here")


def test_this_host_is_examined_whole() -> None:
    """Every check has a grade and words; what is not ok has a cure."""
    findings = examine(HostFiles(), "/tmp")  # noqa: S108 - any folder's disk

    assert len(findings) == 20
    for finding in findings.values():
        assert finding.status in ("ok", "warn", "bad")
        assert finding.found
        assert bool(finding.cure) == (finding.status != "ok")


@pytest.mark.parametrize(
    ("path", "bad", "good", "expected"),
    [
        (f"/sys/devices/system/cpu/cpu{_CPU}/cpufreq/scaling_governor", "powersave", "performance", "governor: warn"),
        ("/sys/devices/system/cpu/intel_pstate/no_turbo", "0", "1", "turbo: warn"),
        ("/proc/loadavg", "900 1 1 1/1 1", "0.01 1 1 1/1 1", "load: bad"),
        ("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet", "tsc", "clocksource: warn"),
        ("/proc/meminfo", "MemAvailable: 1000 kB", "MemAvailable: 4000000 kB", "memory: warn"),
        ("/proc/meminfo", "SwapTotal: 9000 kB\nSwapFree: 1 kB", "SwapTotal: 9 kB\nSwapFree: 9 kB", "swap: warn"),
        ("/sys/kernel/mm/transparent_hugepage/enabled", "[always] never", "always [madvise]", "thp: warn"),
        ("/proc/sys/vm/max_map_count", "65530", "262144", "mappings: warn"),
    ],
)
def test_each_spoiler_is_graded_and_its_absence_is_ok(
    tmp_path: Path, path: str, bad: str, good: str, expected: str
) -> None:
    """The same file, with a bad and a good value."""
    check, status = expected.split(": ")

    finding = laid_out(tmp_path, {path: bad})[check]
    assert finding.status == status
    assert finding.cure

    finding = laid_out(tmp_path, {path: good})[check]
    assert finding.status == "ok"
    assert not finding.cure


def test_stolen_time_of_a_virtual_machine_is_a_warning(tmp_path: Path) -> None:
    """Being virtual is not."""
    cpuinfo = {"/proc/cpuinfo": "flags : hypervisor"}

    assert laid_out(tmp_path, {**cpuinfo, "/proc/stat": _STAT.format(user=990, steal=1)})["hypervisor"].status == "ok"
    finding = laid_out(tmp_path, {**cpuinfo, "/proc/stat": _STAT.format(user=90, steal=10)})["hypervisor"]
    assert finding.status == "warn"
    assert "10.0% of its CPU time" in finding.found


def test_a_control_groups_limit_counts_as_free_memory(tmp_path: Path) -> None:
    """What is free on the host is not what this process may have."""
    files = {
        "/proc/meminfo": "MemAvailable: 8000000 kB",
        "/proc/self/cgroup": "0::/",
        "/proc/self/mountinfo": "1 2 0:3 / /cg rw - cgroup2 cgroup2 rw",
        "/cg/memory.max": str(512 << 20),
        "/cg/memory.current": str(112 << 20),
    }

    assert laid_out(tmp_path, files)["memory"] == HostCheck(
        "memory", "warn", "400 MiB available", "free memory, or use a smaller region_size"
    )


def test_a_cpu_that_is_pinned_to_must_be_there(tmp_path: Path) -> None:
    """Its own governor counts, not the last CPU's."""
    other = min(os.sched_getaffinity(0))
    path = tmp_path / f"sys/devices/system/cpu/cpu{other}/cpufreq/scaling_governor"
    path.parent.mkdir(parents=True)
    path.write_text("powersave")

    found = examine(HostFiles(str(tmp_path)), "/", cpu=other)
    assert found["governor"].status == "warn"
    assert found["cpus"].status != "bad"
    found = examine(HostFiles(str(tmp_path)), "/", cpu=8191)
    assert found["cpus"].status == "bad"
    assert "hosts.yaml" in found["cpus"].cure


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({"logind.conf": "[Login]\n#KillUserProcesses=yes\n"}, "ok"),
        ({"logind.conf": "[Login]\nKillUserProcesses = yes\n"}, "warn"),
        ({"logind.conf": "KillUserProcesses=yes\n", "logind.conf.d/50.conf": "KillUserProcesses=no\n"}, "ok"),
        (
            {"logind.conf.d/50.conf": "KillUserProcesses=yes\n", "logind.conf.d/60.txt": "KillUserProcesses=no\n"},
            "warn",
        ),
    ],
)
def test_a_host_that_kills_at_logout_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], status: str
) -> None:
    """For who is not root; the last file that says so counts."""
    logind = {f"/etc/systemd/{name}": text for name, text in files.items()}
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert laid_out(tmp_path, logind)["logout"].status == status

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert laid_out(tmp_path, logind)["logout"].status == "ok"


def test_a_folder_where_no_program_may_run_is_bad(tmp_path: Path) -> None:
    """The core is a program."""
    require("mount", os.geteuid() == 0, "needs root to mount")
    assert laid_out(tmp_path, {})["executable"].status == "ok"
    mount = ["mount", "-t", "tmpfs", "-o", "noexec,size=64k", "tmpfs", str(tmp_path)]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    require("mount", mounted.returncode == 0, "cannot mount here")
    try:
        finding = laid_out(tmp_path, {})["executable"]
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)

    assert finding.status == "bad"
    assert "mounted noexec" in finding.found
    assert "workdir" in finding.cure


def test_a_held_lease_names_its_holder(tmp_path: Path) -> None:
    """Whoever runs doctor wants to know whom to ask."""
    holder = {"pid": 7, "user": "ann", "run_id": "r9", "since": "2025"}

    finding = examine(HostFiles(str(tmp_path)), str(tmp_path), holder)["lease"]

    assert (finding.status, finding.found) == ("warn", "measured by process 7 of user ann, run r9, since 2025")
    assert finding.cure == "wait for it with --wait, or stop that run"


def test_a_lease_that_no_agent_keeps_can_be_got_round(tmp_path: Path) -> None:
    """There is no run to stop, and waiting may never end."""
    holder = {"pid": 7, "user": "ann", "run_id": None, "since": None, "note": "sleep 9: it does not listen"}

    finding = examine(HostFiles(str(tmp_path)), str(tmp_path), holder)["lease"]

    assert finding.found == "measured by process 7 of user ann (sleep 9: it does not listen)"
    assert finding.cure.endswith(", or measure beside it as root with --ignore-lease")


def test_a_shared_core_is_a_warning_with_its_cure(tmp_path: Path) -> None:
    """It says which CPUs to switch off."""
    found = laid_out(tmp_path, cores("0,4,8"), 4)["siblings"]

    assert "warn" == found.status
    assert "CPU 4 shares its core with CPU 0, 8" in found.found
    assert "/sys/devices/system/cpu/cpu0/online /sys/devices/system/cpu/cpu8/online" in found.cure


@pytest.mark.parametrize("cpu", [4, None])
def test_a_core_of_its_own_is_fine(tmp_path: Path, cpu: int | None) -> None:
    """The last CPU allowed is looked at where none is named."""
    last = max(os.sched_getaffinity(0))
    found = laid_out(tmp_path, cores("4") | cores(str(last)), cpu)["siblings"]

    assert ("ok", f"CPU {last if cpu is None else cpu} has its core for itself") == (found.status, found.found)


def test_a_host_that_tells_nothing_of_its_cores_is_not_blamed(tmp_path: Path) -> None:
    """Containers hide them."""
    found = laid_out(tmp_path, {}, 4)["siblings"]

    assert ("ok", "not readable here") == (found.status, found.found)


@pytest.mark.parametrize(
    ("kernel", "unprivileged", "status"),
    [("5.10.0-32-amd64", "1", "warn"), ("5.11.0", "0", "ok"), ("6.1.0-50-cloud-amd64", "1", "ok"), ("7.2", "", "warn")],
)
def test_userfaultfd_is_of_use_since_it_serves_user_space_alone(
    tmp_path: Path, kernel: str, unprivileged: str, status: str
) -> None:
    """That no method here can use an older kernel's, whatever users are allowed, is said with its cure."""
    files = {"/proc/sys/vm/unprivileged_userfaultfd": f"{unprivileged}\n"} if unprivileged else {}
    examined = source(lay_out(tmp_path, files))
    host = Host({**read_environment(examined, {}), "kernel": kernel}, examined.files, _CPU, str(tmp_path))
    found = {finding.check: finding for finding in doctor.examine(host)}["userfaultfd"]

    assert status == found.status
    assert ("6.8 for UFFDIO_MOVE" in found.cure) == (status == "warn")


class TestFolios:
    """A size's own setting outweighs the one for all."""

    @pytest.mark.parametrize(
        ("top", "size", "status"),
        [
            ("always madvise [never]", "[always] inherit madvise never", "warn"),
            ("always [madvise] never", "[always] inherit madvise never", "warn"),
            ("[always] madvise never", "always [inherit] madvise never", "warn"),
            ("always [madvise] never", "always [inherit] madvise never", "ok"),
            ("[always] madvise never", "always inherit [madvise] never", "ok"),
            ("[always] madvise never", "always inherit madvise [never]", "ok"),
        ],
    )
    def test_of_private_memory(self, tmp_path: Path, top: str, size: str, status: str) -> None:
        """Always, by itself or inherited; what must be asked for is fine."""
        found = laid_out(tmp_path, {f"{THP}/enabled": top, f"{THP}/hugepages-64kB/enabled": size})["folios"]

        assert status == found.status
        assert ("64kB of private memory" in found.found) == (status == "warn")
        assert ("hugepages-64kB/enabled" in found.cure) == (status == "warn")

    @pytest.mark.parametrize(
        ("top", "size", "status"),
        [
            ("always within_size advise [never] deny force", "[always] inherit within_size advise never", "warn"),
            ("always within_size advise [never] deny force", "always inherit [within_size] advise never", "warn"),
            ("always within_size advise never deny [force]", "always [inherit] within_size advise never", "warn"),
            ("always within_size advise [never] deny force", "always [inherit] within_size advise never", "ok"),
            ("[always] within_size advise never deny force", "always inherit within_size [advise] never", "ok"),
        ],
    )
    def test_of_shared_memory(self, tmp_path: Path, top: str, size: str, status: str) -> None:
        """It has words of its own."""
        files = {f"{THP}/shmem_enabled": top, f"{THP}/hugepages-2048kB/shmem_enabled": size}
        found = laid_out(tmp_path, files)["folios"]

        assert status == found.status
        assert ("2048kB of shared memory" in found.found) == (status == "warn")

    def test_huge_pages_that_follow_the_setting_for_all_are_told_with_it(self, tmp_path: Path) -> None:
        """Linux has them so from the start, and `never` as their own word would deny them to who asks, too."""
        sizes = {f"{THP}/hugepages-2048kB/enabled": "always [inherit] madvise never"}
        found = laid_out(tmp_path, {f"{THP}/enabled": "[always] madvise never", **sizes})

        assert ("warn", "ok") == (found["thp"].status, found["folios"].status)
        assert "echo madvise" in found["thp"].cure

    def test_an_older_kernel_has_no_sizes(self, tmp_path: Path) -> None:
        """Before 6.8."""
        assert "ok" == laid_out(tmp_path, {f"{THP}/enabled": "[always] madvise never"})["folios"].status


class TestNuma:
    """The kernel moves pages between nodes by itself."""

    def test_balancing_between_nodes_is_a_warning_with_its_cure(self, tmp_path: Path) -> None:
        """It names the node of the measured CPU."""
        found = laid_out(tmp_path, numa("0-3", "4-7") | {BALANCING: "1\n"}, cpu=5)["numa"]

        assert "warn" == found.status
        assert "2 nodes, CPU 5 on node 1" in found.found
        assert "as root: sysctl -w kernel.numa_balancing=0" == found.cure

    @pytest.mark.parametrize(
        ("files", "words"),
        [
            (numa("0-3", "4-7") | {BALANCING: "0\n"}, "2 nodes, CPU 5 on node 1; numa_balancing is off"),
            (numa("0-7") | {BALANCING: "1\n"}, "one node"),
            ({}, "not readable here"),
        ],
    )
    def test_without_it_or_without_nodes_all_is_well(self, tmp_path: Path, files: dict[str, str], words: str) -> None:
        """One node has nowhere to move a page to."""
        found = laid_out(tmp_path, files, cpu=5)["numa"]

        assert ("ok", words) == (found.status, found.found)


class TestPreload:
    """What takes the place of the C library's functions."""

    def test_the_systems_preload_is_a_warning(self, tmp_path: Path) -> None:
        """It names the file to empty."""
        found = laid_out(tmp_path, {"/etc/ld.so.preload": "/usr/lib/libjemalloc.so.2\n"})["preload"]

        assert "warn" == found.status
        assert "/etc/ld.so.preload holds /usr/lib/libjemalloc.so.2" in found.found
        assert "as root: empty /etc/ld.so.preload" == found.cure

    def test_a_host_without_is_fine(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As most are."""
        monkeypatch.delenv("LD_PRELOAD", raising=False)

        assert "ok" == laid_out(tmp_path, {})["preload"].status
