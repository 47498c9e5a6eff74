"""A host that is reached by SSH, for the tests of what reaches it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from fleet.sshd import Sshd
from requirement import require_ssh

from pageswap.fleet.provision.bundle import LOCAL_TAG, Bundle
from pageswap.fleet.target import Target
from pageswap.fleet.transport.registry import TRANSPORTS
from pageswap.fleet.transport.transport import Reach

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pageswap.fleet.transport.transport import Transport


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    """Run an sshd that the test may treat as it likes; the user's own keys stay out of it."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    running = Sshd(tmp_path / "sshd")
    yield running
    running.stop()


@pytest.fixture(params=[via for via in TRANSPORTS if via not in ("auto", "local")])
def via(request: pytest.FixtureRequest) -> str:
    """Name each transport that goes through an sshd."""
    if request.param == "openssh":
        require_ssh()
    return str(request.param)


@pytest.fixture
def transport(sshd: Sshd, via: str) -> Callable[..., Transport]:
    """Make transports to the host."""

    def make(*, accept_new: bool = False) -> Transport:
        return TRANSPORTS[via](sshd.alias, Reach(sshd.config, accept_new=accept_new))

    return make


@pytest.fixture
def reach(transport: Callable[..., Transport]) -> Iterator[Callable[..., Target]]:
    """Make targets that reach the host, whose Python is this one unless `python` says otherwise."""
    made: list[Target] = []

    def make(*, accept_new: bool = False, over: Transport | None = None, **given: Any) -> Target:
        way = over or transport(accept_new=accept_new)
        made.append(Target(way, **{"python": sys.executable, **given}))
        return made[-1]

    yield make
    for target in made:
        target.close()


@pytest.fixture
def talking(reach: Callable[..., Target]) -> Callable[[str], Target]:
    """Make a target whose program is what the test says."""

    def make(source: str) -> Target:
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
