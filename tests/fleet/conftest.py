"""A host that is reached by SSH, for the tests of what reaches it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from fleet.sshd import SSHD, Sshd
from requirement import require

from pageswap.fleet.inventory import InventoryHost
from pageswap.fleet.provision.bundle import Bundle
from pageswap.fleet.provision.cffi_backend import LOCAL_TAG
from pageswap.fleet.transport.ssh import SshTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pageswap.fleet.transport.ssh import Build


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    """Run an sshd that the test may treat as it likes; the user's own keys stay out of it."""
    require("sshd", SSHD and os.geteuid() == 0, "needs root and sshd: apt-get install openssh-server")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    running = Sshd(tmp_path / "sshd")
    yield running
    running.stop()


@pytest.fixture
def reach(sshd: Sshd) -> Iterator[Callable[..., SshTarget]]:
    """Make targets that reach the host, whose Python is this one unless `python` says otherwise."""
    made: list[SshTarget] = []

    def make(
        *,
        python: str | None = sys.executable,
        workdir: str | None = None,
        accept_new: bool = False,
        core: Build = "auto",
    ) -> SshTarget:
        host = InventoryHost(sshd.alias, python=python, workdir=workdir)
        made.append(SshTarget(sshd.alias, host, sshd.config, accept_new=accept_new, core=core))
        return made[-1]

    yield make
    for target in made:
        target.close()


@pytest.fixture
def talking(reach: Callable[..., SshTarget]) -> Callable[[str], SshTarget]:
    """Make a target whose program is what the test says."""

    def make(source: str) -> SshTarget:
        read = "import json, os, sys, time\ndocument = json.loads(sys.stdin.readline())\n"
        files = {
            "__main__.py": (read + source).encode(),
            "pageswap/__init__.py": b"",
            "pageswap/native/__init__.py": b"",
        }
        target = reach()
        target.ensure_bundle(Bundle.of(files, LOCAL_TAG))
        return target

    return make
