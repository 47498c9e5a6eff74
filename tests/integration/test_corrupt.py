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
question: Is a broken swap found?
method: [memcpy, {method}]
region_size: 256KiB
iterations: 50
baseline: {{method: memcpy}}
repeats: 1
warmups: 0
"""


@pytest.mark.parametrize("method", [path.stem for path in BROKEN])
def test_a_broken_method_ends_the_command_with_4(checkout: Path, method: str) -> None:
    """One wrong byte, a swap left out, two pages exchanged twice: corrupt, its time kept and never shown."""
    (checkout / "broken.yaml").write_text(SPEC.format(method=method), encoding="utf-8")

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
