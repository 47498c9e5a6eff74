"""Test hosts with a real sshd: namespaces joined by a bridge, of which nothing can outlive the test that made them."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.integration.agent_processes import by_role, kill, living

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.integration.agent_processes import Process

ROOT = Path(__file__).resolve().parents[2]
USER, NEIGHBOUR = "measurer", "neighbour"
USERS = {USER: 4242, NEIGHBOUR: 4243}
SUBNET = "10.77"  # exists inside the namespaces only
SWITCH_ADDRESS = f"{SUBNET}.0.1"
_CLONE_NEWNET = 0x40000000
TOOLS = ("unshare", "nsenter", "ip", "ssh-keygen")


def what_is_missing() -> str:
    """Say why no hosts can be made here, "" if they can."""
    if os.geteuid() != 0:
        return "namespaces need root"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if not Path("/usr/sbin/sshd").exists():
        missing.append("sshd")
    return f"no {', '.join(missing)}: apt-get install openssh-server iproute2" if missing else ""


class Network:
    """A bridge in a network namespace of its own, where controllers run, and the hosts plugged into it."""

    def __init__(self, folder: Path) -> None:
        """Make the bridge, and a key pair for the users; `folder` takes keys, known_hosts and ssh_config."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.hosts: dict[str, Host] = {}
        self._guard = threading.Lock()
        self._proxies: list[subprocess.Popen[bytes]] = []
        # cat ends with its standard input, the namespace with cat: also when this process is killed.
        self.switch = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.switch.stdout is not None
        self.switch.stdout.readline()
        self.ip(
            "link add br0 type bridge", f"addr add {SWITCH_ADDRESS}/16 dev br0", "link set br0 up", "link set lo up"
        )
        self.user_key = _make_key(folder / "user_key")
        self.known_hosts = folder / "known_hosts"
        self.known_hosts.touch()
        self.ssh_config = folder / "ssh_config"
        self._entries: dict[str, str] = {}
        self._write_config()

    @property
    def inside(self) -> list[str]:
        """What to put before a command so that it runs where the hosts can be reached."""
        return ["nsenter", f"--net=/proc/{self.switch.pid}/ns/net", "--"]

    @contextlib.contextmanager
    def joined(self) -> Iterator[None]:
        """Have this thread, and those that it starts, where the hosts can be reached."""
        libc = ctypes.CDLL(None, use_errno=True)
        former = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/proc/{self.switch.pid}/ns/net", os.O_RDONLY)
        try:
            if libc.setns(there, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            yield
            libc.setns(former, _CLONE_NEWNET)
        finally:
            os.close(there)
            os.close(former)

    def ip(self, *lines: str) -> None:
        """Set up or change links and addresses at the bridge, in the words of the tool of this name."""
        _ip(self.switch.pid, lines)

    def add(
        self,
        name: str,
        *,
        lower: str = "/",
        is_known: bool = True,
        hidden: Sequence[str] = (),
        shared: Path | None = None,
    ) -> Host:
        """Make a host over the files of `lower` and wait until its sshd listens; may be called by several threads.

        It has the folder `shared` in common with others.
        """
        with self._guard:
            number = len(self.hosts) + 1
            host = self.hosts[name] = Host(self, name, f"{SUBNET}.{1 + number // 200}.{1 + number % 200}", number)
        host.boot(lower, [str(ROOT), *hidden], shared)
        with self._guard:
            if is_known:
                with self.known_hosts.open("a") as known:
                    known.write(f"{host.address} {host.public_key}\n")
        self.configure(name)
        return host

    def configure(self, alias: str, **words: object) -> None:
        """Write the ssh_config entry of a host, with other words than the usual ones where given."""
        host = self.hosts.get(alias)
        usual: Mapping[str, object] = {
            "HostName": host.address if host else alias,
            "User": USER,
            "IdentityFile": self.user_key,
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self.known_hosts,
            "GlobalKnownHostsFile": "/dev/null",
        }
        lines = [f"    {word} {value}\n" for word, value in {**usual, **words}.items() if value is not None]
        with self._guard:
            self._entries[alias] = f"Host {alias}\n{''.join(lines)}"
            self._write_config()

    def delayed(self, host: Host, seconds: float) -> int:
        """Start a proxy that hands on each byte to and from the host's sshd so much later; gives its port."""
        script = Path(__file__).with_name("delay.py")
        command = [*self.inside, sys.executable, "-I", "-S", str(script), SWITCH_ADDRESS, host.address, str(seconds)]
        proxy = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._proxies.append(proxy)
        assert proxy.stdout is not None
        return int(proxy.stdout.readline())

    def end(self) -> None:
        """End all hosts, with everything that runs there."""
        for process in [*(host.process for host in self.hosts.values()), *self._proxies, self.switch]:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _write_config(self) -> None:
        new = self.ssh_config.with_suffix(".new")
        new.write_text("".join(self._entries.values()))
        new.replace(self.ssh_config)


class Host:
    """One host of a network."""

    process: subprocess.Popen[bytes]

    def __init__(self, network: Network, name: str, address: str, number: int) -> None:
        """Name it; `boot` makes it."""
        self._network = network
        self.name = name
        self.address = address
        self._port = f"h{number}"
        self._folder = network.folder / "hosts" / name
        self.public_key = ""

    def boot(self, lower: str, hidden: list[str], shared: Path | None = None) -> None:
        """Make its namespaces, address, files and sshd."""
        self._folder.mkdir(parents=True)
        command = ["unshare", "--net", "--uts", "--ipc", "--pid", "--mount", "--fork", "--kill-child"]
        script = str(Path(__file__).with_name("host_init.py"))
        self.process = subprocess.Popen(
            [*command, "--propagation", "private", sys.executable, "-I", "-S", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdout.readline()
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        self.init = int(children)
        self._pid_namespace = _pid_namespace(self.init)
        self._network.ip(
            f"link add {self._port} type veth peer name eth0 netns {self.process.pid}",
            f"link set {self._port} master br0 up",
        )
        _ip(self.process.pid, ["link set lo up", f"addr add {self.address}/16 dev eth0", "link set eth0 up"])
        key = _make_key(self._folder / "host_key")
        self.public_key = " ".join(key.with_suffix(".pub").read_text().split()[:2])
        wanted = {
            "name": self.name,
            "lower": lower,
            "folder": str(self._folder),
            "hidden": hidden,
            "shared": str(shared) if shared else None,
            "users": USERS,
            "authorized_keys": self._network.user_key.with_suffix(".pub").read_text(),
            "host_key": key.read_text(),
        }
        self.process.stdin.write(json.dumps(wanted).encode() + b"\n")
        self.process.stdin.flush()
        if self.process.stdout.readline() != b"ready\n":
            raise RuntimeError(f"{self.name} did not come up")

    def path(self, path: str) -> Path:
        """Give a way to one of the host's files from outside."""
        return Path(f"/proc/{self.init}/root") / path.lstrip("/")

    def home(self, path: str = "", user: str = USER) -> Path:
        """Give a way to a file below a user's home from outside."""
        return self.path(f"home/{user}/{path}")

    def run(self, *command: str, user: str | None = None, check: bool = True, **options: Any) -> str:
        """Run a command on the host, without its network, as root or a user; gives its standard output."""
        who = ["--setuid", str(USERS[user]), "--setgid", str(USERS[user])] if user else []
        enter = ["nsenter", "--target", str(self.init), "--all", "--root", "--wd=/", *who, "--"]
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": f"/home/{user}"}
        done = subprocess.run(
            [*enter, *command], env=environment, stdout=subprocess.PIPE, text=True, check=check, **options
        )
        return done.stdout

    def processes(self) -> list[Process]:
        """List what lives there beside the host's own first process and sshd."""
        found = living(lambda pid: pid != self.init and _pid_namespace(pid) == self._pid_namespace)
        # What is left of a connection ends with it.
        return [process for process in found if not process.words[0].startswith(("sshd", "/usr/sbin/sshd"))]

    def roles(self) -> dict[str, list[int]]:
        """Sort the living programs of agents there."""
        return by_role(self.processes())

    def kill(self, *roles: str) -> int:
        """Send SIGKILL to the agents' programs in these roles; gives how many there were."""
        found = self.roles()
        return sum(kill(pid) for role in roles for pid in found[role])

    def link(self, state: str) -> None:
        """Plug its cable in or pull it out: `up`, `down`."""
        self._network.ip(f"link set {self._port} {state}")

    def kill_sshd(self) -> None:
        """Kill sshd, with every connection."""
        self.run("pkill", "-KILL", "sshd", check=False)

    def start_sshd(self) -> None:
        """Start it again."""
        self.run("/usr/sbin/sshd", "-f", "/etc/lab/sshd_config", "-E", "/var/log/sshd.log")

    def ssh_log(self) -> str:
        """Give what sshd logged."""
        return self.path("var/log/sshd.log").read_text()


@contextlib.contextmanager
def network(folder: Path) -> Iterator[Network]:
    """Give a network that ends with the block."""
    made = Network(folder)
    try:
        yield made
    finally:
        made.end()


def _pid_namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")  # noqa: PTH115 - asked of each process again and again
    except OSError:
        return ""


def _ip(pid: int, lines: Sequence[str]) -> None:
    command = ["nsenter", f"--net=/proc/{pid}/ns/net", "--", "ip", "-batch", "-"]
    subprocess.run(command, input="\n".join(lines) + "\n", text=True, check=True)


def _make_key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(path)], check=True)
    return path
