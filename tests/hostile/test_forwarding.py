"""What a host gets of the user who measures it: a program and its words, and no key."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from fleet.sshd import Sshd, wait_for
from requirement import require_ssh

from pageswap.fleet.transport.registry import TRANSPORTS
from pageswap.fleet.transport.transport import Reach

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TELL = "import os; print(os.environ.get('SSH_AUTH_SOCK'))"


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run an agent that this process and its children use."""
    require_ssh()
    path = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL) as running:
        wait_for(path.exists)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        yield
        running.kill()


@pytest.mark.usefixtures("agent")
def test_no_agent_is_forwarded(tmp_path: Path) -> None:
    """Though the ssh_config says so, and ssh itself does it."""
    sshd = Sshd(tmp_path / "sshd")
    sshd.configure("ForwardAgent yes")
    tell = f'{sys.executable} -c "{TELL}"'
    typed = subprocess.run(["ssh", "-F", sshd.config, sshd.alias, tell], stdout=subprocess.PIPE, check=True)
    told = {}
    for via in ("fabric", "openssh"):
        way = TRANSPORTS[via](sshd.alias, Reach(sshd.config))
        stream = way.start([sys.executable, "-c", "import os; print(os.environ.get(input()))"], b"SSH_AUTH_SOCK\n")
        told[via] = b"".join(iter(stream.read, b""))
        stream.close()
        way.close()
    sshd.stop()

    assert os.fsencode(os.sep) in typed.stdout
    assert told == {"fabric": b"None\n", "openssh": b"None\n"}
