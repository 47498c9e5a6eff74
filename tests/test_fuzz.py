"""The count of the fuzzing is of what really ran."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("module", "chosen", "budget", "line"),
    [
        ("test_methods", "any_schedule and copy_words", "2", "fuzz: 60 schedules, verified"),
        ("test_workloads", "any_batch and memcpy", "1", "fuzz: 60 permutations, verified"),
        ("test_methods", "any_schedule and no_such_method", "1", None),
    ],
)
def test_a_run_ends_with_how_much_was_compared_with_the_model(
    module: str, chosen: str, budget: str, line: str | None
) -> None:
    """PAGESWAP_FUZZ multiplies the search; a run without any says nothing."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        f"tests/native/{module}.py",
        "-k",
        chosen,
    ]
    environment = {**os.environ, "PAGESWAP_FUZZ": budget}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    printed = [text for text in done.stdout.splitlines() if text.startswith("fuzz: ")]

    assert printed == ([line] if line else []), done.stdout
