"""The mover's library on other Debians: for a user, by pkg-config, and where there is no Python."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.integration.network import USER, USERS
from tests.mover_library import EXAMPLES, ROOT, WARNINGS, compiled, install, pkg_config

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.network import Host, Network
    from tests.integration.roots import Roots

EXAMPLE = "compacting_heap"
PREFIX = "usr/local"


def take_python(host: Host) -> None:
    """Leave a host without a Python."""
    host.run("sh", "-c", "rm -rf /usr/bin/python3* /usr/lib/python3*")


def copy_library(installed: Path, host: Host) -> None:
    """Install the library there, for all users; its paths are told from where its pkg-config file lies."""
    shutil.copytree(installed, host.path(PREFIX), symlinks=True, dirs_exist_ok=True)
    host.run("/sbin/ldconfig")


def compile_there(host: Host) -> None:
    """Compile the example as a user, with the words of the host's own pkg-config."""
    shutil.copy(EXAMPLES / f"{EXAMPLE}.c", host.home())
    words = "$(pkg-config --cflags --libs pageswap_mover)"
    host.run("sh", "-c", f"cd && cc {' '.join(WARNINGS)} {EXAMPLE}.c {words} -o {EXAMPLE}", user=USER)


@pytest.mark.slow
@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_a_program_moves_pages_on_another_debian(suite: str, network: Network, roots: Roots, tmp_path: Path) -> None:
    """As a user, with no Python there; compiled there if PAGESWAP_ROOTS_WITH=gcc,libc6-dev,pkgconf, else here."""
    installed = install(tmp_path / "usr")  # a temporary folder itself is no place for other users
    host = network.add(suite, lower=str(roots[suite]))
    take_python(host)
    copy_library(installed, host)
    if host.path("usr/bin/cc").exists():
        compile_there(host)
    else:
        # Of what this machine's C library has, only what theirs have, too.
        flags = [
            *pkg_config(installed, "--cflags", "--libs"),
            "-D_GNU_SOURCE",
            "-include",
            str(ROOT / "native" / "glibc.h"),
        ]
        shutil.copy(compiled(EXAMPLE, tmp_path, *flags), host.home())
    told = host.run("sh", "-c", f"id -u; command -v python3; cd && ./{EXAMPLE} 4", user=USER)

    assert re.match(rf"{USERS[USER]}\nmover \d+\.\d+ ms\nmemcpy \d+\.\d+ ms\nway=", told)
