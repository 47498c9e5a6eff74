"""What a test needs of its machine: absent, the test is skipped, or fails where PAGESWAP_REQUIRE names it."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest


def require(name: str, present: object, reason: str) -> None:
    """Skip the running test with `reason` unless `present`; fail it when PAGESWAP_REQUIRE lists `name`."""
    if present:
        return
    if name in os.environ.get("PAGESWAP_REQUIRE", "").split(","):
        pytest.fail(f"{name} is required here: {reason}")
    pytest.skip(reason)


def require_ssh() -> None:
    """Skip the running test likewise where the system has no OpenSSH client, whose parts come together."""
    require("ssh", shutil.which("ssh"), "needs an OpenSSH client: apt-get install openssh-client")


def require_own_mounts() -> None:
    """Skip the running test likewise where it may have no mounts of its own: without root, or where / is no mount."""
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True, check=False)
    require("root", tried.returncode == 0, f"needs root, and a / that is a mount: {tried.stderr.strip()}")
