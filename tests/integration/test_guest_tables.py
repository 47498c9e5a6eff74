"""The method guest_pte on a CPU that runs a guest's supervisor code itself, as far as QEMU emulates one.

Under Debian's kernel and its KVM. What is tried is in guest_check.c, the machine's first program.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from requirement import require

from tests.integration import alone, guests, kernels

if TYPE_CHECKING:
    from tests.integration.roots import Roots

pytestmark = pytest.mark.slow

SOURCE: Final = Path(__file__).with_name("guest_check.c")
MODULES: Final = ("virt/lib/irqbypass.ko", "arch/x86/kvm/kvm.ko", "arch/x86/kvm/kvm-amd.ko")
SIZES: Final = (4, 12, 160, 2048)
# What makes the guest's CPU forget translations, and what stands there instead.
FLUSHES: Final = {'"invlpg (%0)" : : "r"(begin': '"" : : "r"(begin', "\\n\\tmov %0, %%cr3": ""}
CHECKS: Final = (
    "probe",
    *(f"{name} of {size} KiB" for size in SIZES for name in ("many swaps", "a batch", "swaps")),
    *(f"swaps without a flush of {size} KiB" for size in (4, 160)),
)


def unflushed(native: Path) -> Path:
    """Copy the core's sources without what flushes."""
    shutil.copytree(alone.NATIVE, native, ignore=shutil.ignore_patterns("__pycache__"))
    code = native / "guest_code.h"
    text = code.read_text()
    for flush, instead in FLUSHES.items():
        assert text.count(flush) == 1, flush
        text = text.replace(flush, instead)
    code.write_text(text)
    return native


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, roots: Roots) -> str:
    """Try everything in one machine."""
    missing = guests.what_is_missing()
    require("qemu", not missing, missing)
    root, folder = roots["bookworm"], tmp_path_factory.mktemp("tables")
    system = folder / "system"
    system.mkdir()
    for name in MODULES:
        shutil.copy(root / "usr/lib/modules" / kernels.release(root) / "kernel" / name, system)
    alone.compile_program(SOURCE, system / "init")
    alone.compile_program(SOURCE, system / "unflushed", unflushed(folder / "native"))
    return alone.run(system, root)


@pytest.mark.parametrize("check", CHECKS)
def test_a_guest_that_the_cpu_runs(check: str, console: str) -> None:
    """Each check ends well; that of a guest without its flush does where it finds wrong words."""
    assert f"ok {check}: " in console, console[-3000:]
