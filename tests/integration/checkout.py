"""Copies of the project with methods added, a file and a line each, and the real command run from there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.copied_checkout import ROOT, copy_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BROKEN = sorted((ROOT / "tests" / "native" / "broken").glob("*.c"))
ODD = sorted(Path(__file__).with_name("methods").glob("*.c"))


def with_commands(root: Path, methods: Iterable[Path] = ()) -> Path:
    """Copy what the commands need to `root`, with `methods` added to the core."""
    copy_to(root, methods)
    for folder in ("templates", "experiments"):
        shutil.copytree(ROOT / folder, root / folder)
    for name in ("tasks.py", "devtasks.py"):
        shutil.copy(ROOT / name, root / name)
    return root


def inv(
    root: Path, *arguments: str, inside: Sequence[str] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command of the copy as ./inv does, within what `inside` puts before it."""
    command = [*inside, sys.executable, "-P", str(root / "pageswap/console/start.py"), *arguments]
    environ = {**os.environ, **environment}
    return subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, check=False)
