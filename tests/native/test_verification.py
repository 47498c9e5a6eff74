"""The verifier is itself tested: methods that are broken on purpose, built into a core of their own, must not pass."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BROKEN = sorted((ROOT / "tests" / "native" / "broken").glob("*.c"))
RUN = """
import dataclasses, json, sys
from pageswap import native
fields = json.loads(sys.stdin.read())
print(json.dumps(dataclasses.asdict(native.run_trial(native.TrialParams(**fields)))))
"""


@pytest.fixture(scope="module")
def broken_core(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Build the core with the broken methods in its table, the way a new method is added: a file and a line each."""
    root = tmp_path_factory.mktemp("broken")
    for folder in ("native", "pageswap"):
        ignored = shutil.ignore_patterns("_core*", "__pycache__")
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    with (root / "native" / "methods.def").open("a") as table:
        for path in BROKEN:
            shutil.copy(path, root / "native" / "methods")
            table.write(f"PS_METHOD({path.stem})\n")
    subprocess.run([sys.executable, root / "native" / "build.py"], check=True, capture_output=True)
    return root


@pytest.mark.parametrize("method", [path.stem for path in BROKEN])
@pytest.mark.parametrize("page_bytes", [4096, 2 << 20])
def test_a_broken_swap_is_found(broken_core: pathlib.Path, method: str, page_bytes: int) -> None:
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
        cwd=broken_core,
        env={"PYTHONPATH": str(broken_core)},
        capture_output=True,
        text=True,
        check=True,
    )
    result = json.loads(done.stdout)

    assert not result["verified"]
    assert "slot" in result["reason"]
    assert result["elapsed_ns"] > 0


def test_the_wrong_byte_is_named_by_its_place(broken_core: pathlib.Path) -> None:
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
        cwd=broken_core,
        env={"PYTHONPATH": str(broken_core)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "slot 3 is wrong from byte 4088 on" in json.loads(done.stdout)["reason"]
