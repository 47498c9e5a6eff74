"""A machine with two NUMA nodes: Debian's kernel and a small Debian as its initramfs, in QEMU's emulation.

CPU 0 and most memory are on node 0, CPU 1 and less memory on node 1. It is reached through its sshd, as any host. It
needs no virtualisation here and is slow, so that its times are of no use.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from pageswap.errors import PageswapError
from tests.integration import roots

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT: Final = Path(__file__).resolve().parents[2]
KERNELS: Final = ROOT / "build" / "kernels"
RECIPE: Final = roots.Recipe("bookworm", ("openssh-server", "python3", "kmod", "iproute2", "procps"))
TOOLS: Final = ("qemu-system-x86_64", "debootstrap", "cpio", "apt-get", "dpkg-deb", "ssh", "ssh-keygen", "setpriv")
# What would only take the guest's memory.
LEFT_OUT: Final = ("usr/share/doc", "usr/share/locale", "usr/share/man", "var/lib/apt", "var/cache")
NODES_MIB: Final = (1536, 512)
BOOT_S: Final = 400
INSTALL: Final = "apt-get install qemu-system-x86 debootstrap cpio openssh-client"
INIT: Final = """#!/bin/sh
chmod 755 /  # sshd reads no keys below a folder that others may write to
mount -t proc proc /proc && mount -t sysfs sysfs /sys && mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm /run/sshd
mount -t devpts devpts /dev/pts && mount -t tmpfs tmpfs /dev/shm
depmod && modprobe -a virtio_pci virtio_net
ip link set lo up && ip addr add 10.0.2.15/24 dev eth0 && ip link set eth0 up
/usr/sbin/sshd -D -e -o HostKey=/etc/ssh/guest -o AuthorizedKeysFile=/etc/ssh/authorized_keys \\
    -o PasswordAuthentication=no -o UsePAM=no
"""
SSH_CONFIG: Final = """Host {names}
    HostName 127.0.0.1
    Port {port}
    User root
    IdentityFile {folder}/user_key
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile /dev/null
    ConnectTimeout 60
"""


@dataclasses.dataclass(frozen=True)
class Guest:
    """A guest that is reached as `ssh_config` says of `name`."""

    ssh_config: Path
    name: str

    def shell(self, command: str) -> str:
        """Run a command there as root; return what it printed."""
        words = ["ssh", "-F", str(self.ssh_config), "-o", "BatchMode=yes", self.name, command]
        return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout

    def answers(self) -> bool:
        """Tell whether its sshd lets us in by now."""
        try:
            self.shell("true")
        except subprocess.CalledProcessError:
            return False
        return True

    def node(self, node: int, file: str, name: str) -> int:
        """Return a number from one of the kernel's files on a node."""
        found = re.search(rf"\b{name}:?\s+(\d+)", self.shell(f"cat /sys/devices/system/node/node{node}/{file}"))
        if found is None:
            raise PageswapError(f"the guest's kernel has no {name} in {file} of node {node}")
        return int(found[1])


def what_is_missing() -> str:
    """Say why no guest can be made here, "" if one can."""
    if os.geteuid() != 0:
        return "debootstrap needs root"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"no {', '.join(missing)}: {INSTALL}" if missing else ""


def kernel() -> Path:
    """Return the folder with the files that are needed of Debian's kernel, fetched unless they are there."""
    depends = subprocess.run(["apt-cache", "depends", "linux-image-amd64"], capture_output=True, text=True, check=True)
    found = re.search(r"Depends: (linux-image-\S+)", depends.stdout)
    if found is None:
        raise PageswapError("this machine's apt has no linux-image-amd64; let it reach Debian's archive")
    folder = KERNELS / found[1]
    if not folder.exists():
        KERNELS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=KERNELS) as new:
            fetch = ["apt-get", "download", "-o", "APT::Sandbox::User=root", found[1]]
            subprocess.run(fetch, cwd=new, stdout=subprocess.DEVNULL, check=True)
            (package,) = Path(new).glob("*.deb")
            files = ["./boot/vmlinuz-*", "*/virtio*", "*failover.ko", "*/modules.*"]
            tar = ["tar", "--extract", "--one-top-level=files", "--wildcards", *files]
            with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as unpacking:
                subprocess.run(tar, cwd=new, stdin=unpacking.stdout, check=True)
            (Path(new) / "files").rename(folder)
    return folder


def archive(folder: Path, out: IO[bytes]) -> None:
    """Append what is in a folder to an initramfs."""
    names = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*"))]
    wanted = [name for name in names if not name.startswith(LEFT_OUT)]
    command = ["cpio", "--null", "--create", "--format=newc", "--quiet"]
    subprocess.run(command, cwd=folder, input="\0".join(wanted).encode(), stdout=out, check=True)


def _write_access(folder: Path, added: Path, names: Sequence[str], port: int) -> Path:
    """Make the keys of both sides, the guest's among its `added` files; return the ssh_config."""
    (added / "etc/ssh").mkdir(parents=True)
    for path in (folder / "user_key", added / "etc/ssh/guest"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "guest", "-f", str(path)], check=True)
    shutil.copy(folder / "user_key.pub", added / "etc/ssh/authorized_keys")
    host_key = " ".join((added / "etc/ssh/guest.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}\n")
    ssh_config = folder / "ssh_config"
    ssh_config.write_text(SSH_CONFIG.format(names=" ".join(names), port=port, folder=folder))
    return ssh_config


def _write_initramfs(folder: Path, added: Path, system: Path) -> Path:
    """Pack Debian's files, and after them those that are `added`: init, keys, and the kernel's modules."""
    shutil.copytree(system / "lib", added / "usr/lib")  # in Debian /lib is a link to it
    (added / "init").write_text(INIT)
    (added / "init").chmod(0o755)
    initramfs = folder / "initramfs"
    with initramfs.open("wb") as out:
        archive(roots.make(RECIPE), out)
        archive(added, out)
    return initramfs


def _command(port: int, system: Path, initramfs: Path, console: Path) -> list[str]:
    (image,) = (system / "boot").glob("vmlinuz-*")
    command = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max"]
    command += ["-smp", "2,sockets=2", "-m", f"{sum(NODES_MIB)}M", "-display", "none", "-no-reboot"]
    for node, mebibytes in enumerate(NODES_MIB):
        command += ["-object", f"memory-backend-ram,id=memory{node},size={mebibytes}M"]
        command += ["-numa", f"node,nodeid={node},cpus={node},memdev=memory{node}"]
    command += ["-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"]
    command += ["-device", "virtio-net-pci,netdev=net,romfile=", "-serial", f"file:{console}"]
    return [*command, "-kernel", str(image), "-initrd", str(initramfs), "-append", "console=ttyS0 panic=-1"]


@contextlib.contextmanager
def booted(folder: Path, names: Sequence[str]) -> Iterator[Guest]:
    """Give a guest that answers to each of the names; it ends with the block, or with this process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    system, added, console = kernel(), folder / "added", folder / "console"
    guest = Guest(_write_access(folder, added, names, port), names[0])
    process = subprocess.Popen(_command(port, system, _write_initramfs(folder, added, system), console))
    start = time.monotonic()
    try:
        while not guest.answers():
            if process.poll() is not None or time.monotonic() - start > BOOT_S:
                said = console.read_text(errors="replace")[-2000:] if console.exists() else ""
                raise PageswapError(f"the guest did not come up within {BOOT_S} s; its console ends: {said}")
            time.sleep(1)
        yield guest
    finally:
        process.kill()
        process.wait()
