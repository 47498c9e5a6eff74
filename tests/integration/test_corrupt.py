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
method: [memcpy, {method}]
region_size: 256KiB
iterations: 50
baseline: {{method: memcpy}}
repeats: 1
warmups: 0
"""


@pytest.mark.parametrize("source", BROKEN, ids=lambda path: path.stem)
def test_a_broken_method_ends_the_command_with_4(checkout: Path, source: Path) -> None:
    """One wrong byte, a swap or a move left out, two pages exchanged twice: corrupt, its time kept and never shown."""
    method = source.stem
    workload = "swap" if ".swap_many" in source.read_text(encoding="utf-8") else "permute"
    (checkout / "broken.yaml").write_text(SPEC.format(method=method, workload=workload), encoding="utf-8")

    done = inv(checkout, "run", "--spec", "broken.yaml", "--wait")

    assert done.returncode == 4, done.stderr
    assert "corrupt" in done.stdout
    assert "is wrong from byte" in done.stdout
    exported = inv(checkout, "export", "--run", "latest", "--to", "json", "--out", str(checkout / "rows.json"))
    assert exported.returncode == 0, exported.stderr
    rows = {row["method"]: row for row in json.loads((checkout / "rows.json").read_text(encoding="utf-8"))}
    assert rows["memcpy"]["status"] == "ok"
    assert rows[method]["status"] == "corrupt"
    assert rows[method]["elapsed_ns"] > 0
    assert rows[method]["ns_per_op"] is None
