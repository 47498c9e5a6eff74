"""A limit on this session's memory ends a command with the limit and the cure, before a library hangs on it."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

_LOAD = """
import os
try:
    import pageswap.{package}
    print(os.environ["OPENBLAS_NUM_THREADS"])
except Exception as error:
    print(type(error).__name__, error)
"""


def load(package: str, limit: int, limit_bytes: int) -> str:
    """Import a package in a process with a limit and give what it says; OpenBLAS without the cure never ends."""
    done = subprocess.run(
        [sys.executable, "-c", _LOAD.format(package=package)],
        preexec_fn=lambda: resource.setrlimit(limit, (limit_bytes, limit_bytes)),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize("package", ["analysis.summary", "comparison.changes"])
@pytest.mark.parametrize(
    ("limit", "limit_bytes", "words"),
    [
        (resource.RLIMIT_DATA, 150_000_000, "143 MiB of data (ulimit -d)"),
        (resource.RLIMIT_AS, 400_000_000, "381 MiB of addresses (ulimit -v)"),
    ],
)
def test_a_limit_that_is_too_small_is_named(package: str, limit: int, limit_bytes: int, words: str) -> None:
    """Below it numpy's OpenBLAS hangs, pandas fails, or the interpreter crashes, each in its own words."""
    assert load(package, limit, limit_bytes) == (
        f"PageswapError numpy, scipy and pandas cannot be loaded: this session may have {words}; raise that limit"
    )


def test_openblas_starts_no_threads() -> None:
    """It waits for ever for one that it cannot start."""
    assert load("analysis.summary", resource.RLIMIT_AS, 1 << 30) == "1"
