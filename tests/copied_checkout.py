"""Copies of this checkout whose core is altered, of which only that is compiled anew which differs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parent.parent
_BUILT = shutil.ignore_patterns("_core.abi3.so*", "_core.json*", "_mover.abi3.so*", "__pycache__")


def copy_to(root: Path, methods: Iterable[Path] = ()) -> Path:
    """Copy the package and the core's sources to `root`, with `methods` added as docs/changing.md says."""
    for folder in ("native", "pageswap"):
        shutil.copytree(ROOT / folder, root / folder, ignore=_BUILT)
    objects = Path("build") / "objects"
    if (ROOT / objects).exists():
        shutil.copytree(ROOT / objects, root / objects)
    with (root / "native" / "methods.def").open("a") as table:
        for path in methods:
            shutil.copy(path, root / "native" / "methods")
            table.write(f"PS_METHOD({path.stem})\n")
    return root
