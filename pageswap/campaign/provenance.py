"""Where a run's numbers come from: the code's commit, the command that was typed, who typed it, on which Python."""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import pageswap

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_GIT_TIMEOUT_S = 10.0


def provenance(repository: Path, command: Sequence[str]) -> dict[str, Any]:
    """Return commit, dirty, version, command, user and python; what cannot be told is None.

    `dirty` also counts files that git does not know: a new method's source changes what is measured.
    """
    commit, dirty = _git_state(repository)
    user = None
    with contextlib.suppress(KeyError, OSError):
        user = getpass.getuser()
    return {
        "commit": commit,
        "dirty": dirty,
        "version": pageswap.__version__,
        "command": shlex.join(command),
        "user": user,
        "python": platform.python_version(),
    }


def _git_state(repository: Path) -> tuple[str | None, bool | None]:
    # The ceiling keeps git from taking a repository around this one for it.
    environ = {**os.environ, "GIT_CEILING_DIRECTORIES": str(repository.parent), "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", "-C", str(repository), "status", "--porcelain=v2", "--branch"]
    try:
        result = subprocess.run(  # noqa: S603 - constant but for our own path
            command, env=environ, capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None, None
    lines = result.stdout.splitlines()
    commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid ")), "(initial)")
    if commit == "(initial)":
        return None, None
    return commit, any(not line.startswith("#") for line in lines)
