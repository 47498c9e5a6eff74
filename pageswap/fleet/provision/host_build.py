"""What a host needs to build the core by itself, and the verdict when no core loads there."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import functools
import json
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pageswap
from pageswap.errors import HostBuildError, HostError
from pageswap.fleet.onhost.folder import last_line, sha256
from pageswap.fleet.provision.bundle import BUILD, CORE, CORE_FACTS
from pageswap.spec.quoting import printable

if TYPE_CHECKING:
    from pageswap.fleet.provision.host_python import HostFacts

_ASK_BUILD = """
import json, pathlib, runpy, sys
build = runpy.run_path(sys.argv[1], run_name="build")
build["write_glue"](pathlib.Path(sys.argv[2]))
print(json.dumps({"sources": [str(path) for path in build["sources"]()], "flags": build["FLAGS"]}))
"""
_GLIBC = re.compile(r"version [`'](GLIBC_[0-9.]+)' not found")


@dataclasses.dataclass(frozen=True)
class Kit:
    """The core's sources, the glue that cffi generates and the Python headers that this includes; the flags."""

    files: dict[str, bytes]
    flags: tuple[str, ...]


@functools.cache
def make_kit() -> Kit:
    """Collect what a compiler needs, so that the host needs no python3-dev; raises HostBuildError.

    The headers are this Python's: the limited API that the glue keeps to is the same in all of them.
    """
    native = Path(pageswap.__file__).resolve().parents[1] / "native"
    script = native / "build.py"
    if not script.exists():
        raise HostBuildError(
            f"{script}: the core's sources are not part of this installation; run from a checkout, or use --core"
            " controller"
        )
    with tempfile.TemporaryDirectory() as folder:
        glue = Path(folder) / "glue.c"
        # By itself: cffi prints what files it writes, and a redirection would hold for all threads.
        command = [sys.executable, "-c", _ASK_BUILD, str(script), str(glue)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)  # noqa: S603 - ours
        if done.returncode:
            raise HostBuildError(f"{script}: cffi cannot write its C file: {last_line(done.stderr, 'no word')}")
        files = {"glue.c": glue.read_bytes()}
    build = json.loads(done.stdout)
    sources = [*map(Path, build["sources"]), *native.rglob("*.h"), *native.rglob("*.def")]
    files.update({f"native/{path.relative_to(native).as_posix()}": path.read_bytes() for path in sources})
    for folder in {sysconfig.get_path("include"), sysconfig.get_path("platinclude")}:
        headers = [*Path(folder).glob("*.h"), *Path(folder).glob("cpython/*.h")]
        files.update({f"python/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in headers})
    flags = tuple(flag for flag in build["flags"] if not flag.startswith("-ffile-prefix-map"))
    return Kit(dict(sorted(files.items())), flags)


def core_from(alias: str, answer: dict[str, Any], complaint: str, facts: HostFacts) -> dict[str, bytes]:
    """Return the core that a host built, as a bundle has it; raises HostBuildError when there is none."""
    if answer.get("no_compiler"):
        raise HostBuildError(
            f"{alias}: {_why(complaint, facts)}, and there is no C compiler there to build one; install gcc there, or"
            " build the core on a system with an older glibc"
        )
    if "error" in answer:
        raise HostBuildError(
            f"{alias}: {printable(str(answer['error'])):.1000}; install another gcc there, or use --core controller"
        )
    with contextlib.suppress(KeyError, TypeError, ValueError):
        binary = base64.b64decode(answer["binary"], validate=True)
        told = {name: str(answer["facts"][name]) for name in ("core_hash", "source_hash", "compiler", "flags")}
        if told["core_hash"] == sha256(binary):
            return {CORE: binary, CORE_FACTS: json.dumps(told, indent=1).encode() + b"\n", BUILD: b'{"build": "host"}'}
    raise HostBuildError(f"{alias}: the core that was built there arrived damaged; try again")


def judge(alias: str, complaint: str, folder: str) -> None:
    """Raise HostError for a core that fails to load for another reason than its C library's age."""
    if "failed to map segment" in complaint:
        raise HostError(
            f"{alias}: {folder}: nothing there may be executed (the file system is mounted noexec); give it a"
            " 'workdir:' elsewhere in the inventory, or set PAGESWAP_HOME there"
        )
    if "_core" not in complaint and _GLIBC.search(complaint) is None:
        raise HostBuildError(
            f"{alias}: what the core needs cannot be loaded there: {complaint:.500}; try another 'python:' in the"
            " inventory"
        )


def no_build(alias: str, complaint: str, facts: HostFacts) -> HostBuildError:
    """Return the error for a core that would have to be built on a host where it may not."""
    return HostBuildError(
        f"{alias}: {_why(complaint, facts)}; let it be built there with --core auto, which needs gcc there, or build it"
        " on a system with an older glibc"
    )


def _why(complaint: str, facts: HostFacts) -> str:
    if not complaint:
        return "the core was to be built there"
    needed = _GLIBC.search(complaint)
    if needed:
        return f"the controller's core needs {needed[1].replace('_', ' ').lower()}, found {facts.libc}"
    return f"the controller's core does not load there ({complaint:.300})"
