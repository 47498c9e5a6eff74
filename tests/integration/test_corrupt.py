"""Methods that are broken on purpose, measured by the real command: found, listed, and never a result."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.integration.checkout import BROKEN, inv

if TYPE_CHECKING:
    from pathlib import Path

SPEC = """
name: broken
question: Is a broken method found?
workload: {workload}
method: [memcpy, {methods}]
region_size: 256KiB
iterations: 50
baseline: {{method: memcpy}}
repeats: 1
warmups: 0
"""


WORKLOADS = ("permute", "swap")


def broken(workload: str) -> list[str]:
    """Name the methods that are measured with a workload; each has what swaps, or else it only takes batches."""
    swapping = {path.stem for path in BROKEN if ".swap_many" in path.read_text(encoding="utf-8")}
    return [path.stem for path in BROKEN if (path.stem in swapping) == (workload == "swap")]


@pytest.mark.parametrize("workload", WORKLOADS)
def test_broken_methods_end_the_command_with_4(checkout: Path, workload: str) -> None:
    """One wrong byte, a swap or a move left out, two pages exchanged twice: corrupt, its time kept and never shown."""
    methods = broken(workload)
    text = SPEC.format(methods=", ".join(methods), workload=workload)
    (checkout / "broken.yaml").write_text(text, encoding="utf-8")

    done = inv(checkout, "run", "--spec", "broken.yaml", "--wait")

    assert done.returncode == 4, done.stderr
    told = [line for line in done.stdout.splitlines() if "is wrong from byte" in line]
    for method in methods:
        assert any("corrupt" in line and method in line for line in told), done.stdout
    exported = inv(checkout, "export", "--run", "latest", "--to", "json", "--out", str(checkout / "rows.json"))
    assert exported.returncode == 0, exported.stderr
    rows = {row["method"]: row for row in json.loads((checkout / "rows.json").read_text(encoding="utf-8"))}
    assert rows.pop("memcpy")["status"] == "ok"
    assert sorted(rows) == sorted(methods)
    for row in rows.values():
        assert row["status"] == "corrupt"
        assert row["elapsed_ns"] > 0
        assert row["ns_per_op"] is None
