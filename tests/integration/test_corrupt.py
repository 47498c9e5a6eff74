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
region_size: 64KiB
iterations: 50
baseline: {{method: memcpy}}
repeats: 1
warmups: 0
rounds: 1
"""


# Where each is wrong, by what stands in its source: a batch of swaps is moved in cycles unless there is a call for it.
WRONG_IN = {"swap": ".swap_many", "permute": "", "move\nrelease: both": "give_back"}


def broken(workload: str) -> list[str]:
    """Name the methods that are wrong in a workload."""
    sources = {path.stem: path.read_text(encoding="utf-8") for path in BROKEN}
    where = {
        name: next((work for work, word in WRONG_IN.items() if word and word in text), "permute")
        for name, text in sources.items()
    }
    return [name for name, found in where.items() if found == workload]


@pytest.mark.parametrize("workload", WRONG_IN, ids=lambda workload: workload.partition("\n")[0])
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
