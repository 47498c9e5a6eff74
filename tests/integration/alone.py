"""Emulated machines without a system: their first program is their only one, tries something and powers them off."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Final

from tests.integration import guests, kernels

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE_S: Final = 800
NATIVE: Final = kernels.ROOT / "native"
_COMPILER: Final = ("gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-static", "-pthread", "-Wall", "-Wextra", "-Werror")


def compile_program(source: Path, program: Path, native: Path = NATIVE) -> None:
    """Compile a program that needs no library, over the core's sources or a copy of them."""
    subprocess.run([*_COMPILER, f"-I{native}", "-o", str(program), str(source)], check=True)


def run(system: Path, root: Path, *, cpus: int = 1, line: str = "quiet") -> str:
    """Boot a root's kernel with the files in `system`, one of them `init`; return what the console says to the end."""
    initramfs, console = (system.with_suffix(f".{name}") for name in ("initramfs", "console"))
    with initramfs.open("wb") as out:
        guests.archive(system, out)
    machine = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", str(cpus), "-m", "512M"]
    command = [*machine, "-net", "none", *guests.boot(kernels.image(root), initramfs, console, line)]
    subprocess.run(["setpriv", "--pdeathsig", "KILL", *command], check=True, timeout=PATIENCE_S)
    return console.read_text(errors="replace")
