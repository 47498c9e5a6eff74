"""Builds the kernel module for Debian's kernel by the project's own script, whole or with a line taken out."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.integration import kernels

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path("native") / "module" / "pageswap.c"


def build(folder: Path, kernel: str, without: str = "") -> Path:
    """Build a copy in `folder`, in which one line is not; return the module."""
    shutil.copytree(ROOT / "native", folder / "native", ignore=shutil.ignore_patterns("__pycache__"))
    source = (folder / SOURCE).read_text()
    if without:
        assert source.count(without) == 1, without
        (folder / SOURCE).write_text(source.replace(without, ""))
    script = folder / "native" / "module" / "build_module.py"
    command = [sys.executable, str(script), kernel, str(kernels.headers(kernel))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Path(json.loads(done.stdout)["path"])
