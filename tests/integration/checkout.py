"""Copies of the project with methods added, a file and a line each, and the real command run from there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).resolve().parents[2]
BROKEN = sorted((ROOT / "tests" / "native" / "broken").glob("*.c"))
ODD = sorted(Path(__file__).with_name("methods").glob("*.c"))


def copy_to(root: Path, methods: Iterable[Path] = ()) -> Path:
    """Copy what the commands need to `root`, with `methods` added to the core."""
    for folder in ("native", "pageswap", "templates", "experiments"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("_core*", "__pycache__"))
    for name in ("tasks.py", "devtasks.py", "pageswap/native/_core.pyi"):
        shutil.copy(ROOT / name, root / name)
    with (root / "native" / "methods.def").open("a") as table:
        for path in methods:
            shutil.copy(path, root / "native" / "methods")
            table.write(f"PS_METHOD({path.stem})\n")
    return root


def inv(
    root: Path, *arguments: str, inside: Sequence[str] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command of the copy as ./inv does, within what `inside` puts before it."""
    command = [*inside, sys.executable, "-P", str(root / "pageswap/console/start.py"), *arguments]
    environ = {**os.environ, **environment}
    return subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, check=False)
