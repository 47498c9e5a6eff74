"""A core that cannot run on a host says so with the cure, whatever keeps it from loading."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from requirement import require

from pageswap.agent.daemon.host_context import HostContext
from pageswap.errors import HostError
from pageswap.fleet.provision.bundle import make_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _fail() -> None:
    raise ImportError("GLIBC_9.9 not found")


def test_a_core_for_another_system_is_an_error_with_its_cure() -> None:
    """The loader's own words, and how to get one that loads."""
    with pytest.raises(HostError, match=r"does not load on this host: GLIBC_9\.9 not found; 'inv build --hosts'"):
        HostContext(load_core=_fail).core()


@pytest.fixture
def noexec(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system that nothing may be run from."""
    require("mount", os.geteuid() == 0, "needs root to mount")
    mount = ["mount", "-t", "tmpfs", "-o", "noexec,size=16m,mode=0700", "tmpfs", str(tmp_path)]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    require("mount", mounted.returncode == 0, "cannot mount here")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


@pytest.mark.parametrize("verb", ["facts", "start"])
def test_a_bundle_where_nothing_may_run_names_the_mount(noexec: Path, verb: str) -> None:
    """Python reads its modules there, but the core is mapped as a program."""
    bundle = make_bundle().write_below(noexec / "bundles")
    job = {
        "run_id": "r",
        "experiment": "e",
        "host": "h",
        "segment": 1,
        "lease_s": 5.0,
        "tune": False,
        "wait": True,
        "trials": [],
        "format": 1,
    }
    document = json.dumps({"work_dir": f"{noexec}/runs/r/h/1", "job": job})

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", bundle, verb], input=document, capture_output=True, text=True, check=False
    )
    answer = json.loads(done.stdout.splitlines()[-1])

    assert (done.returncode, done.stderr) == (1, "")
    assert "is on a file system mounted noexec: give the host a workdir in hosts.yaml" in answer["error"]
    assert not (noexec / "runs/r/h/1/journal.jsonl").exists()
