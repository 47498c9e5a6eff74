"""What would spoil a measurement is found, graded, and comes with its cure."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from requirement import require

from pageswap.agent.host import doctor
from pageswap.agent.host.doctor import Finding, Leftover
from pageswap.agent.host.host_files import HostFiles

if TYPE_CHECKING:
    from pathlib import Path

_CPU = max(os.sched_getaffinity(0))
_STAT = "cpu  {user} 0 0 0 0 0 0 {steal} 0 0\ncpu0 1 2 3\n"


def _examine(
    root: Path, files: dict[str, str], holder: dict[str, Any] | None = None, leftover: Leftover | None = None
) -> dict[str, Finding]:
    for name, text in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    findings = doctor.examine(HostFiles(str(root)), str(root), holder, leftover or Leftover("none"))
    return {finding.check: finding for finding in findings}


def test_a_host_that_tells_nothing_has_nothing_wrong_but_says_so(tmp_path: Path) -> None:
    """What cannot be read is neither good nor bad, and never an error."""
    findings = _examine(tmp_path, {})

    for check in ("governor", "turbo", "mitigations", "load", "hypervisor", "clocksource", "memory", "swap", "thp"):
        assert findings[check] == Finding(check, "ok", "not readable here")


def test_this_host_is_examined_whole() -> None:
    """Every check has a grade and words; what is not ok has a cure."""
    findings = doctor.examine(HostFiles(), "/tmp", None, Leftover("none"))  # noqa: S108 - any folder's disk

    assert len({finding.check for finding in findings}) == len(findings) == 21
    for finding in findings:
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

    finding = _examine(tmp_path, {path: bad})[check]
    assert finding.status == status
    assert finding.cure

    finding = _examine(tmp_path, {path: good})[check]
    assert finding.status == "ok"
    assert not finding.cure


def test_stolen_time_of_a_virtual_machine_is_a_warning(tmp_path: Path) -> None:
    """Being virtual is not."""
    cpuinfo = {"/proc/cpuinfo": "flags : hypervisor"}

    assert _examine(tmp_path, {**cpuinfo, "/proc/stat": _STAT.format(user=990, steal=1)})["hypervisor"].status == "ok"
    finding = _examine(tmp_path, {**cpuinfo, "/proc/stat": _STAT.format(user=90, steal=10)})["hypervisor"]
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

    assert _examine(tmp_path, files)["memory"] == Finding(
        "memory", "warn", "400 MiB available", "free memory, or use a smaller region_size"
    )


def test_a_cpu_that_is_pinned_to_must_be_there(tmp_path: Path) -> None:
    """Its own governor counts, not the last CPU's."""
    other = min(os.sched_getaffinity(0))
    path = tmp_path / f"sys/devices/system/cpu/cpu{other}/cpufreq/scaling_governor"
    path.parent.mkdir(parents=True)
    path.write_text("powersave")

    found = {f.check: f for f in doctor.examine(HostFiles(str(tmp_path)), "/", None, Leftover("none"), cpu=other)}
    assert found["governor"].status == "warn"
    assert found["cpus"].status != "bad"
    found = {f.check: f for f in doctor.examine(HostFiles(str(tmp_path)), "/", None, Leftover("none"), cpu=8191)}
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
    laid_out = {f"/etc/systemd/{name}": text for name, text in files.items()}
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert _examine(tmp_path, laid_out)["logout"].status == status

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert _examine(tmp_path, laid_out)["logout"].status == "ok"


def test_a_folder_where_no_program_may_run_is_bad(tmp_path: Path) -> None:
    """The core is a program."""
    require("mount", os.geteuid() == 0, "needs root to mount")
    assert _examine(tmp_path, {})["executable"].status == "ok"
    mount = ["mount", "-t", "tmpfs", "-o", "noexec,size=64k", "tmpfs", str(tmp_path)]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    require("mount", mounted.returncode == 0, "cannot mount here")
    try:
        finding = _examine(tmp_path, {})["executable"]
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)

    assert finding.status == "bad"
    assert "mounted noexec" in finding.found
    assert "workdir" in finding.cure


def test_a_held_lease_names_its_holder(tmp_path: Path) -> None:
    """Whoever runs doctor wants to know whom to ask."""
    holder = {"pid": 7, "user": "ann", "run_id": "r9", "since": "2025"}

    finding = _examine(tmp_path, {}, holder)["lease"]

    assert (finding.status, finding.found) == ("warn", "measured by process 7 of user ann, run r9, since 2025")


@pytest.mark.parametrize(("state", "status"), [("none", "ok"), ("in use", "ok"), ("restored", "warn"), ("left", "bad")])
def test_settings_left_changed_are_graded_by_what_became_of_them(tmp_path: Path, state: str, status: str) -> None:
    """Restored now is a warning, still changed is bad."""
    assert _examine(tmp_path, {}, None, Leftover(state, "vm.max_map_count=65530"))["tunables"].status == status
