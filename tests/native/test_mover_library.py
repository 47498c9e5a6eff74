"""The mover as C programs get it: installed, found by pkg-config, linked either way."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from requirement import require

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "mover"

pytestmark = pytest.mark.skipif("PAGESWAP_SANITIZED" in os.environ, reason="it is installed without sanitizers")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the library as `inv mover --install` does."""
    require("cc", shutil.which("cc"), "no C compiler")
    folder = tmp_path_factory.mktemp("installed")
    command = [sys.executable, str(ROOT / "native" / "install_mover.py"), str(folder), "1.2.3"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert all(Path(path).is_relative_to(folder) and Path(path).exists() for path in json.loads(done.stdout))
    return folder


def pkg_config(folder: Path, *asked: str) -> list[str]:
    """Return the words that pkg-config tells."""
    require("pkg-config", shutil.which("pkg-config"), "no pkg-config")
    environment = os.environ | {"PKG_CONFIG_PATH": str(folder / "lib" / "pkgconfig")}
    command = ["pkg-config", *asked, "pageswap_mover"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()


def compiled(example: str, to: Path, *flags: str) -> Path:
    """Compile an example with these flags."""
    program, source = to / example, EXAMPLES / f"{example}.c"
    command = ["cc", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", str(source), *flags, "-o", str(program)]
    subprocess.run(command, check=True, capture_output=True)
    return program


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
