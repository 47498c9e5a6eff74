"""The verifier is itself tested: methods that are broken on purpose, built into a core of their own, must not pass."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest

BROKEN = sorted(pathlib.Path(__file__).with_name("broken").glob("*.c"))
RUN = """
import dataclasses, json, sys
from pageswap import native
fields = json.loads(sys.stdin.read())
print(json.dumps(dataclasses.asdict(native.run_trial(native.TrialParams(**fields)))))
"""


@pytest.mark.parametrize("method", [path.stem for path in BROKEN])
@pytest.mark.parametrize("page_bytes", [4096, 2 << 20])
def test_a_broken_swap_is_found(odd_core: pathlib.Path, method: str, page_bytes: int) -> None:
    """One wrong byte, a swap left out, two pages exchanged twice: each must be seen, and said where."""
    fields = {
        "method": method,
        "workload": "swap",
        "backing": "private_anon",
        "page_bytes": page_bytes,
        "region_bytes": 16 * page_bytes,
        "iterations": 50,
        "threads": 1,
        "touch": "none",
        "rounds": 1,
        "seed": 7,
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps(fields),
        cwd=odd_core,
        env={"PYTHONPATH": str(odd_core)},
        capture_output=True,
        text=True,
        check=True,
    )
    result = json.loads(done.stdout)

    assert not result["verified"]
    assert "slot" in result["reason"]
    assert result["elapsed_ns"] > 0


def test_the_wrong_byte_is_named_by_its_place(odd_core: pathlib.Path) -> None:
    """The reason leads to the byte: the last word of the page."""
    fields = {
        "method": "wrong_byte",
        "workload": "swap",
        "backing": "shared_anon",
        "page_bytes": 4096,
        "region_bytes": 65536,
        "iterations": 1,
        "threads": 1,
        "touch": "none",
        "rounds": 1,
        "seed": 7,
        "pairs": [[3, 5]],
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps(fields),
        cwd=odd_core,
        env={"PYTHONPATH": str(odd_core)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "slot 3 is wrong from byte 4088 on" in json.loads(done.stdout)["reason"]
