"""Tells what a bundle must fit on this host: its Python, its C library, and the folder that may hold it."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import sysconfig
from pathlib import Path
from typing import IO, Any

from pageswap.agent.workspace.work_folder import cache_root, private_folder
from pageswap.errors import HostError

_IDS = ("/etc/machine-id", "/proc/sys/kernel/random/boot_id")


def main(stdin: IO[bytes]) -> None:
    """Read {"workdir": path or null}, print the facts as one JSON object."""
    print(json.dumps(facts(json.loads(stdin.readline())["workdir"])), flush=True)  # noqa: T201 - the answer


def facts(workdir: str | None) -> dict[str, Any]:
    """Return the folder for bundles and journals, and what decides which cffi backend and which core can load."""
    try:
        cache = private_folder(workdir) if workdir else cache_root()
    except HostError as error:
        return {"error": str(error)}
    return {
        "cache": cache,
        "python": sys.executable,
        "version": list(sys.version_info[:3]),
        "implementation": sys.implementation.name,
        "tag": "cp{}{}".format(*sys.version_info[:2]),
        "abi": sys.abiflags + ("t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""),
        "machine": os.uname().machine,
        "libc": _libc(),
        "id": _machine_id(),
    }


def _libc() -> str:
    """Return "glibc 2.31", or "" where the C library is another one."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (OSError, ValueError):
        return ""


def _machine_id() -> str:
    """Return what no other machine has, nor this one after its next start; "" where that is not told.

    A hash, as machine-id(5) asks for: the number itself is nobody's business.
    """
    try:
        machine, boot = (Path(name).read_text(encoding="ascii").strip() for name in _IDS)
    except (OSError, ValueError):
        return ""
    return hashlib.sha256(f"{machine} {boot}".encode()).hexdigest() if machine else ""
