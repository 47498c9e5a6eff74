"""Compiles a C file of the tests or of the core to a library of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from requirement import require

if TYPE_CHECKING:
    import pathlib

    import pytest


def library(source: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Return the shared library; the test is skipped where there is no compiler."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    require("cc", compiler, "no C compiler to build a library for tests")
    path = tmp_path_factory.mktemp("library") / f"{source.stem}.so"
    command = [str(compiler), "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(path), str(source)]
    subprocess.run(command, check=True, timeout=60)
    return path
