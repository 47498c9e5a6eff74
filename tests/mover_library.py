"""The mover's library as C programs get it: installed, found by pkg-config, an example compiled with it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from requirement import require

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "docs" / "mover"
WARNINGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror")


def install(folder: Path) -> Path:
    """Install the library as `inv mover --install` does; the test is skipped where there is no compiler."""
    require("cc", shutil.which("cc"), "no C compiler")
    command = [sys.executable, str(ROOT / "native" / "install_mover.py"), str(folder), "1.2.3"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert all(Path(path).is_relative_to(folder) and Path(path).exists() for path in json.loads(done.stdout))
    return folder


def pkg_config(folder: Path, *asked: str) -> list[str]:
    """Return the words that pkg-config tells of what is installed there."""
    require("pkg-config", shutil.which("pkg-config"), "no pkg-config")
    environment = os.environ | {"PKG_CONFIG_PATH": str(folder / "lib" / "pkgconfig")}
    command = ["pkg-config", *asked, "pageswap_mover"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()


def compiled(example: str, to: Path, *flags: str) -> Path:
    """Compile an example with these flags."""
    program, source = to / example, EXAMPLES / f"{example}.c"
    subprocess.run(["cc", *WARNINGS, str(source), *flags, "-o", str(program)], check=True, capture_output=True)
    return program
