"""touch: moved reads one word for each fault that a move may have put off, and no more; every one in each 4 KiB."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import child
import pytest

if TYPE_CHECKING:
    import pathlib

RUN = """
import json, sys
from pageswap import native
from pageswap.errors import MethodUnavailableError
try:
    result = native.run_trial(native.TrialParams(**json.loads(sys.stdin.read())))
    print("verified" if result.verified else result.reason)
except MethodUnavailableError as error:
    print("unavailable:", error)
"""


def touched(core: pathlib.Path, touch: str, **changes: int | str) -> subprocess.CompletedProcess[str]:
    """Touch pages that cannot be read but in their first 4 KiB."""
    fields = {
        "method": "touch_reach",
        "workload": "swap",
        "backing": "private_anon",
        "page_bytes": 2 * child.MIB,
        "region_bytes": 8 * child.MIB,
        "iterations": 4,
        "threads": 1,
        "touch": touch,
        "rounds": 1,
        "seed": 7,
        **changes,
    }
    command, environment = [sys.executable, "-c", RUN], {"PYTHONPATH": str(core)}
    done = subprocess.run(
        command, input=json.dumps(fields), cwd=core, env=environment, capture_output=True, text=True, check=False
    )
    if done.stdout.startswith("unavailable"):
        pytest.skip(done.stdout)
    return done


def test_a_huge_page_that_moves_whole_is_read_once(odd_core: pathlib.Path) -> None:
    """All of it comes with one fault; reading 512 words of it would time the reader's cache misses."""
    assert touched(odd_core, "moved", backing="thp").stdout == "verified\n"
    assert touched(odd_core, "every", backing="thp").returncode == -signal.SIGSEGV, "its reader reads all of it"


@pytest.mark.parametrize("backing", ["private_anon", "thp_off", "shared_anon", "memfd"])
def test_a_page_of_many_small_ones_is_read_in_each(odd_core: pathlib.Path, backing: str) -> None:
    """Each may fault."""
    assert touched(odd_core, "moved", backing=backing).returncode == -signal.SIGSEGV
    assert touched(odd_core, "none", backing=backing).stdout == "verified\n"


def test_small_pages_on_huge_ones_are_read_in_each_small_one(odd_core: pathlib.Path) -> None:
    """Moving them splits the huge page, after which each may fault."""
    assert touched(odd_core, "moved", backing="thp", page_bytes=64 * child.KIB).returncode == -signal.SIGSEGV
