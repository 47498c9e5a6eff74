"""What runs on another thread of the measured core is a disturbance that doctor names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from agent.host.laid_out import cores, lay_out

from pageswap.agent.host import cpu_checks

if TYPE_CHECKING:
    from pathlib import Path

    from pageswap.agent.host.finding import Finding


def siblings(root: Path, files: dict[str, str], cpu: int | None) -> Finding:
    """Return what is found of the measured CPU's core."""
    (found,) = (each for each in cpu_checks.check(lay_out(root, files), cpu) if each.check == "siblings")
    return found


def test_a_shared_core_is_a_warning_with_its_cure(tmp_path: Path) -> None:
    """It says which CPUs to switch off."""
    found = siblings(tmp_path, cores("0,4,8"), 4)

    assert "warn" == found.status
    assert "CPU 4 shares its core with CPU 0, 8" in found.found
    assert "/sys/devices/system/cpu/cpu0/online /sys/devices/system/cpu/cpu8/online" in found.cure


@pytest.mark.parametrize("cpu", [4, None])
def test_a_core_of_its_own_is_fine(tmp_path: Path, cpu: int | None) -> None:
    """The last CPU allowed is looked at where none is named."""
    last = max(os.sched_getaffinity(0))
    found = siblings(tmp_path, cores("4") | cores(str(last)), cpu)

    assert ("ok", f"CPU {last if cpu is None else cpu} has its core for itself") == (found.status, found.found)


def test_a_host_that_tells_nothing_of_its_cores_is_not_blamed(tmp_path: Path) -> None:
    """Containers hide them."""
    assert ("ok", "not readable here") == (siblings(tmp_path, {}, 4).status, siblings(tmp_path, {}, 4).found)
