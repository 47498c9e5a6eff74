"""Other Debians' file systems for test hosts, made by mmdebstrap in the background and kept in build/roots/."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

ROOTS: Final = Path(__file__).resolve().parents[2] / "build" / "roots"
USUAL_MIRROR: Final = "http://deb.debian.org/debian"
AT_ONCE: Final = 2
PATIENCE_S: Final = 600


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A suite and what is unpacked there, with what it depends on; what `newer` has is taken from that suite."""

    suite: str
    packages: tuple[str, ...]
    newer: str = ""

    @property
    def path(self) -> Path:
        """Where its files lie, whole or not at all."""
        key = hashlib.sha256(repr(self).encode()).hexdigest()[:8]
        return ROOTS / f"{self.newer or self.suite}-{key}"


# As $PAGESWAP_ROOTS_WITH names them, with commas between: what takes long to unpack, and is asked for by hand.
_WISHED: Final = tuple(filter(None, os.environ.get("PAGESWAP_ROOTS_WITH", "").split(",")))
_EVERYWHERE: Final = (
    *("base-files", "base-passwd", "bash", "coreutils", "dash", "debianutils", "findutils", "grep"),
    *("libc-bin", "login", "openssh-server", "passwd", "procps", "python3", "sed"),
)
_NEVER_USED: Final = "distutils|idlelib|lib2to3|pydoc_data|test|dist-packages"
# What a machine needs besides that boots these files. The kernel for clouds is a third of the other one.
_TO_BOOT: Final = ("iproute2", "kmod", "linux-image-cloud-amd64", "mount")
# What modules of it are built with: Debian's headers bring the compiler, by its version's name alone.
_FOR_MODULES: Final = ("binutils", "linux-headers-cloud-amd64", "make")


def with_kernel(suite: str, *more: str, newer: str = "") -> Recipe:
    """Return the recipe of a Debian that boots and builds modules, and has more packages."""
    return Recipe(suite, (*_EVERYWHERE, *_TO_BOOT, *_FOR_MODULES, *more), newer)


RECIPES: Final = {
    # Python 3.9 and glibc 2.31; a test that wants no compiler removes it from its host's own copy.
    "bullseye": Recipe("bullseye", (*_EVERYWHERE, "gcc", "libc6-dev")),
    "bookworm": with_kernel("bookworm", *_WISHED),
    "trixie": Recipe("trixie", (*_EVERYWHERE, *_TO_BOOT, *_WISHED)),
}


class Roots:
    """Makes every recipe's root unless it is there, several at once, beside whatever else the tests do."""

    def __init__(self) -> None:
        """Begin."""
        self._pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
        self._made = {name: self._pool.submit(make, recipe) for name, recipe in RECIPES.items()}

    def __getitem__(self, suite: str) -> Path:
        """Wait for a suite's root; raises what went wrong."""
        return self._made[suite].result(PATIENCE_S)

    def end(self) -> None:
        """Begin no more of them."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def make(recipe: Recipe) -> Path:
    """Give the root of a recipe, made anew if it is not there; two test runs do not get into each other's way."""
    ROOTS.mkdir(parents=True, exist_ok=True)
    with recipe.path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not recipe.path.exists():
            new = recipe.path.with_suffix(".new")
            shutil.rmtree(new, ignore_errors=True)
            _unpack(recipe, new)
            new.rename(recipe.path)
    return recipe.path


def _unpack(recipe: Recipe, folder: Path) -> None:
    # In namespaces of its own: it mounts things, and if these tests are killed it must end and leave nothing mounted.
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    packages = f"--include={','.join(recipe.packages)}"
    options = ["--quiet", "--variant=extract", packages, "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr"]
    # What Debian says of its moving suites holds for a week, and a mirror may lag; its signature is checked still.
    options.append('--aptopt=Acquire::Check-Valid-Until "false"')
    if recipe.newer:
        options.append(f'--aptopt=APT::Default-Release "{recipe.newer}"')
    further = [f"deb {mirror()} {recipe.newer} main"] if recipe.newer else []
    command = ["mmdebstrap", *options, recipe.suite, str(folder), f"deb {mirror()} {recipe.suite} main", *further]
    environment = {**os.environ, **({"http_proxy": proxy()} if proxy() else {})}
    # The end of the thread that starts a process counts as its parent's death; this one waits.
    done = subprocess.run(
        ["nice", "setpriv", "--pdeathsig", "KILL", *apart, *command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout[-3000:]}")
    # Setting the packages up would take longer than the tests; what it would have made and they need is this, and what
    # each start of a Python would otherwise compile by itself, which a user's never keeps.
    subprocess.run(
        ["chroot", str(folder), "python3", "-m", "compileall", "-q", "-x", _NEVER_USED, "/usr/lib"], check=True
    )
    for name in ("passwd", "group"):
        shutil.copyfile(folder / f"usr/share/base-passwd/{name}.master", folder / "etc" / name)
    if "gcc" in recipe.packages:
        (folder / "usr/bin/cc").symlink_to("gcc")
    if "make" in recipe.packages:
        (folder / "usr/bin/awk").symlink_to("mawk")


def mirror() -> str:
    """Give the Debian mirror that this machine's apt is set up for."""
    for path in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]:
        if path.is_file():
            found = re.search(
                r"^(?:deb|URIs:)\s[^#\n]*?(https?://\S+/debian)/?(?:\s|$)", path.read_text(), re.MULTILINE
            )
            if found:
                return found[1]
    return USUAL_MIRROR


def proxy() -> str:
    """Give the proxy that this machine's apt is set up for, "" if none."""
    done = subprocess.run(
        ["apt-config", "shell", "P", "Acquire::http::Proxy"], capture_output=True, text=True, check=True
    )
    return done.stdout.partition("'")[2].rstrip("'\n")
