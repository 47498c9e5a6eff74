"""Emulated machines as hosts: Debian's kernel and a small Debian as its initramfs in QEMU, reached through their sshd.

They need no virtualisation here and are slow, so that their times are of no use. They end with the process that made
them, however that ends.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shutil
import socket
import subprocess
import time
from typing import IO, TYPE_CHECKING, Final

from pageswap.errors import PageswapError
from tests.integration import kernels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

TOOLS: Final = ("qemu-system-x86_64", "mmdebstrap", "cpio", "ssh", "ssh-keygen", "setpriv", "unshare")
INSTALL: Final = "apt-get install qemu-system-x86 mmdebstrap cpio openssh-client"
USER: Final = "measurer"
# Of a root's files, what would only take the guest's memory: what modules are built with, and the drivers but these.
LEFT_OUT: Final = (
    *("boot/", "usr/bin/x86_64-", "usr/include/", "usr/lib/gcc", "usr/lib/linux-kbuild", "usr/lib/udev/"),
    *(f"usr/lib/x86_64-linux-gnu/lib{name}" for name in ("asan", "gprofng", "isl", "lsan", "tsan", "ubsan")),
    *("usr/libexec/gcc", "usr/share/", "usr/src/", "var/"),
)
DRIVERS: Final = re.compile(
    r"usr/lib/modules/[^/]+/(modules\.|.*/(virtio|failover|net_failover|ext4|jbd2|mbcache|crc))"
)
BOOT_S: Final = 400
LISTENS: Final = "Server listening on 0.0.0.0"
# Its end is a panic, and the machine's.
INIT: Final = f"""#!/bin/sh -e
chmod 755 /  # sshd reads no keys below a folder that others may write to
mount -t proc proc /proc && mount -t sysfs sysfs /sys && mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm /run/sshd /home/{USER}
mount -t devpts devpts /dev/pts && mount -t tmpfs -o mode=1777 tmpfs /dev/shm && mount -t tmpfs -o mode=1777 tmpfs /tmp
tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
echo 'sshd:x:74:74::/run/sshd:/usr/sbin/nologin' >>/etc/passwd
echo '{USER}:*:4242:4242::/home/{USER}:/bin/sh' >>/etc/passwd && echo '{USER}:x:4242:' >>/etc/group
chown 4242:4242 /home/{USER}
depmod && modprobe -a virtio_pci virtio_net virtio_blk
[ ! -b /dev/vda ] || {{ modprobe ext4 && mount -t ext4 /dev/vda /home/{USER}; }}
ip link set lo up && ip addr add 10.0.2.15/24 dev eth0 && ip link set eth0 up
/usr/sbin/sshd -D -e -f /dev/null -o HostKey=/etc/ssh/guest -o AuthorizedKeysFile=/etc/ssh/authorized_keys \\
    -o PasswordAuthentication=no -o UsePAM=no -o Subsystem='sftp internal-sftp'
"""
SSH_CONFIG: Final = """Host {names}
    HostName 127.0.0.1
    Port {port}
    User {user}
    IdentityFile {folder}/user_key
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile /dev/null
    ConnectTimeout 60
"""


@dataclasses.dataclass(frozen=True)
class Machine:
    """What a guest is: the names it is reached by, as whom, its hardware as QEMU calls it, and what its kernel is told.

    Of several NUMA nodes, which are as many as CPUs, each has one. Its user's files are in memory, or on a disk.
    """

    names: tuple[str, ...]
    cpus: int = 2
    cpu: str = "max"
    nodes_mib: tuple[int, ...] = (768,)
    user: str = USER
    line: str = ""
    disk_mib: int = 0

    def command(self, port: int, kernel: Path, initramfs: Path, console: Path) -> list[str]:
        """Return the command that boots it, with its sshd at a port of this machine's own address."""
        command = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-accel", "tcg,thread=multi"]
        command += ["-cpu", self.cpu, "-smp", f"{self.cpus},sockets={self.cpus}", "-m", f"{sum(self.nodes_mib)}M"]
        for node, mebibytes in enumerate(self.nodes_mib if len(self.nodes_mib) > 1 else ()):
            command += ["-object", f"memory-backend-ram,id=memory{node},size={mebibytes}M"]
            command += ["-numa", f"node,nodeid={node},cpus={node},memdev=memory{node}"]
        command += ["-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"]
        command += ["-device", "virtio-net-pci,netdev=net,romfile="]
        if self.disk_mib:
            command += ["-drive", f"file={_new_disk(console.with_suffix('.disk'), self.disk_mib)},if=virtio,format=raw"]
        return [*command, *boot(kernel, initramfs, console, f"quiet hostname={self.names[0]} {self.line}")]


@dataclasses.dataclass
class Guest:
    """A guest that is reached as `ssh_config` says of `name`."""

    ssh_config: Path
    name: str
    console: Path
    process: subprocess.Popen[bytes]

    def shell(self, command: str, data: bytes = b"") -> str:
        """Run a command there as root, with `data` as its standard input; return what it printed."""
        words = ["ssh", "-F", str(self.ssh_config), "-o", "BatchMode=yes", "-l", "root", self.name, command]
        done = subprocess.run(words, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        return done.stdout.decode()

    def wait(self) -> None:
        """Wait until its sshd listens; raises PageswapError with the end of its console.

        Not by asking it: QEMU takes a connection at once, and would try ever more seldom to hand it on.
        """
        start = time.monotonic()
        while LISTENS not in (said := self._said()):
            if self.process.poll() is not None or time.monotonic() - start > BOOT_S:
                raise PageswapError(f"{self.name} did not come up; its console ends: {said[-2000:]}")
            time.sleep(0.2)

    def _said(self) -> str:
        return self.console.read_text(errors="replace") if self.console.exists() else ""


def what_is_missing() -> str:
    """Say why no guest can be made here, "" if one can."""
    if os.geteuid() != 0:
        return "a Debian is unpacked by root"
    if os.uname().machine != "x86_64":
        return "the guests are of x86-64"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"no {', '.join(missing)}: {INSTALL}" if missing else ""


def boot(kernel: Path, initramfs: Path, console: Path, line: str = "") -> list[str]:
    """Return the end of QEMU's command: what it boots and where the console goes; a panic ends it."""
    command = ["-display", "none", "-no-reboot", "-serial", f"file:{console}", "-kernel", str(kernel)]
    return [*command, "-initrd", str(initramfs), "-append", f"console=ttyS0 panic=-1 {line}"]


def _new_disk(path: Path, mebibytes: int) -> Path:
    """Make a file system in a file, which takes what is written to it."""
    with path.open("wb") as disk:
        disk.truncate(mebibytes << 20)
    subprocess.run(["mkfs.ext4", "-q", str(path)], check=True)
    return path


def archive(folder: Path, out: IO[bytes]) -> None:
    """Append what a guest needs of the files in a folder to an initramfs."""
    paths = ((path, str(path.relative_to(folder))) for path in sorted(folder.rglob("*")))
    wanted = "\0".join(name for path, name in paths if path.is_dir() or _is_wanted(name))
    command = ["cpio", "--null", "--create", "--format=newc", "--quiet"]
    subprocess.run(command, cwd=folder, input=wanted.encode(), stdout=out, check=True)


def _is_wanted(file: str) -> bool:
    is_driver = file.startswith("usr/lib/modules/")
    return bool(DRIVERS.match(file)) if is_driver else not file.startswith(LEFT_OUT)


def _write_access(folder: Path, added: Path, ports: Mapping[Machine, int]) -> Path:
    """Make the keys of both sides, the guests' among their `added` files; return the ssh_config."""
    (added / "etc/ssh").mkdir(parents=True)
    for path in (folder / "user_key", added / "etc/ssh/guest"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "guest", "-f", str(path)], check=True)
    shutil.copy(folder / "user_key.pub", added / "etc/ssh/authorized_keys")
    host_key = " ".join((added / "etc/ssh/guest.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text("".join(f"[127.0.0.1]:{port} {host_key}\n" for port in ports.values()))
    ssh_config = folder / "ssh_config"
    entries = [
        SSH_CONFIG.format(names=" ".join(machine.names), port=port, user=machine.user, folder=folder)
        for machine, port in ports.items()
    ]
    ssh_config.write_text("".join(entries))
    return ssh_config


def _write_initramfs(initramfs: Path, added: Path, root: Path) -> Path:
    """Pack Debian's files, and after them those that are `added`."""
    with initramfs.open("wb") as out:
        archive(root, out)
        archive(added, out)
    return initramfs


def _free_ports(machines: Sequence[Machine]) -> dict[Machine, int]:
    with contextlib.ExitStack() as taken:
        sockets = {machine: taken.enter_context(socket.socket()) for machine in machines}
        for each in sockets.values():
            each.bind(("127.0.0.1", 0))
        return {machine: each.getsockname()[1] for machine, each in sockets.items()}


@contextlib.contextmanager
def booted(folder: Path, machines: Mapping[Machine, Path]) -> Iterator[list[Guest]]:
    """Give a guest for each machine, over its root, and an ssh_config of all in `folder`; they end with the block."""
    ports = _free_ports(list(machines))
    added = folder / "added"
    ssh_config = _write_access(folder, added, ports)
    (added / "init").write_text(INIT)
    (added / "init").chmod(0o755)
    packed = {root: _write_initramfs(folder / f"{root.name}.cpio", added, root) for root in set(machines.values())}
    guests = []
    try:
        for machine, root in machines.items():
            console = folder / f"{machine.names[0]}.console"
            process = subprocess.Popen(machine.command(ports[machine], kernels.image(root), packed[root], console))
            guests.append(Guest(ssh_config, machine.names[0], console, process))
        for guest in guests:
            guest.wait()
        yield guests
    finally:
        for guest in guests:
            guest.process.kill()
            guest.process.wait()
