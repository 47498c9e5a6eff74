"""The clock and the throttling of the measured CPU are read where the host has them, and are unknown elsewhere."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path

import child
import pytest
from requirement import require

from pageswap import native

CPUS = Path("/sys/devices/system/cpu")
NAMES = ("cpu_khz_before", "cpu_khz_after", "throttle_count")
_CLONE_NEWNS = 0x00020000


def _files_in_place(cpu: int, files: dict[str, str]) -> None:
    """Lay `files` over the CPU's folder of sysfs, in a mount namespace of this process's own."""
    if ctypes.CDLL(None).unshare(_CLONE_NEWNS) != 0:
        raise PermissionError
    folder = CPUS / f"cpu{cpu}"
    # /sys rather than /, which in a chroot is no mount.
    subprocess.run(["mount", "--make-rprivate", "/sys"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def _counters(files: dict[str, str]) -> dict[str, int | None]:
    """Give the counters of a trial on a host with these files."""
    cpu = max(os.sched_getaffinity(0))
    require("mount", os.geteuid() == 0 and (CPUS / f"cpu{cpu}").is_dir(), "needs root to lay files over sysfs")
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _files_in_place(cpu, files)
            trial = child.params(region_bytes=4 * child.MIB, iterations=2000, cpus=(cpu,))
            counters = native.run_trial(trial).counters
            os.write(write, repr({name: counters[name] for name in NAMES}).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(pid, 0)
    with os.fdopen(read) as answer:
        found: dict[str, int | None] = eval(answer.read(), {})  # noqa: S307 - written a few lines above
    return found


def test_the_clock_and_throttling_are_read_from_the_measured_cpu() -> None:
    """In kHz; the throttling is how often it happened while the rounds ran."""
    found = _counters({"cpufreq/scaling_cur_freq": "3123456\n", "thermal_throttle/core_throttle_count": "17\n"})

    assert found == {"cpu_khz_before": 3_123_456, "cpu_khz_after": 3_123_456, "throttle_count": 0}


@pytest.mark.parametrize("files", [{}, {"cpufreq/scaling_cur_freq": "<unknown>\n"}])
def test_what_a_host_does_not_tell_is_unknown(files: dict[str, str]) -> None:
    """Never 0."""
    assert _counters(files) == dict.fromkeys(NAMES)
