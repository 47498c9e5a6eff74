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
method: [{sound}, {methods}]
region_size: 128KiB
baseline: {{method: {sound}}}
repeats: 1
warmups: 0
rounds: 1
"""


# Where each is wrong, by what stands in its source and no other's, and a method that is sound there.
WRONG_IN = {
    "swap\niterations: 50": (".swap_many", "memcpy"),
    "move\nrelease: both\niterations: 50": ("give_back", "memcpy"),
    "decommit\niterations: 8": (".give_many", "madvise_dontneed"),
    "grow\niterations: 8\npattern: sequential": (".block_grow", "malloc_copy"),
    "permute\niterations: 50": ("", "memcpy"),
}


def broken(workload: str) -> list[str]:
    """Name the methods that are wrong in a workload: the first whose word stands in the source."""
    # What is broken for readers alone moves its pages right where nobody waits; what is to migrate needs two nodes.
    left_out = ("hole_unsaid", "served_wrong", "left_behind")
    sources = {path.stem: path.read_text(encoding="utf-8") for path in BROKEN if path.stem not in left_out}
    where = {name: next(work for work, (word, _) in WRONG_IN.items() if word in text) for name, text in sources.items()}
    return [name for name, found in where.items() if found == workload]


@pytest.mark.parametrize("workload", WRONG_IN, ids=lambda workload: workload.partition("\n")[0])
def test_broken_methods_end_the_command_with_4(checkout: Path, workload: str) -> None:
    """One wrong byte, a swap or a move left out, two pages exchanged twice: corrupt, its time kept and never shown."""
    methods, (_, sound) = broken(workload), WRONG_IN[workload]
    text = SPEC.format(methods=", ".join(methods), workload=workload, sound=sound)
    (checkout / "broken.yaml").write_text(text, encoding="utf-8")

    done = inv(checkout, "run", "--spec", "broken.yaml", "--wait")

    assert done.returncode == 4, done.stderr
    told = [line for line in done.stdout.splitlines() if "is wrong from byte" in line]
    for method in methods:
        assert any("corrupt" in line and method in line for line in told), done.stdout
    exported = inv(checkout, "export", "--run", "latest", "--to", "json", "--out", str(checkout / "rows.json"))
    assert exported.returncode == 0, exported.stderr
    rows = {row["method"]: row for row in json.loads((checkout / "rows.json").read_text(encoding="utf-8"))}
    assert rows.pop(sound)["status"] == "ok"
    assert sorted(rows) == sorted(methods)
    for row in rows.values():
        assert row["status"] == "corrupt"
        assert row["elapsed_ns"] > 0
        assert row["ns_per_op"] is None
