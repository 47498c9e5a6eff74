"""The test hosts themselves: apart like machines, breakable like machines, and gone when their maker is."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.agent_processes import kill
from tests.integration.lab import wait_until
from tests.integration.network import ROOT, SWITCH_ADDRESS, USER, USERS

if TYPE_CHECKING:
    from tests.integration.network import Network
    from tests.integration.roots import Roots

MAKER = """
import sys
from pathlib import Path
from tests.integration.network import Network
made = Network(Path(sys.argv[1]))
host = made.add("lab1")
print(host.init, made.switch.pid, host.process.pid, flush=True)
sys.stdin.read()
"""


def ssh(network: Network, host: str, command: str, timeout_s: float = 10) -> subprocess.CompletedProcess[str]:
    """Run a command on a host as a user of ssh would."""
    return subprocess.run(
        [*network.inside, "ssh", "-F", str(network.ssh_config), "-o", "BatchMode=yes", host, command],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )


def test_hosts_are_as_apart_as_machines(network: Network) -> None:
    """Names, users, homes, processes, temporary files; nothing of this project's is there."""
    one, two = network.add("lab1"), network.add("lab2")
    (one.home() / "mark").touch()
    script = "hostname; id -un; pwd; ls; ls /tmp | wc -l; ps -e -o comm= | grep -cx sleep; ls " + str(ROOT)
    sleeper = subprocess.Popen([*network.inside, "ssh", "-F", str(network.ssh_config), "lab2", "exec sleep 60"])
    wait_until(two.processes)
    first, second = (ssh(network, name, script).stdout.splitlines() for name in ("lab1", "lab2"))

    assert first == ["lab1", USER, f"/home/{USER}", "mark", "0", "0"]
    assert second == ["lab2", USER, f"/home/{USER}", "0", "1"]
    assert [(process.uid, process.words) for process in two.processes()] == [(USERS[USER], ("sleep", "60"))]
    assert one.processes() == []
    assert socket.gethostname() not in {"lab1", "lab2"}
    assert not Path(f"/home/{USER}").exists()
    sleeper.kill()
    sleeper.wait()


def test_a_host_key_is_its_own_and_known(network: Network) -> None:
    """So that an unknown and a changed one can be tested."""
    network.add("lab1")
    network.add("lab2", is_known=False)

    assert ssh(network, "lab1", "true").returncode == 0
    refused = ssh(network, "lab2", "true")
    assert refused.returncode == 255
    assert "Host key verification failed" in refused.stderr


def test_cables_and_daemons_can_fail_and_come_back(network: Network) -> None:
    """Nothing answers; nobody listens; all is well again."""
    host = network.add("lab1")
    host.link("down")
    with pytest.raises(subprocess.TimeoutExpired):
        ssh(network, "lab1", "true", timeout_s=1)
    host.link("up")
    host.kill_sshd()
    assert "Connection refused" in ssh(network, "lab1", "true").stderr
    host.start_sshd()
    assert ssh(network, "lab1", "true").returncode == 0


def test_a_delay_delays(network: Network) -> None:
    """Each way; a fast host seems far away."""
    host = network.add("lab1")
    network.configure("far", HostName=SWITCH_ADDRESS, Port=network.delayed(host, 0.2), HostKeyAlias=host.address)
    start = time.monotonic()

    assert ssh(network, "far", "hostname").stdout == "lab1\n"
    assert time.monotonic() - start > 4 * 0.2


def test_nothing_is_left_when_the_maker_is_killed(network: Network) -> None:
    """Neither processes nor, as they live in the processes' namespaces only, mounts and addresses."""
    command = [sys.executable, "-c", MAKER, str(network.folder / "other")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as maker:
        assert maker.stdout is not None
        pids = [int(word) for word in maker.stdout.readline().split()]
        assert len(pids) == 3
        assert all(Path(f"/proc/{pid}").exists() for pid in pids)
        kill(maker.pid)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
    assert str(network.folder / "other") not in Path("/proc/self/mounts").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suite", "expected"),
    [
        ("bullseye", ["3.9", "glibc 2.31", "/usr/bin/gcc"]),
        ("bookworm", ["3.11", "glibc 2.36"]),
        ("trixie", ["3.13", "glibc 2.41"]),
    ],
)
def test_other_debians_are_hosts_too(network: Network, roots: Roots, suite: str, expected: list[str]) -> None:
    """With their own Python, C library and tools."""
    network.add(suite, lower=str(roots[suite]))
    version = "import sys; print('%d.%d' % sys.version_info[:2])"
    script = f'python3 -c "{version}"; getconf GNU_LIBC_VERSION; which gcc; python3 -c "import pip" && echo pip'

    assert ssh(network, suite, script).stdout.splitlines() == expected
