"""Times a piece of Python in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


def timed(code: str, *arguments: str) -> tuple[float, float]:
    """Run Python code in a process of its own; return its wall time in seconds and its peak resident size in MiB."""
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{code} ended with {process.returncode}")
    return time.monotonic() - start, usage.ru_maxrss / 1024
