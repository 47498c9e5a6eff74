"""Times a piece of Python in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]

# Its own peak: what wait4 tells of a child begins with its parent's.
_TELL_PEAK: Final = """
import atexit, os, pathlib, sys
_told = int(sys.argv.pop())
atexit.register(lambda: os.write(_told, pathlib.Path("/proc/self/status").read_bytes()))
"""


def timed(code: str, *arguments: str) -> tuple[float, float]:
    """Run Python code in a process of its own; return its wall time in seconds and its peak resident size in MiB."""
    read_end, write_end = os.pipe()
    start = time.monotonic()
    with os.fdopen(read_end) as told:
        process = subprocess.Popen(
            [sys.executable, "-c", _TELL_PEAK + code, *arguments, str(write_end)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            pass_fds=[write_end],
        )
        os.close(write_end)
        status = process.wait()
        took = time.monotonic() - start
        if status:
            raise SystemExit(f"{code} ended with {status}")
        peak = next(line for line in told if line.startswith("VmHWM:"))
    return took, int(peak.split()[1]) / 1024
