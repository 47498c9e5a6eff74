"""Builds the kernel module against a kernel's headers, in a folder of the kernel's name, and loads nothing."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SOURCES = (HERE / "Kbuild", HERE / "pageswap.c", HERE.parent / "page_exchange.h")
_LAST_CHARACTERS = 3000


class BuildFailedError(Exception):
    """There is nothing to build with, or make refused; the text has the cure, or the command and what it said."""


def headers_of(release: str) -> pathlib.Path:
    """Return the folder with a kernel's headers, as distributions lay them; raises BuildFailedError."""
    folder = pathlib.Path("/lib/modules") / release / "build"
    if not (folder / "Makefile").exists():
        raise BuildFailedError(
            f"{folder}: no headers of Linux {release}; as root: apt-get install linux-headers-{release}, elsewhere"
            f" kernel-devel-{release}; of a kernel of your own, link the folder that it was built in there"
        )
    return folder


def build(release: str) -> dict[str, str]:
    """Build the module for a kernel release; return where it lies. Raises BuildFailedError."""
    headers = headers_of(release)
    if shutil.which("make") is None:
        raise BuildFailedError("no 'make', which kernel modules are built with; as root: apt-get install make gcc")
    folder = ROOT / "build" / "module" / release
    folder.mkdir(parents=True, exist_ok=True)
    for source in SOURCES:
        shutil.copy(source, folder)
    # It writes beside the sources. Its own compiler is the one that the kernel was built with.
    command = ["make", "-C", str(headers), f"M={folder}", "modules"]
    environment = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise BuildFailedError(f"{shlex.join(command)}\n{done.stdout.strip()[-_LAST_CHARACTERS:]}")
    return {"path": str(folder / "pageswap.ko"), "release": release}


def main() -> None:
    """Build for the kernel that runs here, or for one whose release is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release", nargs="?", default=os.uname().release)
    given = parser.parse_args()
    try:
        built = build(given.release)
    except BuildFailedError as failure:
        sys.exit(f"error: the kernel module could not be built\n{failure}")
    print(json.dumps(built))


if __name__ == "__main__":
    main()
