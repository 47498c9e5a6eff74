"""Tries the kernel module by module_check.c, which is the first and only program of a machine that QEMU emulates."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

from tests.integration import alone, kernels

SOURCE: Final = Path(__file__).with_suffix(".c")
CHECKS: Final = tuple(re.findall(r"TRY\((\w+)\);", SOURCE.read_text()))
FLUSH: Final = "        flush(mm);\n"
# With page tables of its own the kernel would have the emulated CPU forget everything at each call: it has no PCID.
KERNEL_LINE: Final = "quiet nopti"


def holds(check: str, console: str) -> bool:
    """Tell whether a check ended well; that of a module without its flush does where it finds wrong pages."""
    return f"ok {check}:" in console


def emulate(root: Path, folder: Path) -> str:
    """Boot a root's kernel with two CPUs, the module and what tries it; return what its console says until it ends."""
    system = folder / "system"
    system.mkdir()
    shutil.copy(kernels.build_module(root, folder / "whole"), system / "pageswap.ko")
    shutil.copy(kernels.build_module(root, folder / "unflushed", without=FLUSH), system / "unflushed.ko")
    alone.compile_program(SOURCE, system / "init")
    return alone.run(system, root, cpus=2, line=KERNEL_LINE)
