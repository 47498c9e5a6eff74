"""The sshds of the table of situations, each with settings of its own, and what a row's ssh_config may name."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fleet.sshd import Sshd, make_key, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

# The machine that is meant, the one that a poorer reader of ssh_config would take, and those that a row asks for.
SETTINGS: Final = {
    "right": (),
    "wrong": (),
    "modern": ("Ciphers chacha20-poly1305@openssh.com", "KexAlgorithms sntrup761x25519-sha512@openssh.com"),
    "chacha20": ("Ciphers chacha20-poly1305@openssh.com",),
    "umac": ("Ciphers aes256-ctr", "MACs umac-64-etm@openssh.com,umac-128@openssh.com"),
    "sntrup": ("KexAlgorithms sntrup761x25519-sha512@openssh.com",),
    "curve": ("KexAlgorithms curve25519-sha256",),
    "single": ("MaxSessions 1",),
    "sessionless": ("MaxSessions 0",),
    "closed": ("AllowTcpForwarding no",),
    "elsewhere": ("PermitOpen 127.0.0.1:1",),
    "narrow": ("MaxStartups 1:100:1",),
    "passes_on": ('ForceCommand echo logged; exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"',),
    "forced": ("ForceCommand echo backups only",),
    "locked": ("AllowUsers nobody",),
    "greeting": ("Banner {folder}/banner", "PrintMotd yes"),
}
RELAY: Final = f"""#!{sys.executable}
import os, socket, sys, threading
s = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
if sys.argv[1] == "-":
    socket.send_fds(socket.socket(fileno=1), [b"x"], [s.fileno()])
    sys.exit()
def up():
    while data := os.read(0, 65536): s.sendall(data)
threading.Thread(target=up, daemon=True).start()
while data := s.recv(65536): os.write(1, data)
"""
# What a Python may lack: a distribution's smallest one has no json, for one.
LACKED: Final = ("json", "sysconfig", "subprocess", "hashlib", "ctypes")


class Lab:
    """The running hosts by name, and what a row may name in braces."""

    def __init__(self, folder: Path) -> None:
        """Start them, and lay out keys, certificates, known_hosts and Pythons below `folder`."""
        self.folder = folder
        (folder / "banner").write_text("\x1b]0;lab1\x07 Authorised users only. 42 {}\n" * 40)
        self.hosts = {
            name: Sshd(folder / name, extra=tuple(each.format(folder=folder) for each in settings))
            for name, settings in SETTINGS.items()
        }
        self.right = self.hosts["right"]
        for host in self.hosts.values():
            (host.folder / "authorized_keys").write_text(self.right.user_key.with_suffix(".pub").read_text())
        self._lay_out_keys()
        self._lay_out_known_hosts()
        for name, text in (("relay", RELAY), ("included", "Port {right}\n"), ("included_too", "Port {wrong}\n")):
            (folder / name).write_text(text.format(**self.ports) if "relay" not in name else text)
        (folder / "relay").chmod(0o755)
        (folder / "relay of mine").symlink_to("relay")
        for module in LACKED:
            self._lay_out_python(module)

    @property
    def ports(self) -> dict[str, int]:
        """Map each host to its port."""
        return {name: host.port for name, host in self.hosts.items()}

    @property
    def names(self) -> dict[str, object]:
        """Return what a row may name."""
        fixed = {"folder": self.folder, "known": self.folder / "known", "relay": self.folder / "relay"}
        return {**self.ports, **fixed, "key": self.right.user_key, "python": sys.executable}

    def count(self, words: str) -> Counter[str]:
        """Count how often each host's log has some words."""
        return Counter({name: host.said().count(words) for name, host in self.hosts.items()})

    def stop(self) -> None:
        """End all hosts."""
        for host in self.hosts.values():
            host.stop()

    @contextlib.contextmanager
    def agent(self) -> Iterator[None]:
        """Run an ssh-agent that has the key and one without any file beside it, and another one that never answers."""
        path, silent = self.folder / "agent", socket.socket(socket.AF_UNIX)
        silent.bind(f"{self.folder}/silent")
        silent.listen()
        with subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL) as agent:
            wait_for(path.exists)
            for key in (self.right.user_key, self.folder / "spare_locked"):
                add = ["ssh-add", "-q", str(key)]
                subprocess.run(add, env={**os.environ, "SSH_AUTH_SOCK": str(path)}, check=True)
            # As of now nobody can read it without its passphrase, and its public half does not lie beside it.
            lock = ["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(self.folder / "spare_locked")]
            subprocess.run(lock, check=True)
            (self.folder / "spare_locked.pub").unlink(missing_ok=True)
            yield
            agent.kill()
            silent.close()

    def _lay_out_keys(self) -> None:
        folder, right = self.folder, self.right
        sign = ["ssh-keygen", "-q", "-s", str(folder / "ca"), "-I", "test"]
        make_key(folder / "ca")
        (folder / "keys").mkdir()
        for path, limits in (("signed", []), ("keys/signed", []), ("keys/late", ["-V", "20200101:20200102"])):
            make_key(folder / path)
            subprocess.run([*sign, "-n", "root", *limits, str(folder / f"{path}.pub")], check=True)
        (folder / "signed-cert.pub").rename(folder / "signed.cert")
        for path in ("lab1-127.0.0.1-root", "spare", "with space", f"{right.port}", "100%"):
            shutil.copy(right.user_key, folder / "keys" / path)
        for kind in ("rsa", "ecdsa"):
            public = make_key(folder / "keys" / kind, kind)
            with (right.folder / "authorized_keys").open("a") as file:
                file.write(f"{public}\n")
        public = make_key(folder / "spare_locked")
        with (right.folder / "authorized_keys").open("a") as file:
            file.write(f"{public}\n")
        make_key(folder / "nobody")
        right.stop()
        subprocess.run([*sign, "-h", "-n", "127.0.0.1,rack", f"{right.folder}/host_ed25519.pub"], check=True)
        right.extra = [f"HostCertificate {right.folder}/host_ed25519-cert.pub", f"TrustedUserCAKeys {folder}/ca.pub"]
        right.start()

    def _lay_out_known_hosts(self) -> None:
        folder, right = self.folder, self.right
        everything = "".join(host.known_hosts.read_text() for host in self.hosts.values())
        own = right.host_keys["ed25519"].rsplit(" ", 1)[0]
        other = self.hosts["wrong"].host_keys["ed25519"].rsplit(" ", 1)[0]
        authority, stranger = (folder / "ca.pub").read_text(), make_key(folder / "other_ca")
        place = f"[127.0.0.1]:{right.port}"
        files = {
            "known": everything,
            "lab1.known": everything,
            "rack.known": f"rack {own}\n",
            "empty.known": "",
            "bare.known": f"127.0.0.1 {own}\n",
            "pattern.known": f"![10.*]:*,[127.0.0.?]:* {own}\n",
            "changed.known": f"{place} {other}\n",
            "revoked.known": f"{everything}@revoked * {own}\n",
            "revoked": f"{own}\n",
            "authority": f"@cert-authority {place},lab1 {authority}\n",
            "rack.authority": f"@cert-authority rack {authority}\n",
            "other_authority": f"@cert-authority * {stranger}\n",
            "known with space": everything,
            "hashed.known": everything,
        }
        for name, text in files.items():
            (folder / name).write_text(text)
        subprocess.run(["ssh-keygen", "-H", "-f", str(folder / "hashed.known")], check=True, capture_output=True)

    def _lay_out_python(self, lacked: str) -> None:
        """Make a Python that lacks a module of the standard library."""
        home = self.folder / f"without_{lacked}"
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        library = home / "lib" / version
        library.mkdir(parents=True)
        (home / "bin").mkdir()
        shutil.copy(os.path.realpath(sys.executable), home / "bin" / "python3")
        for path in Path(sysconfig.get_path("stdlib")).iterdir():
            if path.name.partition(".")[0] != lacked:
                (library / path.name).symlink_to(path)
