"""What is wrong with the way to a host behind a real sshd is named with its cure."""

from __future__ import annotations

import ctypes
import logging
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from fleet.sshd import Sshd, is_alive, make_key, wait_for

from pageswap.errors import (
    HostAuthError,
    HostError,
    HostKeyError,
    HostLinkLostError,
    HostUnreachableError,
)
from pageswap.fleet.inventory import InventoryHost
from pageswap.fleet.provision.bundle import make_bundle
from pageswap.fleet.target import make_target
from pageswap.fleet.transport import transport as limits
from pageswap.fleet.transport.transport import Reach

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pageswap.fleet.target import Target

ASKED_TO_LOG_IN = "userauth-request"
SECRET = "s3cret-word"  # noqa: S105 - nobody's


class TestHostKeys:
    """Before the host has proved who it is, nothing is told to it."""

    def test_an_unknown_key_ends_it_before_any_log_in(self, sshd: Sshd, reach: Callable[..., Target]) -> None:
        """With the fingerprint, the cure, and no second attempt."""
        sshd.know(())
        with pytest.raises(
            HostKeyError, match=r"lab1 \(127\.0\.0\.1:\d+\): its host key .* is unknown; .*--accept-new"
        ):
            reach().facts()

        assert ASKED_TO_LOG_IN not in sshd.said()
        assert sshd.said().count("kex: algorithm") == 1

    def test_a_changed_key_ends_it_before_any_log_in(self, sshd: Sshd, reach: Callable[..., Target]) -> None:
        """Also when new keys are accepted; the file stays as it is."""
        other = make_key(sshd.folder / "other").rsplit(" ", 1)[0]
        sshd.known_hosts.write_text(f"[127.0.0.1]:{sshd.port} {other}\n")
        with pytest.raises(HostKeyError, match="has changed") as raised:
            reach(accept_new=True).facts()

        assert raised.value.exit_code == 3
        assert ASKED_TO_LOG_IN not in sshd.said()
        assert sshd.known_hosts.read_text() == f"[127.0.0.1]:{sshd.port} {other}\n"

    @pytest.mark.parametrize("is_jump", [False, True])
    def test_an_ssh_config_cannot_do_without_it(
        self, sshd: Sshd, reach: Callable[..., Target], *, is_jump: bool
    ) -> None:
        """For the host as for one on the way to it."""
        sshd.know(())
        own = ["StrictHostKeyChecking no", "NoHostAuthenticationForLocalhost yes", "BatchMode no"]
        sshd.configure(*own, *["ProxyJump jump"][: int(is_jump)])
        lines = [line for line in sshd.config.read_text().splitlines()[1:] if "ProxyJump" not in line]
        sshd.config.write_text(sshd.config.read_text() + "\n".join(["Host jump", *lines, ""]))
        with pytest.raises(HostKeyError, match=rf"^{'jump' if is_jump else 'lab1'} .*: its host key .* is unknown"):
            reach().facts()

        assert ASKED_TO_LOG_IN not in sshd.said()

    def test_accepting_a_new_key_is_once_and_explicit(self, sshd: Sshd, reach: Callable[..., Target]) -> None:
        """The next connection knows it."""
        sshd.know(())
        reach(accept_new=True).facts()

        assert reach().facts().tag
        assert sshd.known_hosts.read_text().startswith(f"[127.0.0.1]:{sshd.port} ssh-ed25519 ")

    def test_a_host_is_asked_for_the_key_that_is_known(self, tmp_path: Path, via: str) -> None:
        """One of another type would be unknown."""
        kinds = ("ed25519", "ecdsa", "rsa")
        many = Sshd(tmp_path / "many", key_kinds=kinds)
        try:
            for kind in kinds:
                many.know((kind,))
                target = make_target(InventoryHost(many.alias, via=via), Reach(many.config))
                assert target.facts().tag
                target.close()
        finally:
            many.stop()


class TestLoggingIn:
    """Who may in, and the way."""

    def test_a_key_that_the_host_does_not_know(self, sshd: Sshd, reach: Callable[..., Target]) -> None:
        """Tried once."""
        make_key(sshd.folder / "stranger")
        sshd.configure(key=sshd.folder / "stranger")
        with pytest.raises(HostAuthError, match=r"let nobody in .* 'ssh lab1 true' must work .*IdentityFile"):
            reach().facts()

        assert sshd.connections() == 1 + 1  # one by the test's own start

    def test_too_many_keys_are_tried_once(self, sshd: Sshd, reach: Callable[..., Target]) -> None:
        """The host hangs up before the one that it knows; another attempt would end the same way."""
        keys = [sshd.folder / f"stranger{number}" for number in range(7)]
        for key in keys:
            make_key(key)
        sshd.configure(*(f"IdentityFile {key}" for key in keys))
        with pytest.raises(HostAuthError, match=r"let nobody in .*IdentityFile"):
            reach().facts()

        assert sshd.connections() == 1 + 1
        assert sshd.said().count("Accepted") == 0

    def test_a_user_that_is_not_there(self, sshd: Sshd, reach: Callable[..., Target]) -> None:
        """The name is not repeated."""
        sshd.configure(user=SECRET)
        with pytest.raises(HostAuthError) as raised:
            reach().facts()

        assert SECRET not in str(raised.value)

    @pytest.mark.parametrize("key", ["missing", "no key"])
    def test_no_usable_key(self, sshd: Sshd, reach: Callable[..., Target], key: str) -> None:
        """Neither a file that is missing nor one that holds no key is a mystery."""
        path = sshd.folder / "key"
        if key == "no key":
            path.write_text("nothing\n")
        sshd.configure(key=path)
        with pytest.raises(HostAuthError, match="IdentityFile"):
            reach().facts()

    @pytest.mark.parametrize("is_only", [False, True])
    @pytest.mark.parametrize("via", ["fabric"], indirect=True)  # whose home folder can be the test's
    def test_the_keys_of_the_home_folder(
        self, sshd: Sshd, reach: Callable[..., Target], monkeypatch: pytest.MonkeyPatch, *, is_only: bool
    ) -> None:
        """Are tried where the ssh_config names none, and only there."""
        own = pwd.struct_passwd((*pwd.getpwuid(os.getuid())[:5], str(sshd.folder / "user"), "/bin/sh"))
        monkeypatch.setattr(pwd, "getpwuid", lambda _uid: own)
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

    def test_a_locked_key(self, sshd: Sshd, reach: Callable[..., Target]) -> None:
        """Nobody is asked for its passphrase."""
        subprocess.run(["ssh-keygen", "-q", "-p", "-N", SECRET, "-f", str(sshd.user_key)], check=True)
        with pytest.raises(HostAuthError, match="ssh-add"):
            reach().facts()

    @pytest.mark.parametrize("name", ["user_key", "user_key.pub"])
    def test_a_locked_key_that_the_agent_has(
        self, sshd: Sshd, reach: Callable[..., Target], monkeypatch: pytest.MonkeyPatch, name: str
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

    @pytest.mark.parametrize(("timeout", "is_full"), [("1", False), ("1", True), ("0", False), ("600", False)])
    def test_an_agent_that_never_answers(
        self,
        sshd: Sshd,
        reach: Callable[..., Target],
        monkeypatch: pytest.MonkeyPatch,
        *,
        timeout: str,
        is_full: bool,
    ) -> None:
        """Is named as soon as connecting has taken too long, also where so many wait for it that no more may.

        Where an ssh_config lets a connection take for ever, an agent still has no longer than we give it.
        """
        path = sshd.folder / "agent"
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        monkeypatch.setattr(limits, "CONNECT_TIMEOUT_S", 1.0)
        sshd.configure(f"ConnectTimeout {timeout}")
        with socket.socket(socket.AF_UNIX) as silent, socket.socket(socket.AF_UNIX) as first:
            silent.bind(str(path))
            silent.listen(0 if is_full else 9)
            if is_full:
                first.connect(str(path))
            hang_up = threading.Timer(60, silent.close)
            hang_up.start()
            with pytest.raises(HostAuthError, match=f"^lab1 .*: the ssh-agent at {path} .* or unset SSH_AUTH_SOCK$"):
                reach().facts()
            hang_up.cancel()

        assert sshd.said().count("Accepted") == 0

    @pytest.mark.parametrize("via", ["openssh"], indirect=True)  # the library leaves its end of such a socket open
    def test_an_agent_that_is_gone(
        self, sshd: Sshd, reach: Callable[..., Target], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Is none: the key's file serves."""
        path = sshd.folder / "agent"
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        assert reach().facts().tag
        with socket.socket(socket.AF_UNIX) as gone:
            gone.bind(str(path))

        assert reach().facts().tag

    def test_through_a_jump_host(self, sshd: Sshd, reach: Callable[..., Target]) -> None:
        """Which is verified and logged into as the ssh_config says."""
        sshd.configure("ProxyJump jump")
        own = sshd.config.read_text().splitlines()[2:]
        sshd.config.write_text(sshd.config.read_text() + "\n".join(["Host jump", *own, ""]))
        target = reach()
        target.ensure_bundle(make_bundle())

        assert target.call("status", {"work_dir": "/x"})["alive"] is False
        assert sshd.said().count("Accepted publickey") == 2

    def test_a_jump_host_with_an_unknown_key(self, sshd: Sshd, reach: Callable[..., Target]) -> None:
        """Is not logged into either."""
        sshd.configure("ProxyJump jump")
        own = [line for line in sshd.config.read_text().splitlines()[2:] if "KnownHosts" not in line]
        files = [f"UserKnownHostsFile {sshd.folder}/none", "GlobalKnownHostsFile none"]
        sshd.config.write_text(sshd.config.read_text() + "\n".join(["Host jump", *own, *files, ""]))
        with pytest.raises(HostKeyError, match=r"^jump "):
            reach().facts()

        assert ASKED_TO_LOG_IN not in sshd.said()

    def test_through_a_command(self, sshd: Sshd, reach: Callable[..., Target]) -> None:
        """Whose process ends with the connection."""
        relay, pid_file = sshd.folder / "relay.py", sshd.folder / "pid"
        relay.write_text(
            "import socket, sys, os, threading\n"
            f"open({str(pid_file)!r}, 'w').write(str(os.getpid()))\n"
            "s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
            "def up():\n"
            "    while data := os.read(0, 65536): s.sendall(data)\n"
            "threading.Thread(target=up, daemon=True).start()\n"
            "while data := s.recv(65536): os.write(1, data)\n"
        )
        sshd.configure(f"ProxyCommand {sys.executable} {relay} %h %p")
        target = reach()
        target.ensure_bundle(make_bundle())
        pid = int(pid_file.read_text())
        assert is_alive(pid)
        target.close()

        wait_for(lambda: not is_alive(pid))

    def test_a_command_that_fails_keeps_its_secrets(
        self,
        sshd: Sshd,
        reach: Callable[..., Target],
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


class TestUnreachable:
    """No connection comes about."""

    def test_nobody_listens(self, sshd: Sshd, reach: Callable[..., Target]) -> None:
        """Named with address and cure."""
        sshd.stop()
        with pytest.raises(
            HostUnreachableError, match=r"lab1 \(127.0.0.1:\d+\): cannot be reached: Connection refused; try"
        ):
            reach().facts()

    def test_a_host_that_comes_up_later(self, sshd: Sshd, reach: Callable[..., Target]) -> None:
        """Is reached by the same target, which nothing of the first attempt keeps from it."""
        sshd.stop()
        target = reach()
        with pytest.raises(HostUnreachableError):
            target.facts()
        sshd.start()

        assert target.facts().tag
        assert target.phase_seconds()["connecting"] > 0

    def test_something_else_listens(self, sshd: Sshd, reach: Callable[..., Target]) -> None:
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
                reach().facts()
            server.kill()


class TestLinks:
    """A connection that breaks."""

    def test_a_reader_is_told_and_the_next_call_connects_again(
        self, sshd: Sshd, talking: Callable[[str], Target]
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
        self, sshd: Sshd, talking: Callable[[str], Target], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing is closed then: the host is asked, and does not answer."""
        monkeypatch.setattr(limits, "BEAT_S", 0.1)
        monkeypatch.setattr(limits, "PATIENCE_S", 1.0)
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
            stream.close()

    def test_a_quiet_host_is_not_taken_for_a_dead_one(
        self, talking: Callable[[str], Target], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It answers whenever it is asked."""
        monkeypatch.setattr(limits, "BEAT_S", 0.05)
        monkeypatch.setattr(limits, "PATIENCE_S", 1.0)
        stream = talking("time.sleep(2)\nprint('here')").open("status", {})

        assert stream.read() == b"here\n"
        stream.close()

    @pytest.mark.parametrize("via", ["fabric"], indirect=True)  # whose own threads listen
    def test_a_machine_that_has_no_time_to_listen_loses_no_link(
        self, talking: Callable[[str], Target], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The answer of the host lies there: that nobody had a CPU to read it is not the host's silence."""
        monkeypatch.setattr(limits, "BEAT_S", 0.0)
        stream = talking("print('here', flush=True)\ntime.sleep(600)").open("status", {})
        assert stream.read() == b"here\n"
        # Long enough for an sshd that itself has no CPU for a while.
        monkeypatch.setattr(limits, "PATIENCE_S", 3.0)
        # The C library called in this way lets no other thread of Python's run meanwhile.
        sleep = ctypes.PyDLL(None).usleep
        for _ in range(3):
            sleep(3_500_000)
            assert stream.read(0.5) is None
        stream.close()

    def test_the_times_leave_room_for_what_is_promised(self) -> None:
        """A link that is down for five seconds is none that is lost; one that is lost is noticed within fifteen."""
        assert limits.BEAT_S + limits.PATIENCE_S < 15
        assert limits.PATIENCE_S > 2 * 5 - 1


@pytest.mark.parametrize("via", ["fabric"], indirect=True)
def test_a_user_without_a_name_is_told_to_have_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, via: str) -> None:
    """As in a container whose user is a number only."""

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("getpass.getuser", nobody)
    config = tmp_path / "ssh_config"
    config.write_text("Host lab1\nHostName 127.0.0.1\n")
    with pytest.raises(HostError, match=r"your own name on this machine is unknown, .*; set LOGNAME"):
        make_target(InventoryHost("lab1", via=via), Reach(config)).facts()
