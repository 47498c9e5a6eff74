"""Methods that are broken on purpose, measured by the real command: found, listed, and never a result."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BROKEN = sorted((ROOT / "tests" / "native" / "broken").glob("*.c"))
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


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the project and add the broken methods, a file and a line each."""
    root = tmp_path_factory.mktemp("checkout")
    for folder in ("native", "pageswap", "templates", "experiments"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("_core*", "__pycache__"))
    for name in ("tasks.py", "devtasks.py", "pageswap/native/_core.pyi"):
        shutil.copy(ROOT / name, root / name)
    with (root / "native" / "methods.def").open("a") as table:
        for path in BROKEN:
            shutil.copy(path, root / "native" / "methods")
            table.write(f"PS_METHOD({path.stem})\n")
    return root


def inv(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a task of the checkout."""
    command = [sys.executable, "-P", str(root / "pageswap/console/start.py"), *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


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
