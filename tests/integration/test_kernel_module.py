"""The kernel module keeps what docs/kernel-module.md says of it, under Debian's kernel in a machine that QEMU emulates.

What is tried is in module_check.c, the machine's first and only program.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from requirement import require

from tests.integration import guests, kernel_module, kernels

SOURCE = Path(__file__).with_name("module_check.c")
CHECKS = re.findall(r"TRY\((\w+)\);", SOURCE.read_text())
PATIENCE_S = 800
# With page tables of its own the kernel would have the emulated CPU forget everything at each call: it has no PCID.
KERNEL_LINE = "quiet nopti"


def emulate(folder: Path) -> str:
    """Boot a machine of the files in `folder`; return what its console says until it ends."""
    initramfs, console = folder.with_suffix(".cpio"), folder.with_suffix(".console")
    with initramfs.open("wb") as out:
        guests.archive(folder, out)
    machine = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "512M"]
    command = [*machine, "-net", "none", *guests.boot(kernels.release(), initramfs, console, KERNEL_LINE)]
    subprocess.run(["setpriv", "--pdeathsig", "KILL", *command], check=True, timeout=PATIENCE_S)
    return console.read_text(errors="replace")


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Try everything in one machine."""
    missing = guests.what_is_missing()
    require("qemu", not missing, missing)
    folder = tmp_path_factory.mktemp("module")
    system = folder / "system"
    system.mkdir()
    kernel = kernels.release()
    shutil.copy(kernel_module.build(folder / "whole", kernel), system / "pageswap.ko")
    unflushed = kernel_module.build(folder / "unflushed", kernel, without="        flush(mm);\n")
    shutil.copy(unflushed, system / "unflushed.ko")
    compiler = ["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-static", "-pthread", "-Wall", "-Wextra", "-Werror"]
    headers = f"-I{kernel_module.ROOT / 'native'}"
    subprocess.run([*compiler, headers, "-o", str(system / "init"), str(SOURCE)], check=True)
    return emulate(system)


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS)
def test_the_module(check: str, console: str) -> None:
    """Each check ends well; that of a module without its flush does where it finds wrong pages."""
    assert f"ok {check}:" in console, console[-3000:]
