"""Hosts that cannot be measured: each ends with 3 and the cure, leaves nothing there, and works once it is mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.fleet import check_quiet, check_whole
from tests.integration.network import USER, USERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.fleet import Ended, Fleet
    from tests.integration.network import Host

FAKE_PYTHON = """\
#!/bin/sh
# Says of itself that it is Python 3.8, whatever it is asked.
exec /usr/bin/python3.11.away -c '
import sys
sys.version_info, sys.version, sys.hexversion = (3, 8, 20, "final", 0), "3.8.20 (default)", 0x030814F0
exec(sys.argv[sys.argv.index("-c", 1) + 1])
' "$@"
"""


def check_refused(fleet: Fleet, host: Host, ended: Ended, *words: str) -> None:
    """Assert the exit code, the words of the error, and that no run and no process is left."""
    assert ended.code == 3, ended.errors
    for word in words:
        assert word in ended.errors
    assert fleet.runs() == []
    check_quiet(host)


def asked_to_log_in(host: Host) -> bool:
    """Tell whether anything that authenticates has reached the host's sshd, going by its log."""
    return any(word in host.ssh_log() for word in (USER, "publickey", "authenticating"))


class TestKeys:
    """A host proves who it is before anyone proves anything to it."""

    def test_an_unknown_key(self, fleet: Fleet) -> None:
        """Is refused before any authentication, unless told to accept it, which is remembered."""
        host = fleet.network.add("lab1", is_known=False)
        check_refused(fleet, host, fleet.run("lab1"), "lab1", "--accept-new")
        assert "Connection from" in host.ssh_log()
        assert not asked_to_log_in(host)

        accepted = fleet.run("lab1", accept_new=True)
        assert accepted.code == 0, accepted.errors
        assert host.public_key.split()[1] in fleet.network.known_hosts.read_text()
        fleet.check_next_run("lab1")

    def test_a_changed_key(self, fleet: Fleet) -> None:
        """Is refused before any authentication, also when new keys are accepted, and stays refused."""
        host, other = fleet.network.add("lab1", is_known=False), fleet.network.add("lab2")
        known = fleet.network.known_hosts
        former = known.read_text()
        known.write_text(f"{former}{host.address} {other.public_key}\n")
        for accept_new in (False, True):
            check_refused(fleet, host, fleet.run("lab1", accept_new=accept_new), "lab1", str(known))
        assert "Connection from" in host.ssh_log()
        assert not asked_to_log_in(host)
        assert host.public_key not in known.read_text()

        known.write_text(f"{former}{host.address} {host.public_key}\n")
        fleet.check_next_run("lab1")

    def test_a_user_whom_the_host_does_not_let_in(self, fleet: Fleet) -> None:
        """The text says what to look at."""
        host = fleet.network.add("lab1")
        fleet.network.configure("lab1", User="nobody-such")
        check_refused(fleet, host, fleet.run("lab1"), "lab1", "User", "IdentityFile")

        fleet.network.configure("lab1")
        fleet.check_next_run("lab1")

    def test_nobody_there(self, fleet: Fleet) -> None:
        """No sshd; then it is back."""
        host = fleet.network.add("lab1")
        host.kill_sshd()
        check_refused(fleet, host, fleet.run("lab1"), "lab1", "refused")

        host.start_sshd()
        fleet.check_next_run("lab1")


Commands = list[tuple[str, ...]]


def no_python(host: Host) -> Commands:
    """Take every Python away; gives what brings it back."""
    names = host.run("sh", "-c", "ls /usr/bin/python3* /usr/local/bin/python3* 2>/dev/null", check=False).split()
    for name in names:
        host.run("mv", name, f"{name}.away")
    return [("mv", f"{name}.away", name) for name in names]


def old_python(host: Host) -> Commands:
    """Leave one that says it is 3.8."""
    back = no_python(host)
    host.path("usr/bin/python3").write_text(FAKE_PYTHON)
    host.run("chmod", "755", "/usr/bin/python3")
    return back


def mounted(options: str, *folders: str) -> Callable[[Host], Commands]:
    """Mount file systems of some kind where an agent might keep its files."""

    def spoil(host: Host) -> Commands:
        for folder in folders:
            host.run("mkdir", "-p", folder)
            owner = USERS[USER] if folder == HOME else 0
            host.run("mount", "-t", "tmpfs", "-o", f"{options},uid={owner}", "lab", folder)
        return [("umount", folder) for folder in reversed(folders)]

    return spoil


HOME = f"/home/{USER}"
EVERYWHERE = (HOME, "/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - of a host that lives for this test
SPOILT = {
    "no python": (no_python, ("python", "3.9")),
    "python 3.8": (old_python, ("3.8", "3.9")),
    "noexec everywhere": (mounted("noexec,mode=1777", *EVERYWHERE), ("noexec",)),
    "full everywhere": (mounted("size=64k,mode=1777", *EVERYWHERE), ("space",)),
    "read-only everywhere": (mounted("ro,mode=1777", *EVERYWHERE), ("workdir",)),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_host_that_lacks_what_an_agent_needs(fleet: Fleet, how: str) -> None:
    """The text names what is missing; nothing is left there; mended, it is measured."""
    spoil, words = SPOILT[how]
    host = fleet.network.add("lab1")
    mend = spoil(host)
    ended = fleet.run("lab1")
    check_refused(fleet, host, ended, "lab1")
    assert all(word in ended.errors.lower() for word in words), ended.errors

    for command in mend:
        host.run(*command)
    fleet.check_next_run("lab1")


def test_a_newer_python_beside_one_that_is_too_old_is_found(fleet: Fleet) -> None:
    """By its name with the version in it."""
    host = fleet.network.add("lab1")
    old_python(host)
    host.run("mv", "/usr/bin/python3.11.away", "/usr/bin/python3.11")
    host.run("ln", "-s", "python3.11", "/usr/bin/python3.11.away")

    fleet.check_next_run("lab1")


@pytest.mark.parametrize("options", ["ro", "noexec", "size=64k"])
def test_a_spoilt_home_is_done_without(fleet: Fleet, options: str) -> None:
    """Read-only, without programs or full: another place serves, or the text says how to name one, which serves."""
    host = fleet.network.add("lab1")
    mounted(f"{options},mode=755", HOME)(host)
    ended = fleet.run("lab1")
    if ended.code == 0:
        assert ended.run_dir is not None
        check_whole(ended.run_dir, fleet.spec(repeats=1), ["lab1"])
    else:
        check_refused(fleet, host, ended, "lab1", "workdir")
    host.run("install", "-d", "-o", USER, "/srv/measuring")
    ended = fleet.run("lab1", inventory=inventory(fleet, "lab1: {workdir: /srv/measuring}"))

    assert ended.code == 0, ended.errors
    assert list(host.path("srv/measuring").iterdir())


def test_other_hosts_are_measured_when_one_cannot_be(fleet: Fleet) -> None:
    """Exit code 3 all the same, and the report names the host."""
    fleet.network.add("lab1")
    fleet.network.add("lab2", is_known=False)
    ended = fleet.run("lab1", "lab2")

    assert ended.code == 3
    assert "lab2" in ended.errors
    assert ended.run_dir is not None
    check_whole(ended.run_dir, fleet.spec(repeats=1), ["lab1"])
    key = fleet.network.hosts["lab2"]
    with fleet.network.known_hosts.open("a") as known:
        known.write(f"{key.address} {key.public_key}\n")
    assert fleet.resumed(ended.run_dir).code == 0
    check_whole(ended.run_dir, fleet.spec(repeats=1), ["lab1", "lab2"])


def inventory(fleet: Fleet, *hosts: str) -> Path:
    """Write an inventory of hosts."""
    path = fleet.folder / "hosts.yaml"
    path.write_text("hosts:\n" + "".join(f"  {host}\n" for host in hosts))
    return path
