"""A host behind a real sshd is a target like any other; what is wrong with the way to it is named with its cure."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fleet.sshd import Sshd, make_key, wait_for
from requirement import require

from pageswap.errors import (
    HostAuthError,
    HostError,
    HostKeyError,
    HostLinkLostError,
    HostPythonError,
    HostUnreachableError,
    UsageError,
)
from pageswap.fleet import make_bundle
from pageswap.fleet.inventory import InventoryHost
from pageswap.fleet.provision import boot_program
from pageswap.fleet.transport import ssh, ssh_connection, ssh_stream
from pageswap.fleet.transport.ssh import SshTarget
from pageswap.fleet.transport.ssh_config import SshConfig
from pageswap.fleet.transport.target import HopelessError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ASKED_TO_LOG_IN = "userauth-request"
SECRET = "s3cret-word"  # noqa: S105 - nobody's


class TestRealAgent:
    """The program that also runs on this machine."""

    def test_verbs_are_answered(self, sshd: Sshd, reach: Callable[..., SshTarget]) -> None:
        """Facts with the core's, and the state of a segment that never was."""
        target = reach()
        target.ensure_bundle(make_bundle())
        work_dir = target.work_dir("run", 1)
        facts = target.call("facts", {})

        assert work_dir == f"{sshd.folder}/cache/runs/run/lab1/1"
        assert target.call("status", {"work_dir": work_dir})["alive"] is False
        assert facts["environment"]["core"]["core_hash"]
        assert facts["environment"]["core"]["build"] == "controller"

    def test_a_second_time_uploads_nothing(self, sshd: Sshd, reach: Callable[..., SshTarget]) -> None:
        """The bundle is found by its hash; nothing else is left beside it, and only its user may look."""
        first, second = reach(), reach()
        first.ensure_bundle(make_bundle())
        folder = next((sshd.folder / "cache" / "bundles").iterdir())
        before = folder.stat().st_ino
        second.ensure_bundle(make_bundle())

        assert first.ledger()["uploading"] > 0
        assert second.ledger()["uploading"] == 0
        assert min(first.ledger()["connecting"], second.ledger()["connecting"]) > 0
        assert [path.stat().st_ino for path in (sshd.folder / "cache" / "bundles").iterdir()] == [before]
        assert {path.stat().st_mode & 0o777 for path in (folder, folder.parent, folder.parent.parent)} == {0o700}

    @pytest.mark.parametrize("damage", ["cut", "removed", "compiled changed"])
    def test_a_damaged_bundle_is_uploaded_again(self, sshd: Sshd, reach: Callable[..., SshTarget], damage: str) -> None:
        """Its files are hashed on the host each time."""
        reach().ensure_bundle(make_bundle())
        folder = next((sshd.folder / "cache" / "bundles").iterdir())
        victim = folder / "pageswap" / "agent" / "cli.py"
        compiled = next((folder / "pageswap" / "agent" / "__pycache__").glob("cli.*"))
        if damage == "cut":
            victim.write_bytes(victim.read_bytes()[:-10])
        elif damage == "removed":
            victim.unlink()
        else:
            compiled.write_bytes(compiled.read_bytes()[:-1] + b"?")
        target = reach()
        target.ensure_bundle(make_bundle())

        assert target.ledger()["uploading"] > 0
        assert target.call("status", {"work_dir": "/nowhere"})["alive"] is False

    def test_damage_on_the_way_is_found(
        self, sshd: Sshd, reach: Callable[..., SshTarget], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each file is checked where it arrives; nothing of it stays."""
        send = ssh_stream.SshStream.send
        monkeypatch.setattr(
            ssh_stream.SshStream, "send", lambda self, data: send(self, data.replace(b"_VERBS", b"_VERBZ"))
        )
        with pytest.raises(HostError, match=r"lab1: .*arrived damaged \(sha256 differs\)"):
            reach().ensure_bundle(make_bundle())

        assert list((sshd.folder / "cache" / "bundles").iterdir()) == []

    def test_the_work_directory_may_be_elsewhere(self, sshd: Sshd, reach: Callable[..., SshTarget]) -> None:
        """As the inventory says; made, private, and with whatever name does not confuse a shell."""
        target = reach(workdir=f"{sshd.folder}/some where/päge")
        target.ensure_bundle(make_bundle())

        assert target.work_dir("run", 2) == f"{sshd.folder}/some where/päge/runs/run/lab1/2"
        assert target.call("status", {"work_dir": "/nowhere"})["alive"] is False
        assert (sshd.folder / "some where" / "päge").stat().st_mode & 0o777 == 0o700

    @pytest.mark.parametrize(
        "name", ["a'b", "a$(touch canary)", "a`touch canary`", 'a"b', "a;touch canary", "a\\b", "a!b"]
    )
    def test_a_path_that_a_shell_could_misread_is_refused(
        self, sshd: Sshd, reach: Callable[..., SshTarget], name: str
    ) -> None:
        """Rather than quoted for shells that nobody has listed."""
        target = reach(workdir=f"{sshd.folder}/{name}")
        with pytest.raises(HostError, match=r"all that a path on a host may hold.*'workdir:'"):
            target.ensure_bundle(make_bundle())

        assert list(sshd.home.rglob("canary")) == []
        assert not (sshd.folder / name).exists()

    def test_a_name_that_is_no_alias_is_refused(self, sshd: Sshd) -> None:
        """It becomes a folder's name there."""
        with pytest.raises(UsageError, match="is not a host"):
            SshTarget("../lab1", InventoryHost("../lab1"), sshd.config)

    def test_one_connection_serves_all(self, sshd: Sshd, reach: Callable[..., SshTarget]) -> None:
        """Also calls at the same time, from several threads."""
        target = reach()
        target.ensure_bundle(make_bundle())
        target.close()
        answers: list[object] = []
        before = sshd.connections()
        threads = [
            threading.Thread(target=lambda: answers.append(target.call("status", {"work_dir": "/x"})["alive"]))
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert answers == [False] * 6
        assert sshd.connections() == before + 1

    def test_a_call_after_closing_connects_again(self, sshd: Sshd, reach: Callable[..., SshTarget]) -> None:
        """Closing lets go, no more."""
        target = reach()
        target.ensure_bundle(make_bundle())
        before = sshd.connections()
        target.close()
        target.close()

        assert target.call("status", {"work_dir": "/x"})["alive"] is False
        assert sshd.connections() == before + 1

    def test_a_bundle_comes_first(self, reach: Callable[..., SshTarget]) -> None:
        """Forgetting it is an error, not a crash."""
        with pytest.raises(HostError, match="no bundle"):
            reach().call("status", {})


class TestPythonsThatHang:
    """A program of that name which never says anything."""

    @pytest.fixture
    def hanging(self, sshd: Sshd) -> str:
        """Give its path on the host."""
        path = sshd.folder / "python3"
        path.write_text("#!/bin/sh\nsleep 1000 &\nwait\n")
        path.chmod(0o755)
        return str(path)

    def test_is_killed_and_named(
        self, sshd: Sshd, reach: Callable[..., SshTarget], hanging: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing of it is left on the host."""
        monkeypatch.setattr(boot_program, "START_S", 1)
        with pytest.raises(HostPythonError, match=r"^lab1: /.*/python3: did not start .* another 'python:', or none,"):
            reach(python=hanging).facts()

        assert [pid for pid in sshd.programs() if hanging in Path(f"/proc/{pid}/cmdline").read_text()] == []

    def test_is_not_waited_for_where_nothing_kills_it(
        self, reach: Callable[..., SshTarget], hanging: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """On a host without timeout(1), or whose login shell hangs."""
        monkeypatch.setattr(ssh, "_PROBE_S", 0.2)
        with pytest.raises(
            HostPythonError, match=r"^lab1: no word from its Python within 0\.2 s; look at what 'ssh lab1"
        ):
            reach(python=hanging).facts()


class TestHostKeys:
    """Before the host has proved who it is, nothing is told to it."""

    def test_an_unknown_key_ends_it_before_any_log_in(self, sshd: Sshd, reach: Callable[..., SshTarget]) -> None:
        """With the fingerprint, the cure, and no second attempt."""
        sshd.know(())
        with pytest.raises(
            HostKeyError, match=r"lab1 \(127\.0\.0\.1:\d+\): its host key .* is unknown; .*--accept-new"
        ):
            reach().facts()

        assert ASKED_TO_LOG_IN not in sshd.said()
        assert sshd.said().count("kex: algorithm") == 1

    def test_a_changed_key_ends_it_before_any_log_in(self, sshd: Sshd, reach: Callable[..., SshTarget]) -> None:
        """Also when new keys are accepted; the file stays as it is."""
        other = make_key(sshd.folder / "other").rsplit(" ", 1)[0]
        sshd.known_hosts.write_text(f"[127.0.0.1]:{sshd.port} {other}\n")
        with pytest.raises(HostKeyError, match="has changed") as raised:
            reach(accept_new=True).facts()

        assert raised.value.exit_code == 3
        assert ASKED_TO_LOG_IN not in sshd.said()
        assert sshd.known_hosts.read_text() == f"[127.0.0.1]:{sshd.port} {other}\n"

    def test_accepting_a_new_key_is_once_and_explicit(self, sshd: Sshd, reach: Callable[..., SshTarget]) -> None:
        """The next connection knows it."""
        sshd.know(())
        reach(accept_new=True).facts()

        assert reach().facts().tag
        assert sshd.known_hosts.read_text().startswith(f"[127.0.0.1]:{sshd.port} ssh-ed25519 ")

    def test_a_host_is_asked_for_the_key_that_is_known(
        self, tmp_path: Path, sshd: Sshd, reach: Callable[..., SshTarget]
    ) -> None:
        """One of another type would be unknown."""
        kinds = ("ed25519", "ecdsa", "rsa")
        many = Sshd(tmp_path / "many", key_kinds=kinds)
        try:
            for kind in kinds:
                many.know((kind,))
                target = SshTarget(many.alias, InventoryHost(many.alias), many.config)
                assert target.facts().tag
                target.close()
        finally:
            many.stop()
        del sshd, reach


class TestLoggingIn:
    """Who may in, and the way."""

    def test_a_key_that_the_host_does_not_know(self, sshd: Sshd, reach: Callable[..., SshTarget]) -> None:
        """Tried once."""
        make_key(sshd.folder / "stranger")
        sshd.configure(key=sshd.folder / "stranger")
        with pytest.raises(HostAuthError, match=r"let nobody in .* 'ssh lab1 true' must work .*IdentityFile"):
            reach().facts()

        assert sshd.connections() == 1 + 1  # one by the test's own start

    def test_a_user_that_is_not_there(self, sshd: Sshd, reach: Callable[..., SshTarget]) -> None:
        """The name is not repeated."""
        sshd.configure(user=SECRET)
        with pytest.raises(HostAuthError) as raised:
            reach().facts()

        assert SECRET not in str(raised.value)

    @pytest.mark.parametrize("key", ["missing", "no key"])
    def test_no_usable_key(self, sshd: Sshd, reach: Callable[..., SshTarget], key: str) -> None:
        """Neither a file that is missing nor one that holds no key is a mystery."""
        path = sshd.folder / "key"
        if key == "no key":
            path.write_text("nothing\n")
        sshd.configure(key=path)
        with pytest.raises(HostAuthError, match="IdentityFile"):
            reach().facts()

    @pytest.mark.parametrize("is_only", [False, True])
    def test_the_keys_of_the_home_folder(
        self, sshd: Sshd, reach: Callable[..., SshTarget], monkeypatch: pytest.MonkeyPatch, *, is_only: bool
    ) -> None:
        """Are tried where the ssh_config names none, and only there."""
        monkeypatch.setenv("HOME", str(sshd.folder / "user"))
        (sshd.folder / "user" / ".ssh").mkdir(parents=True)
        shutil.copy(sshd.user_key, sshd.folder / "user" / ".ssh" / "id_ed25519")
        make_key(sshd.folder / "stranger")
        sshd.configure(key=sshd.folder / "stranger")
        if is_only:
            with pytest.raises(HostAuthError):
                reach().facts()
            return
        kept = [line for line in sshd.config.read_text().splitlines() if "Identit" not in line]
        sshd.config.write_text("\n".join([*kept, ""]))

        assert reach().facts().tag

    def test_a_locked_key(self, sshd: Sshd, reach: Callable[..., SshTarget]) -> None:
        """Nobody is asked for its passphrase."""
        subprocess.run(["ssh-keygen", "-q", "-p", "-N", SECRET, "-f", str(sshd.user_key)], check=True)
        with pytest.raises(HostAuthError, match="ssh-add"):
            reach().facts()

    @pytest.mark.parametrize("name", ["user_key", "user_key.pub"])
    def test_a_locked_key_that_the_agent_has(
        self, sshd: Sshd, reach: Callable[..., SshTarget], monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        """Serves although IdentitiesOnly keeps all its other keys out of it; its public half is enough to name it."""
        path = sshd.folder / "agent"
        with subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL) as agent:
            wait_for(path.exists)
            monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
            for number in range(8):  # more than a host lets anybody try
                make_key(sshd.folder / f"other{number}")
                subprocess.run(["ssh-add", "-q", str(sshd.folder / f"other{number}")], check=True)
            subprocess.run(["ssh-add", "-q", str(sshd.user_key)], check=True)
            subprocess.run(["ssh-keygen", "-q", "-p", "-N", SECRET, "-f", str(sshd.user_key)], check=True)
            sshd.configure(key=sshd.folder / name)
            try:
                assert reach().facts().tag
            finally:
                agent.kill()

    def test_through_a_jump_host(self, sshd: Sshd, reach: Callable[..., SshTarget]) -> None:
        """Which is verified and logged into as the ssh_config says."""
        sshd.configure("ProxyJump jump")
        own = sshd.config.read_text().splitlines()[2:]
        sshd.config.write_text(sshd.config.read_text() + "\n".join(["Host jump", *own, ""]))
        target = reach()
        target.ensure_bundle(make_bundle())

        assert target.call("status", {"work_dir": "/x"})["alive"] is False
        assert sshd.said().count("Accepted publickey") == 2

    def test_a_jump_host_with_an_unknown_key(self, sshd: Sshd, reach: Callable[..., SshTarget]) -> None:
        """Is not logged into either."""
        sshd.configure("ProxyJump jump")
        own = [line for line in sshd.config.read_text().splitlines()[2:] if "KnownHosts" not in line]
        files = [f"UserKnownHostsFile {sshd.folder}/none", "GlobalKnownHostsFile none"]
        sshd.config.write_text(sshd.config.read_text() + "\n".join(["Host jump", *own, *files, ""]))
        with pytest.raises(HostKeyError, match=r"^jump "):
            reach().facts()

        assert ASKED_TO_LOG_IN not in sshd.said()

    def test_through_a_command(self, sshd: Sshd, reach: Callable[..., SshTarget]) -> None:
        """Whose process ends with the connection."""
        relay = sshd.folder / "relay.py"
        relay.write_text(
            "import socket, sys, os, threading\n"
            "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
            "def up():\n"
            "    while data := os.read(0, 65536): s.sendall(data)\n"
            "threading.Thread(target=up, daemon=True).start()\n"
            "while data := s.recv(65536): os.write(1, data)\n"
        )
        sshd.configure(f"ProxyCommand {sys.executable} {relay} %h %p")
        target = reach()
        target.ensure_bundle(make_bundle())
        proxy = target._connection._proxy  # type: ignore[union-attr]
        target.close()

        assert proxy is not None
        assert proxy.returncode is not None

    def test_a_command_that_fails_keeps_its_secrets(
        self,
        sshd: Sshd,
        reach: Callable[..., SshTarget],
        capfd: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Neither the error nor a log nor the terminal has them."""
        caplog.set_level(logging.DEBUG)
        sshd.configure(f"ProxyCommand sh -c 'echo {SECRET} >&2; exit 1' {SECRET}", user=SECRET)
        with pytest.raises(HostUnreachableError, match=r"lab1 .*cannot be reached") as raised:
            reach().facts()
        printed = capfd.readouterr()

        assert SECRET not in str(raised.value) + printed.out + printed.err + caplog.text


def test_the_kernel_gives_up_on_a_dead_link_as_early_as_we_do(tmp_path: Path) -> None:
    """What it sent and nobody acknowledged, it would send again for a quarter of an hour."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        config = tmp_path / "ssh_config"
        config.write_text(f"Host lab1\nHostName 127.0.0.1\nPort {server.getsockname()[1]}\n")
        with ssh_connection._tcp_socket(SshConfig(config).route("lab1")) as found:
            patience_ms = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)

            assert patience_ms == ssh_connection.PATIENCE_S * 1000
            assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


@pytest.mark.parametrize(
    ("number", "is_hopeless", "words"),
    [
        (socket.EAI_NONAME, True, r"no such host name \(.*\); give the alias a HostName"),
        (socket.EAI_AGAIN, False, "no such host name so far"),
    ],
)
def test_an_unknown_name_is_hopeless_unless_nobody_could_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str, *, is_hopeless: bool
) -> None:
    """It will be as unknown a second later; a name server that was busy may answer then."""

    def unknown(*_: object) -> None:
        raise socket.gaierror(number, "the resolver's words")

    monkeypatch.setattr(socket, "create_connection", unknown)
    config = tmp_path / "ssh_config"
    config.write_text("Host lab1\nHostName no-such-host.invalid\n")
    with pytest.raises(HostUnreachableError, match=words) as raised:
        SshTarget("lab1", InventoryHost("lab1"), config).facts()

    assert isinstance(raised.value, HopelessError) == is_hopeless


def test_a_user_without_a_name_is_told_to_have_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user is a number only."""

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("getpass.getuser", nobody)
    config = tmp_path / "ssh_config"
    config.write_text("Host lab1\nHostName 127.0.0.1\n")
    with pytest.raises(HostError, match=r"your own name on this machine is unknown, .*; set LOGNAME"):
        SshTarget("lab1", InventoryHost("lab1"), config).facts()


class TestUnreachable:
    """No connection comes about."""

    def test_nobody_listens(self, sshd: Sshd, reach: Callable[..., SshTarget]) -> None:
        """Named with address and cure."""
        sshd.stop()
        with pytest.raises(
            HostUnreachableError, match=r"lab1 \(127.0.0.1:\d+\): cannot be reached: Connection refused; try"
        ):
            reach().facts()

    def test_a_host_that_comes_up_later(self, sshd: Sshd, reach: Callable[..., SshTarget]) -> None:
        """Is reached by the same target, which nothing of the first attempt keeps from it."""
        sshd.stop()
        target = reach()
        with pytest.raises(HostUnreachableError):
            target.facts()
        sshd.start()

        assert target.facts().tag
        assert target.ledger()["connecting"] > 0

    def test_something_else_listens(self, sshd: Sshd) -> None:
        """Such as a web server."""
        with subprocess.Popen(
            [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=sshd.home,
        ) as server:
            assert server.stdout is not None
            port = server.stdout.readline().split()[5].decode()
            sshd.config.write_text(f"Host lab1\nHostName 127.0.0.1\nPort {port}\n")
            with pytest.raises(HostUnreachableError, match="no SSH server answers there"):
                SshTarget("lab1", InventoryHost("lab1"), sshd.config).facts()
            server.kill()


class TestPython:
    """What a host must have."""

    @pytest.fixture
    def path(self, sshd: Sshd) -> Iterator[Path]:
        """Give a folder that is all of the host's PATH, with a shell in it."""
        folder = sshd.folder / "bin"
        folder.mkdir()
        (folder / "sh").symlink_to("/bin/sh")
        sshd.stop()
        sshd.environment["PATH"] = str(folder)
        sshd.start()
        return folder

    @staticmethod
    def fake(path: Path, version: str) -> None:
        """Put a Python there that says it is of that version."""
        path.write_text(f'#!/bin/sh\ncase "$*" in *version.split*) echo {version};; *) exit 1;; esac\n')
        path.chmod(0o755)

    def test_none(self, path: Path, reach: Callable[..., SshTarget]) -> None:
        """The names that were looked for are given."""
        assert path
        with pytest.raises(
            HostPythonError, match=r"no Python >= 3\.9 \(looked for python3, python3\.14, .*python3\.9\); install"
        ):
            reach(python=None).facts()

    def test_the_inventorys_is_not_there(self, reach: Callable[..., SshTarget]) -> None:
        """No other is taken instead."""
        with pytest.raises(HostPythonError, match=r"/nowhere/python3, its 'python:' .* another one or none"):
            reach(python="/nowhere/python3").facts()

    def test_one_that_is_too_old(self, path: Path, reach: Callable[..., SshTarget]) -> None:
        """Is named with its version."""
        self.fake(path / "python3", "3.8.10")
        with pytest.raises(HostPythonError, match=r"too old: found python3 3\.8\.10, expected >= 3\.9; .*'python:'"):
            reach(python=None).facts()

    def test_a_newer_one_beside_an_old_one(self, path: Path, reach: Callable[..., SshTarget]) -> None:
        """Is found by its own name."""
        self.fake(path / "python3", "3.8.10")
        (path / "python3.11").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        (path / "python3.11").chmod(0o755)

        assert reach(python=None).facts().version == "{}.{}.{}".format(*sys.version_info[:3])

    def test_a_shell_that_greets_is_named(self, sshd: Sshd, reach: Callable[..., SshTarget]) -> None:
        """Its words would be taken for a journal's."""
        (sshd.home / ".bashrc").write_text("echo Welcome to lab1\n")
        with pytest.raises(HostError, match=r"its login shell prints text \('Welcome to lab1'\)"):
            reach().facts()

    @pytest.mark.parametrize("version", ["3.9", "3.10", "3.12", "3.13"])
    def test_any_python_that_serves_gets_its_backend(
        self, sshd: Sshd, reach: Callable[..., SshTarget], version: str
    ) -> None:
        """Downloaded once, with the hash it must have."""
        pythons = sorted((Path.home() / ".pyenv/versions").glob(f"{version}.*/bin/python3")) or [
            Path(found) for found in [shutil.which(f"python{version}")] if found
        ]
        if not pythons:
            pytest.skip(f"there is no Python {version} here")
        target = reach(python=str(pythons[0]))
        try:
            target.ensure_bundle(make_bundle())
        except HostPythonError as error:
            require("pip-index", present=False, reason=str(error))

        assert target.call("facts", {})["environment"]["python"].startswith(version)
        del sshd


class TestFolders:
    """Where a bundle cannot be, and why."""

    @pytest.fixture
    def mounted(self, sshd: Sshd) -> Iterator[Callable[[str], Path]]:
        """Mount a small file system with given options."""
        folder = sshd.folder / "mounted"
        folder.mkdir()

        def mount(options: str) -> Path:
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
            return folder

        yield mount
        subprocess.run(["umount", "-l", str(folder)], check=False, stderr=subprocess.DEVNULL)

    def test_noexec(self, reach: Callable[..., SshTarget], mounted: Callable[[str], Path]) -> None:
        """What may not be executed there is said, not that a segment could not be mapped."""
        with pytest.raises(HostError, match=r"noexec\); give it a 'workdir:' elsewhere"):
            reach(workdir=f"{mounted('noexec')}/x").ensure_bundle(make_bundle())

    def test_full(self, reach: Callable[..., SshTarget], mounted: Callable[[str], Path]) -> None:
        """Half a bundle does not stay."""
        folder = mounted("size=300k")
        with pytest.raises(HostError, match=r"cannot be written: No space left on device; free space .*'workdir:'"):
            reach(workdir=f"{folder}/x").ensure_bundle(make_bundle())

        assert list((folder / "x" / "bundles").iterdir()) == []

    def test_read_only(self, reach: Callable[..., SshTarget], mounted: Callable[[str], Path]) -> None:
        """A folder that was asked for is not replaced by another."""
        with pytest.raises(HostError, match=r"Read-only file system; .*'workdir:'"):
            reach(workdir=f"{mounted('ro')}/x").facts()


class TestStreams:
    """Reading what comes, when it comes, from beyond a network."""

    def test_lines_come_as_they_are_printed(self, talking: Callable[[str], SshTarget]) -> None:
        """Nothing in time is not the end."""
        stream = talking("print('line', flush=True)\nsys.stdin.readline()\nprint('last')").follow("/w", 0)
        first = stream.read()
        nothing = stream.read(0.05)
        stream.send(b"go\n")  # type: ignore[attr-defined]

        assert (first, nothing) == (b"line\n", None)
        assert stream.read() == b"last\n"
        assert stream.read() == b""
        assert stream.close() == ""
        assert stream.close() == ""

    def test_a_program_that_dies_is_an_end_with_its_complaint(self, talking: Callable[[str], SshTarget]) -> None:
        """Not a lost link: the host is there and says so; also when a signal ended it."""
        with pytest.raises(HostError, match=r"lab1: status: ended without an answer: .*broken python") as raised:
            talking("sys.exit('broken python')").call("status", {})
        assert not isinstance(raised.value, HostLinkLostError)
        with pytest.raises(HostError, match="ended without an answer") as raised:
            talking("os.kill(os.getpid(), 9)").call("status", {})
        assert not isinstance(raised.value, HostLinkLostError)

    def test_endless_complaints_neither_block_nor_fill_memory(self, talking: Callable[[str], SshTarget]) -> None:
        """Only their end is kept."""
        target = talking("sys.stderr.write('x' * (8 << 20) + 'end')\nprint('{\"done\": 1}')")
        stream = target.open("status", {})

        assert b"".join(iter(stream.read, b"")) == b'{"done": 1}\n'
        assert stream.close() == "x" * 1997 + "end"

    def test_endless_output_is_cut_off(
        self, talking: Callable[[str], SshTarget], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever reads it."""
        monkeypatch.setattr(ssh_stream, "MAX_BYTES", 1 << 20)
        stream = talking("while True: print('x' * 9999)").open("follow", {})
        with pytest.raises(HostError, match="which is no journal"):
            list(iter(stream.read, b""))

    @pytest.mark.parametrize("how", ["cancel", "close"])
    def test_a_program_that_is_no_longer_wanted_is_ended(
        self, sshd: Sshd, talking: Callable[[str], SshTarget], how: str
    ) -> None:
        """Its sshd is asked to kill it, which it does unless for root; and what it writes to is closed."""
        source = (
            "import select\n"
            "print(os.getpid(), flush=True)\n"
            "output = select.poll()\n"
            "output.register(1, 0)\n"
            "output.poll(60_000)\n"
        )
        stream = talking(source).open("start", {})
        pid = int(stream.read() or b"")
        before = sshd.said().count("req signal")
        assert is_alive(pid)
        getattr(stream, how)()

        wait_for(lambda: not is_alive(pid))
        wait_for(lambda: sshd.said().count("req signal") > before)

    def test_cancelling_wakes_a_reader(self, talking: Callable[[str], SshTarget]) -> None:
        """In another thread, with the end."""
        stream = talking("time.sleep(600)").open("start", {})
        got: list[object] = []
        reader = threading.Thread(target=lambda: got.append(stream.read()))
        reader.start()
        time.sleep(0.1)
        stream.cancel()
        reader.join(20)

        assert got == [b""]
        assert stream.close() == ""

    def test_a_follower_gets_signs_of_life(
        self, talking: Callable[[str], SshTarget], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While somebody reads, and only then."""
        monkeypatch.setattr(ssh_stream, "SIGN_S", 0.1)
        stream = talking("print(document['signs_s'], repr(os.read(0, 1)))").follow("/w", 0)

        assert stream.read() == b"20 b'\\n'\n"

    def test_a_follower_that_is_never_silent_gets_them_too(
        self, talking: Callable[[str], SshTarget], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As one that has a long journal to catch up with."""
        monkeypatch.setattr(ssh_stream, "SIGN_S", 0.1)
        source = (
            "import select\n"
            "until = time.monotonic() + 20\n"
            "while not select.select([0], [], [], 0)[0] and time.monotonic() < until: print('x' * 99)\n"
            "print('sign' if time.monotonic() < until else 'none')"
        )
        stream = talking(source).follow("/w", 0)

        assert b"".join(iter(stream.read, b"")).splitlines()[-1] == b"sign"


class TestLinks:
    """A connection that breaks."""

    def test_a_reader_is_told_and_the_next_call_connects_again(
        self, sshd: Sshd, talking: Callable[[str], SshTarget]
    ) -> None:
        """That the link is lost is no end of a journal."""
        target = talking("print('{\"a\": 1}', flush=True)\nif document: time.sleep(600)")
        stream = target.follow("/w", 0)
        first = stream.read()
        sshd.kill_sessions()
        with pytest.raises(HostLinkLostError, match=r"lab1: the connection is lost; .*'inv resume'"):
            stream.read()
        stream.close()

        assert first == b'{"a": 1}\n'
        assert target.call("status", {}) == {"a": 1}

    def test_a_link_that_falls_silent_is_noticed(
        self, sshd: Sshd, talking: Callable[[str], SshTarget], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing is closed then: the host is asked, and does not answer."""
        monkeypatch.setattr(ssh_connection, "BEAT_S", 0.1)
        monkeypatch.setattr(ssh_connection, "PATIENCE_S", 1.0)
        stream = talking("time.sleep(600)").follow("/w", 0)
        sessions = sshd.sessions()
        for pid in sessions:
            os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(HostLinkLostError):
                stream.read()
        finally:
            for pid in sessions:
                os.kill(pid, signal.SIGCONT)

    def test_a_quiet_host_is_not_taken_for_a_dead_one(
        self, talking: Callable[[str], SshTarget], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It answers whenever it is asked."""
        monkeypatch.setattr(ssh_connection, "BEAT_S", 0.05)
        monkeypatch.setattr(ssh_connection, "PATIENCE_S", 1.0)
        stream = talking("time.sleep(2)\nprint('here')").open("status", {})

        assert stream.read() == b"here\n"

    def test_the_times_leave_room_for_what_is_promised(self) -> None:
        """A link that is down for five seconds is none that is lost; one that is lost is noticed within fifteen."""
        assert ssh_connection.BEAT_S + ssh_connection.PATIENCE_S < 15
        assert ssh_connection.PATIENCE_S > 2 * 5 - 1


def is_alive(pid: int) -> bool:
    """Tell whether a process runs, dead ones that nobody waited for aside."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
