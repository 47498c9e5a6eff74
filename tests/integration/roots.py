"""Other Debians' file systems for test hosts, made by debootstrap in the background and kept in build/roots/."""

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
    """A suite and what is installed there beside Debian's smallest variant."""

    suite: str
    packages: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Where its files lie, whole or not at all."""
        key = hashlib.sha256(repr(self).encode()).hexdigest()[:8]
        return ROOTS / f"{self.suite}-{key}"


RECIPES: Final = {
    # Python 3.9 and glibc 2.31; a test that wants no compiler removes it from its host's own copy.
    "bullseye": Recipe("bullseye", ("openssh-server", "python3", "gcc", "libc6-dev")),
    "bookworm": Recipe("bookworm", ("openssh-server", "python3")),
    "trixie": Recipe("trixie", ("openssh-server", "python3")),
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
            _debootstrap(recipe, new)
            shutil.rmtree(new / "var/cache/apt", ignore_errors=True)
            new.rename(recipe.path)
    return recipe.path


def _debootstrap(recipe: Recipe, folder: Path) -> None:
    # In namespaces of its own: it mounts things, and if these tests are killed it must end and leave nothing mounted.
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    packages = f"--include={','.join(recipe.packages)}"
    command = ["debootstrap", "--variant=minbase", packages, recipe.suite, str(folder), mirror()]
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
        log = folder / "debootstrap/debootstrap.log"
        said = done.stdout[-1000:] + (log.read_text(errors="replace")[-2000:] if log.exists() else "")
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {said}")


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
