"""The mover as C programs get it: installed, found by pkg-config, linked either way."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from mover_library import compiled, install, pkg_config

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif("PAGESWAP_SANITIZED" in os.environ, reason="it is installed without sanitizers")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the library."""
    return install(tmp_path_factory.mktemp("installed"))


@pytest.mark.parametrize(
    ("example", "kind"), [("compacting_heap", "shared"), ("compacting_heap", "static"), ("growing_ring", "shared")]
)
def test_an_example_runs_with_the_installed_library(example: str, kind: str, installed: Path, tmp_path: Path) -> None:
    """It checks each page of its own, with the mover and with memcpy, and ends with 1 where one is wrong."""
    flags = pkg_config(installed, "--cflags", "--libs")
    if kind == "static":
        flags = [*pkg_config(installed, "--cflags"), str(installed / "lib" / "libpageswap_mover.a")]
    program = compiled(example, tmp_path, *flags)
    environment = os.environ | {"LD_LIBRARY_PATH": str(installed / "lib")}
    done = subprocess.run([str(program), "4"], env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done
    assert re.match(r"mover \d+\.\d+ ms\nmemcpy \d+\.\d+ ms\nway=", done.stdout)
    assert pkg_config(installed, "--modversion") == ["1.2.3"]


def test_the_library_is_a_guest(installed: Path) -> None:
    """It has names of its own only, needs nothing but the C library, and that no newer than 2.27."""
    library = installed / "lib" / "libpageswap_mover.so"
    names = subprocess.run(["nm", "-D", str(library)], capture_output=True, text=True, check=True).stdout
    dynamic = subprocess.run(["readelf", "-d", str(library)], capture_output=True, text=True, check=True).stdout
    archived = [str(installed / "lib" / "libpageswap_mover.a")]
    told = subprocess.run(["nm", "-g", "--defined-only", *archived], capture_output=True, text=True, check=True).stdout
    versions = {tuple(map(int, found.split("."))) for found in re.findall(r"@GLIBC_([0-9.]+)", names)}
    outputs = set(re.findall(r" U (\w+)", names)) & {"printf", "puts", "perror", "abort", "exit", "vfprintf"}

    assert {name.partition("_")[0] for name in re.findall(r" T (\w+)", names)} == {"pm"}
    assert {name.partition("_")[0] for name in re.findall(r" [A-Z] (\w+)", told)} == {"pm"}
    assert re.findall(r"NEEDED.*\[(.*)\]", dynamic) == ["libc.so.6"]
    assert max(versions) <= (2, 27)
    assert not outputs


def test_the_header_is_c_and_cpp(installed: Path, tmp_path: Path) -> None:
    """By the strictest word of a C11 compiler."""
    source = tmp_path / "user.c"
    source.write_text("#include <pageswap_mover.h>\nint main(void) { return pm_close(0); }\n")
    flags = pkg_config(installed, "--cflags")
    for language in (["cc", "-std=c11", "-pedantic-errors"], ["c++", "-x", "c++", "-std=c++11", "-pedantic-errors"]):
        if shutil.which(language[0]):
            subprocess.run([*language, "-Wall", "-Werror", *flags, "-fsyntax-only", str(source)], check=True)
