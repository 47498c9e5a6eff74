"""The kernel module keeps what docs/kernel-module.md says of it, under Debian's kernel in a machine that QEMU emulates.

What is tried is in module_check.c, the machine's first and only program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from requirement import require

from tests.integration import guests, module_check

if TYPE_CHECKING:
    from tests.integration.roots import Roots


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, roots: Roots) -> str:
    """Try everything in one machine."""
    missing = guests.what_is_missing()
    require("qemu", not missing, missing)
    return module_check.emulate(roots["bookworm"], tmp_path_factory.mktemp("module"))


@pytest.mark.slow
@pytest.mark.parametrize("check", module_check.CHECKS)
def test_the_module(check: str, console: str) -> None:
    """Each check ends well, and that of a module without its flush finds wrong pages."""
    assert module_check.holds(check, console), console[-3000:]
