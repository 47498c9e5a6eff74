"""Tries the kernel module by module_check.c, which is the first and only program of a machine that QEMU emulates."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.integration import guests, kernels

SOURCE: Final = Path(__file__).with_suffix(".c")
PATIENCE_S: Final = 800
FLUSH: Final = "        flush(mm);\n"
# With page tables of its own the kernel would have the emulated CPU forget everything at each call: it has no PCID.
KERNEL_LINE: Final = "quiet nopti"


def emulate(root: Path, folder: Path) -> str:
    """Boot a root's kernel with two CPUs, the module and what tries it; return what its console says until it ends."""
    system, initramfs, console = (folder / name for name in ("system", "initramfs", "console"))
    system.mkdir()
    shutil.copy(kernels.build_module(root, folder / "whole"), system / "pageswap.ko")
    shutil.copy(kernels.build_module(root, folder / "unflushed", without=FLUSH), system / "unflushed.ko")
    compiler = ["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-static", "-pthread", "-Wall", "-Wextra", "-Werror"]
    headers = f"-I{kernels.ROOT / 'native'}"
    subprocess.run([*compiler, headers, "-o", str(system / "init"), str(SOURCE)], check=True)
    with initramfs.open("wb") as out:
        guests.archive(system, out)
    machine = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "512M"]
    command = [*machine, "-net", "none", *guests.boot(kernels.image(root), initramfs, console, KERNEL_LINE)]
    subprocess.run(["setpriv", "--pdeathsig", "KILL", *command], check=True, timeout=PATIENCE_S)
    return console.read_text(errors="replace")
