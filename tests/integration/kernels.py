"""Debian's kernels in the roots that are made with one: what boots, and the module of this project built for them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCE: Final = Path("native") / "module" / "pageswap.c"
# In a mount namespace of its own, so that others find the root as it was made, also meanwhile; objtool reads /proc.
_INSIDE: Final = (
    'mount --bind /proc "$0/proc" && mount -t tmpfs tmpfs "$0/tmp" && mount --bind "$1" "$0/home" && '
    'exec chroot "$0" python3 "/home/$2" "$3"'
)


def image(root: Path) -> Path:
    """Return what boots: since 2026 it lies among its modules."""
    (found,) = (*(root / "boot").glob("vmlinuz-*"), *(root / "usr/lib/modules").glob("*/vmlinuz"))
    return found


def release(root: Path) -> str:
    """Return the kernel's release."""
    (found,) = (root / "usr/lib/modules").iterdir()
    return found.name


def build_module(root: Path, folder: Path, without: str = "") -> Path:
    """Build the module in a copy of the core in `folder`, in which one line is not, by the root's own tools."""
    shutil.copytree(ROOT / "native", folder / "native", ignore=shutil.ignore_patterns("__pycache__"))
    source = (folder / SOURCE).read_text()
    if without:
        assert source.count(without) == 1, without
        (folder / SOURCE).write_text(source.replace(without, ""))
    script = (SOURCE.parent / "build_module.py", release(root))
    command = ["unshare", "--mount", "sh", "-c", _INSIDE, *map(str, (root, folder, *script))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / Path(json.loads(done.stdout)["path"]).relative_to("/home")
