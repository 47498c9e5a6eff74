"""Whether perf can sample here is said beforehand with its cure, and what perf itself says is passed on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from agent.host.laid_out import lay_out
from requirement import require

from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.trial import perf
from pageswap.agent.trial.perf import PerfError, Recording

ROOT = Path(__file__).parents[3]
PARANOID = "/proc/sys/kernel/perf_event_paranoid"
STATUS = "/proc/self/status"
WORKS = "echo perf version 6.1.0"
# What Debian's and Ubuntu's script says in place of a perf that is not of the running kernel.
DEBIAN = (
    "echo '/usr/bin/perf: line 13: exec: perf_5.10: not found' >&2; echo 'E: linux-perf-5.10 is not installed.' >&2"
)
UBUNTU = "echo 'WARNING: perf not found for kernel 5.15.0-91' >&2"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where a test's own perf may lie: there is no other program in PATH but a shell's."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder / "perf"


def write(program: Path, script: str) -> None:
    """Make a program of a shell's words."""
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)


def test_without_the_program_its_package_is_named(program: Path) -> None:
    """Of the distributions that have it."""
    assert not program.exists()
    assert perf.problem(HostFiles()).startswith("there is no program perf in PATH; install the one of the kernel that")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (f"{DEBIAN}; exit 1", "perf_5.10: not found E: linux-perf-5.10 is not installed."),
        (f"{UBUNTU}; exit 2", "WARNING: perf not found for kernel 5.15.0-91"),
        ("exit 1", "it says nothing"),
        ("echo something else", "something else"),
        ("echo perf version 6.1; exit 3", "perf version 6.1"),
    ],
)
def test_a_script_in_its_place_is_no_perf(program: Path, script: str, said: str) -> None:
    """It has the name, but looks for a perf of the running kernel's version, and tells how it is called."""
    write(program, script)
    problem = perf.problem(HostFiles())

    assert problem.startswith(f"{program} does not run: ")
    assert said in problem
    assert "linux-perf" in problem.rpartition(";")[2]


def test_what_is_no_program_does_not_run(program: Path) -> None:
    """As one of another machine."""
    program.write_bytes(b"\x7fELF")
    program.chmod(0o700)

    assert perf.problem(HostFiles()).startswith(f"{program} does not run: [Errno 8]")


@pytest.mark.parametrize(
    ("level", "capabilities", "problem"),
    [
        ("2", "0000000000000000", "kernel.perf_event_paranoid is 2, which keeps the kernel's functions from this user"),
        ("4", "000001bfffdfffff", "kernel.perf_event_paranoid is 4"),
        ("1", "0000000000000000", ""),
        ("-1", "0000000000000000", ""),
        ("2", "0000004000000000", ""),
        ("2", "0000000000200000", ""),
        (None, "000001ffffffffff", "this kernel counts no performance events"),
    ],
)
def test_who_may_sample_the_kernel(
    program: Path, tmp_path: Path, level: str | None, capabilities: str, problem: str
) -> None:
    """By the setting, unless with CAP_PERFMON or CAP_SYS_ADMIN; a kernel without the setting has no events."""
    write(program, WORKS)
    told = {STATUS: f"Name:\tx\nCapEff:\t{capabilities}\n", **({} if level is None else {PARANOID: f"{level}\n"})}
    said = perf.problem(lay_out(tmp_path / "host", told))

    assert said.startswith(problem) if problem else said == ""
    assert ("sysctl -w kernel.perf_event_paranoid=1" in said) == ("paranoid" in problem)


def test_a_user_without_rights_hears_so_from_this_host() -> None:
    """Root without its capabilities, as in a container."""
    require("root", os.geteuid() == 0, "needs root, to give up its rights")
    require("perf", shutil.which("perf"), "needs perf: apt-get install linux-perf")
    if (HostFiles().setting("kernel.perf_event_paranoid") or 0) <= 1:
        pytest.skip("this host lets everybody sample its kernel")
    words = "from pageswap.agent.host.host_files import HostFiles; from pageswap.agent.trial.perf import problem"
    command = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", sys.executable, "-P", "-c"]
    command.append(f"{words}; print(problem(HostFiles()))")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)

    assert "which keeps the kernel's functions from this user; run as root" in done.stdout


@pytest.mark.parametrize(
    ("devices", "events"),
    [
        (["software"], ("cpu-clock",)),
        (["cpu"], ("cycles:P", "cpu-clock")),
        (["cpu_atom", "cpu_core"], ("cycles:P", "cpu-clock")),
    ],
)
def test_cycles_are_sampled_where_a_processor_counts_them(
    tmp_path: Path, devices: list[str], events: tuple[str, ...]
) -> None:
    """And the timer elsewhere, or where the counter counts nothing."""
    files = lay_out(tmp_path, {f"/sys/bus/event_source/devices/{name}/type": "4\n" for name in devices})

    assert perf.events(files) == events


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'Error: Access to performance monitoring is limited.' >&2; exit 255", "seccomp filter"),
        ("echo 'Permission error mapping pages.' >&2; exit 255", "CAP_PERFMON"),
        ('echo "Error: unknown option \\`control=fd:5,8\'" >&2; exit 129', "use perf 5.10 or newer"),
        ("exit 1", "it does not answer"),
        ("echo no room >&2; exit 1", "perf cannot sample here: no room"),
    ],
)
def test_a_perf_that_refuses_is_quoted_with_a_cure(program: Path, tmp_path: Path, script: str, said: str) -> None:
    """And none of its files stays."""
    write(program, script)
    folder = tmp_path / "work"
    folder.mkdir()
    with Recording(f"{folder}/perf.data", "cpu-clock") as recording, pytest.raises(PerfError) as caught:
        recording.begin()

    assert said in str(caught.value)
    assert list(folder.iterdir()) == []
