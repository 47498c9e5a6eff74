"""A real sshd on 127.0.0.1 for the tests, with a port, keys, known_hosts and ssh_config of its own."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from requirement import require

_SSHD = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else None)
_PATIENCE_S = 20.0


def make_key(path: Path, kind: str = "ed25519") -> str:
    """Make a key pair without a passphrase and give the public line."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "test", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path.with_suffix(".pub").read_text().strip()


def wait_for(what: Any, patience_s: float = _PATIENCE_S) -> Any:
    """Ask `what` until it gives something true, and give that."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come about in time")


def _unused_port() -> int:
    """Find one that no connection is given as its own: to such a one it may lead back to itself, and seem answered."""
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = secrets.choice(range(low // 2, low))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def is_alive(pid: int) -> bool:
    """Tell whether a process runs, dead ones that nobody waited for aside."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Sshd:
    """A running sshd; `alias` reaches it by the ssh_config at `config`."""

    alias = "lab1"

    def __init__(self, folder: Path, *, key_kinds: tuple[str, ...] = ("ed25519",), extra: tuple[str, ...] = ()) -> None:
        """Lay out keys and files below `folder`, and start with `extra` settings; skip the test where it cannot."""
        require("sshd", _SSHD and os.geteuid() == 0, "needs root and sshd: apt-get install openssh-server")
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port = _unused_port()
        self.key_kinds = key_kinds
        self.host_keys = {kind: make_key(folder / f"host_{kind}", kind) for kind in key_kinds}
        self.home = folder / "home"
        self.home.mkdir()
        self.log = folder / "sshd.log"
        self.known_hosts = folder / "known_hosts"
        self.config = folder / "ssh_config"
        self.user_key = folder / "user_key"
        (folder / "authorized_keys").write_text(make_key(self.user_key) + "\n")
        self.environment = {"HOME": str(self.home), "PAGESWAP_HOME": str(folder / "cache")}
        self.extra = list(extra)
        self.know()
        self.configure()
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def know(self, kinds: tuple[str, ...] | None = None) -> None:
        """Write down the host's keys of some kinds as known."""
        lines = [self.host_keys[kind].rsplit(" ", 1)[0] for kind in (self.key_kinds if kinds is None else kinds)]
        self.known_hosts.write_text("".join(f"[127.0.0.1]:{self.port} {line}\n" for line in lines))

    def configure(self, *lines: str, user: str = "root", key: Path | None = None) -> None:
        """Write the ssh_config that reaches it."""
        own = [
            "HostName 127.0.0.1",
            f"Port {self.port}",
            f"User {user}",
            f"IdentityFile {key or self.user_key}",
            "IdentitiesOnly yes",
            f"UserKnownHostsFile {self.known_hosts}",
            "GlobalKnownHostsFile none",
        ]
        self.config.write_text("\n".join([f"Host {self.alias}", *lines, *own, ""]))

    def start(self) -> None:
        """Start, and wait until it listens."""
        assert _SSHD is not None
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        variables = " ".join(f'{name}="{value}"' for name, value in self.environment.items())
        settings = [
            *self.extra,
            # It takes ssh half a second, and those whose subject it is have it in `extra`.
            "KexAlgorithms -sntrup761*",
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            *[f"HostKey {self.folder}/host_{kind}" for kind in self.key_kinds],
            f"AuthorizedKeysFile {self.folder}/authorized_keys",
            f"PidFile {self.folder}/pid",
            "LogLevel DEBUG1",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "PermitRootLogin yes",
            "MaxStartups 100",
            f"SetEnv {variables}",
        ]
        (self.folder / "sshd_config").write_text("\n".join([*settings, ""]))
        command = [_SSHD, "-D", "-f", str(self.folder / "sshd_config"), "-E", str(self.log)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        wait_for(self._listens)

    def stop(self) -> None:
        """End it and every session."""
        if self.process is not None:
            self.kill_sessions()
            self.process.kill()
            self.process.wait()
            self.process = None
        for pid in self.programs():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def programs(self) -> list[int]:
        """Give the processes that run something from the host's folders."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if f"{self.folder}/".encode() in path.read_bytes():
                    found.append(int(path.parent.name))
        return found

    def sessions(self) -> list[int]:
        """Give the processes of its sessions: the listener's children and theirs that are sshd too."""
        if self.process is None:
            return []
        found, new = [], [self.process.pid]
        while new:
            parents, new = new, []
            for stat in Path("/proc").glob("[0-9]*/stat"):
                try:
                    text = stat.read_text()
                except OSError:
                    continue
                name, _, rest = text.partition("(")[2].rpartition(")")
                if name.startswith("sshd") and int(rest.split()[1]) in parents:
                    new.append(int(stat.parent.name))
            found += new
        return found

    def kill_sessions(self) -> None:
        """Kill the processes that serve its connections, as a host that dies would."""
        for pid in self.sessions():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def said(self) -> str:
        """Return its log."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def connections(self) -> int:
        """Count the connections it has had."""
        return len(re.findall(r"^Connection from 127\.0\.0\.1", self.said(), re.MULTILINE))

    def _listens(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            # Its own greeting: a bare connection would be logged as one of a client that went away.
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
