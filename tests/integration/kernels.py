"""Debian's kernel for emulated machines: image, drivers, and headers to build modules with, kept in build/kernels/.

Packages are downloaded by this machine's apt and unpacked there; nothing is installed.
"""

from __future__ import annotations

import fcntl
import functools
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pageswap.errors import PageswapError

if TYPE_CHECKING:
    from collections.abc import Sequence

KERNELS: Final = Path(__file__).resolve().parents[2] / "build" / "kernels"
TOOLS: Final = ("apt-cache", "apt-get", "dpkg-deb", "tar")
# Of an image: the rest of its 400 MB are drivers of things that no emulated machine has.
_OF_IMAGE: Final = ("./boot/vmlinuz-*", "*/virtio*", "*failover.ko", "*/modules.*")


@functools.cache
def release() -> str:
    """Return the release of the newest kernel that this machine's apt knows; raises PageswapError."""
    return _depends("linux-image-amd64")[0].removeprefix("linux-image-")


def system(kernel: str) -> Path:
    """Return a folder with the image of a kernel release, in boot/, and drivers, in lib/."""
    return _fetched(f"image-{kernel}", [f"linux-image-{kernel}"], _OF_IMAGE)


def image(kernel: str) -> Path:
    """Return what boots."""
    return system(kernel) / "boot" / f"vmlinuz-{kernel}"


@functools.cache
def headers(kernel: str) -> Path:
    """Return the folder to build modules of a kernel release with."""
    package = f"linux-headers-{kernel}"
    others = [name for name in _depends(package) if not name.startswith("linux-compiler-")]
    folder = _fetched(f"headers-{kernel}", [package, *others], ()) / "usr" / "src" / package
    # Its one line names the place where it would be installed.
    (folder / "Makefile").write_text(f"include {folder.parent}/{package.removesuffix('-amd64')}-common/Makefile\n")
    return folder


def _depends(package: str) -> list[str]:
    done = subprocess.run(["apt-cache", "depends", package], capture_output=True, text=True, check=False)
    found = re.findall(r"^ *Depends: (linux-\S+)$", done.stdout, re.MULTILINE)
    if not found:
        raise PageswapError(f"this machine's apt knows of no {package}; let it reach Debian's archive: apt-get update")
    return found


def _fetched(name: str, packages: Sequence[str], wanted: Sequence[str]) -> Path:
    """Return a folder with the `wanted` files of packages, or all of them, made unless it is there."""
    folder = KERNELS / name
    KERNELS.mkdir(parents=True, exist_ok=True)
    with (KERNELS / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=KERNELS) as new:
                _download(packages, Path(new))
                (Path(new) / "files").mkdir()
                for package in Path(new).glob("*.deb"):
                    _unpack(package, Path(new) / "files", wanted)
                (Path(new) / "files").rename(folder)
    return folder


def _download(packages: Sequence[str], folder: Path) -> None:
    fetch = ["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", *packages]
    done = subprocess.run(fetch, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise PageswapError(f"{' '.join(fetch)} ended with {done.returncode}: {done.stdout[-2000:]}")


def _unpack(package: Path, folder: Path, wanted: Sequence[str]) -> None:
    tar = ["tar", "--extract", "--directory", str(folder), "--wildcards", *wanted]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as unpacking:
        subprocess.run(tar, stdin=unpacking.stdout, check=True)


def what_is_missing() -> str:
    """Say why no kernel can be had here, "" if one can."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"no {', '.join(missing)}: Debian's kernels are fetched by Debian's own tools"
    return "" if os.uname().machine == "x86_64" else "the kernels are of x86-64"
