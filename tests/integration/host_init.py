"""The first process of a test host: makes its file system, runs its sshd, reaps orphans, and ends with its maker.

It runs in new network, mount, PID, IPC and UTS namespaces. A line on standard input says what to make; the end of
standard input, so also the sudden death of whoever holds its other end, ends this process and with it, as it is the
first of its PID namespace, every process, mount and address of the host. Standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC = 1, 2, 4, 8, 32, 4096, 16384
SSHD_CONFIG = """\
HostKey /etc/lab/host_key
PidFile /run/sshd.pid
AuthorizedKeysFile /etc/lab/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PrintMotd no
UseDNS no
PermitRootLogin no
StrictModes no
LogLevel VERBOSE
MaxStartups 200
MaxSessions 100
Subsystem sftp internal-sftp
"""
_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: Path, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount, or say why not."""
    target.mkdir(parents=True, exist_ok=True)
    if _libc.mount(source.encode(), bytes(target), kind.encode() or None, flags, data.encode() or None):
        error = ctypes.get_errno()
        raise OSError(error, f"mount {kind or source}: {os.strerror(error)}", str(target))


def make_root(lower: str, folder: Path, hidden: list[str], shared: str | None) -> Path:
    """Lay a file system of the host's own, in memory, over `lower`, which stays as it is.

    What is in the folder `shared` it has in common with other hosts, at /shared.
    """
    mount("lab", folder, "tmpfs", 0, "mode=755")
    root = folder / "root"
    for name in ("upper", "work"):
        (folder / name).mkdir()
    mount("lab", root, "overlay", 0, f"lowerdir={lower},upperdir={folder}/upper,workdir={folder}/work")
    mount("proc", root / "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    mount("/sys", root / "sys", "", MS_BIND | MS_REC)
    mount("/dev", root / "dev", "", MS_BIND | MS_REC)
    mount("lab", root / "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    mount("lab", root / "tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    mount("lab", root / "run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    (root / "run/sshd").mkdir(mode=0o755)
    for path in hidden:
        if (root / path.lstrip("/")).is_dir():
            mount("lab", root / path.lstrip("/"), "tmpfs", MS_RDONLY, "mode=755")
    if shared:
        mount(shared, root / "shared", "", MS_BIND)
    return root


def add_users(root: Path, users: dict[str, int]) -> None:
    """Let people log in who are not root, each with a home of their own."""
    with (root / "etc/passwd").open("r+") as passwd, (root / "etc/group").open("a") as group:
        if "\nsshd:" not in passwd.read():
            passwd.write("sshd:x:74:74::/run/sshd:/usr/sbin/nologin\n")
        for name, number in users.items():
            passwd.write(f"{name}:*:{number}:{number}::/home/{name}:/bin/sh\n")
            group.write(f"{name}:x:{number}:\n")
            home = root / "home" / name
            home.mkdir(parents=True, mode=0o755)
            os.chown(home, number, number)


def start_sshd(wanted: dict[str, str]) -> None:
    """Write what sshd needs and have it listen; gives up after ten seconds."""
    lab = Path("/etc/lab")
    lab.mkdir()
    (lab / "sshd_config").write_text(SSHD_CONFIG)
    (lab / "authorized_keys").write_text(wanted["authorized_keys"])
    (lab / "host_key").touch(mode=0o600)
    (lab / "host_key").write_text(wanted["host_key"])
    subprocess.run(["/usr/sbin/sshd", "-f", "/etc/lab/sshd_config", "-E", "/var/log/sshd.log"], check=True)
    deadline = time.monotonic() + 10
    while "Server listening" not in Path("/var/log/sshd.log").read_text():
        if time.monotonic() > deadline:
            raise TimeoutError(Path("/var/log/sshd.log").read_text())
        time.sleep(0.005)


def reap(_number: int, _frame: object) -> None:
    """Bury every orphan."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def main() -> None:
    """Become the host that the first line of standard input describes; live until its end."""
    os.write(1, b"here\n")
    wanted = json.loads(sys.stdin.readline())
    root = make_root(wanted["lower"], Path(wanted["folder"]), wanted["hidden"], wanted["shared"])
    socket.sethostname(wanted["name"])
    add_users(root, wanted["users"])
    os.chroot(root)
    os.chdir("/")
    Path("/etc/hostname").write_text(wanted["name"] + "\n")
    Path("/etc/machine-id").write_text(uuid.uuid4().hex + "\n")
    Path("/etc/hosts").write_text(f"127.0.0.1 localhost {wanted['name']}\n")
    start_sshd(wanted)
    signal.signal(signal.SIGCHLD, reap)
    reap(0, None)
    os.write(1, b"ready\n")
    poll = select.poll()
    poll.register(0, select.POLLIN)
    while not poll.poll():
        pass


if __name__ == "__main__":
    main()
