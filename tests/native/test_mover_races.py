"""The mover's threads under the thread sanitizer."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest
from requirement import require

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("PAGESWAP_SANITIZED" in os.environ, reason="two sanitizers do not go together"),
]


def test_threads_that_share_a_permutation_race_for_nothing(tmp_path: Path) -> None:
    """Neither for pages nor for what tells them to begin and that all have ended."""
    require("sanitizers", shutil.which("cc"), "no C compiler")
    build = runpy.run_path(str(ROOT / "native" / "build.py"))
    program = tmp_path / "mover_workers"
    sources = [*map(str, build["mover_sources"]()), str(HERE / "mover_workers.c")]
    command = ["cc", *build["FLAGS"], "-fsanitize=thread", "-g", "-Inative", *sources, "-o", str(program)]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    require("sanitizers", "cannot find" not in made.stderr, "no thread sanitizer: apt-get install gcc")
    assert made.returncode == 0, made.stderr
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False, timeout=120)

    assert (done.stdout, done.stderr, done.returncode) == ("right\n", "", 0)
