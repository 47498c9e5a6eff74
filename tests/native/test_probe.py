"""A host that ends or hangs whoever makes a method's call lacks that method, and nothing else is harmed by asking."""

from __future__ import annotations

import errno
import json
import pathlib
import subprocess
import sys
from typing import Any

import child
import pytest
from refusing import in_child, refuse

from pageswap import native

FILTERED = pathlib.Path(__file__).resolve().parents[1] / "filtered.py"
METHODS = (
    "import dataclasses, json; from pageswap import native;"
    "print(json.dumps([dataclasses.asdict(method) for method in native.methods()]))"
)
AVAILABLE = {method.name for method in child.METHODS.values() if method.available}


def methods_where(number: int, how: str) -> dict[str, Any]:
    """Ask for all methods where one of the kernel's calls does what `how` says; the asker must not mind."""
    command = [sys.executable, FILTERED, str(number), how, sys.executable, "-c", METHODS]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return {method["name"]: method for method in json.loads(done.stdout)}


@pytest.mark.parametrize(
    ("number", "names"),
    [
        pytest.param(323, {"uffd_copy", "uffd_move"}, id="userfaultfd"),
        pytest.param(440, {"memcpy_process_madvise", "process_madvise"}, id="process_madvise"),
        pytest.param(310, {"process_vm_readv"}, id="process_vm_readv"),
        pytest.param(319, {"memfd_map_fixed", "memfd_map_populate"}, id="memfd_create"),
        pytest.param(154, {"ldt_window"}, id="modify_ldt"),
    ],
)
def test_a_probe_that_a_filter_kills_makes_that_method_unavailable(number: int, names: set[str]) -> None:
    """Only it, with the filter as the reason."""
    found = methods_where(number, "kill")

    assert AVAILABLE - names == {name for name, method in found.items() if method["available"]}
    for name in names & AVAILABLE:
        assert "ended by signal SIGSYS: a seccomp filter" in found[name]["reason"]


@pytest.mark.slow
def test_a_probe_that_hangs_is_ended_and_makes_that_method_unavailable() -> None:
    """By an alarm of its own."""
    found = methods_where(310, "hang")

    assert AVAILABLE - {"process_vm_readv"} == {name for name, method in found.items() if method["available"]}
    assert "probing it did not end within 10 s" in found["process_vm_readv"]["reason"]


def test_a_probe_that_cannot_begin_says_why() -> None:
    """A process that nothing would end with its parent probes nothing."""
    prctl = 157

    def reasons() -> list[str]:
        refuse(prctl, errno.EPERM)
        return [method.reason for method in native.methods() if method.name == "process_vm_readv"]

    assert in_child(reasons) == [
        "probing it could not begin: prctl(PR_SET_PDEATHSIG): Operation not permitted; run where that call is allowed"
    ]
