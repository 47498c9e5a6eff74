"""One verified SSH connection to a host: no byte of authentication leaves before the host has proved who it is."""

from __future__ import annotations

import base64
import contextlib
import functools
import logging
import re
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fabric
import paramiko

from pageswap.fleet.transport import transport as limits
from pageswap.fleet.transport.connected import Connection
from pageswap.fleet.transport.link_errors import FABRIC_LACKS, LOST, NO_PROGRAM, SLOW_PROGRAM, meaning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pageswap.errors import HostError
    from pageswap.fleet.transport.ssh_config import Route
    from pageswap.fleet.transport.transport import Reach

# So often is looked whether a host has answered before it is too late.
_LOOKS = 20
# RFC 4253, 6.1, wants 35,000 bytes to be taken; OpenSSH takes so many, and sends fewer.
_MOST_PACKET_BYTES = 1 << 18
_OPENSSH_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----"
# What the library says it found no acceptable one of, and where it has what the host offers.
_OFFERS = {
    "kex algorithm": "kex_algo_list",
    "host key": "server_key_algo_list",
    "ciphers": "server_encrypt_algo_list",
    "macs": "server_mac_algo_list",
}
_ALGORITHM = re.compile(r"(?!kex-strict|ext-info)[\w.@+-]{1,60}")

# What it logs may hold what an ssh_config says, and nobody asked for it.
logging.getLogger("paramiko").propagate = False
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class _Packets(paramiko.Packetizer):  # type: ignore[misc] # comes without types
    """Takes no packet that is as large as its sender says, as there would be room for four gigabytes."""

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:  # noqa: FBT001, FBT002 - paramiko's
        if n > _MOST_PACKET_BYTES:
            raise paramiko.SSHException(f"a packet of {n} bytes")
        return bytes(super().read_all(n, check_rekey))


class _Transport(paramiko.Transport):  # type: ignore[misc] # comes without types
    """Asks for a key of the types that are known, as one of another type would be unknown; keeps what it is offered."""

    def __init__(self, known: list[str], offered: dict[str, list[str]], *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - paramiko's
        super().__init__(*arguments, packetizer_class=_Packets, **options)
        self._offered = offered
        security = self.get_security_options()

        def rank(key_type: str) -> int:
            name = "ssh-rsa" if key_type.startswith("rsa-sha2-") else key_type
            return known.index(name) if name in known else len(known)

        security.key_types = sorted(security.key_types, key=rank)

    def start_client(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - paramiko's
        super().start_client(*arguments, **options)
        # Out of time, or when the host has just left, it returns as well, and next no session to log in to is found.
        if not self.initial_kex_done:
            raise self.get_exception() or paramiko.SSHException("timed out" if self.is_active() else "hung up")

    def _send_message(self, data: paramiko.Message) -> None:
        """Send no data on a channel that has just been closed, for which an sshd hangs up on all channels at once.

        The library looks whether it is closed before it waits for its turn to send.
        """
        kind, number = struct.unpack(">BI", data.asbytes()[:5].ljust(5, b"\0"))
        open_ones = (each.remote_chanid for each in self._channels.values() if each.active and not each.closed)
        if kind != paramiko.common.MSG_CHANNEL_DATA or number in open_ones:
            super()._send_message(data)

    def _really_parse_kex_init(self, *arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - paramiko's
        self._offered |= super()._really_parse_kex_init(*arguments)
        return self._offered


class FabricConnection(Connection):
    """An open connection, perhaps through other hosts, each verified as this one is."""

    def __init__(self, way: Sequence[Route], reach: Reach) -> None:
        """Take the routes of the way, and what all are reached with."""
        super().__init__(way, reach)
        route = self.route
        self._fabric = fabric.Connection(
            route.alias,
            user=route.user,
            port=route.port,
            config=fabric.Config(ssh_config=paramiko.SSHConfig(), lazy=True),
            gateway=False,  # ours are verified too
            connect_timeout=int(route.connect_timeout_s),
            forward_agent=False,
            connect_kwargs={"key_filename": []},  # ours to fill, not the configuration's
        )
        self._fabric.client.set_missing_host_key_policy(self)
        self._offered: dict[str, list[str]] = {}

    @property
    def is_open(self) -> bool:
        """Tell whether the host was heard of lately."""
        transport = self._fabric.transport
        return bool(transport is not None and transport.is_active())

    def open(self) -> None:
        """Connect, and ask the host now and then from then on."""
        route = self.route
        if route.lacks:
            raise FABRIC_LACKS.error(shown=route.shown, what=", ".join(route.lacks))
        files, key = list(route.identity_files), self._agent_key()
        if key is not None:
            # Loading the file would ask for its passphrase.
            files = [name for name in files if _public_key(name) != key.asbytes()]
        try:
            self._fabric.connect_kwargs = {
                "sock": self._socket(),
                "banner_timeout": limits.CONNECT_TIMEOUT_S,
                "auth_timeout": limits.CONNECT_TIMEOUT_S * 2,
                "channel_timeout": limits.CHANNEL_S,
                # As with ssh, a file that is not there is no error.
                "key_filename": [name for name in files if Path(name).is_file() and not name.endswith(".pub")],
                "pkey": key,
                "allow_agent": not route.is_identities_only,
                "look_for_keys": False,
                "transport_factory": functools.partial(_Transport, route.known_hosts.key_types(), self._offered),
            }
            self._fabric.open()
        except (paramiko.SSHException, OSError, EOFError, ValueError) as error:
            raise self._meaning(error) from None
        threading.Thread(target=self._keep_alive, name=f"alive {route.alias}", daemon=True).start()

    def missing_host_key(self, _client: Any, _hostname: str, key: Any) -> None:  # noqa: ANN401 - paramiko's
        """Judge the host's key; paramiko asks before it authenticates, for it was given no keys that it could know."""
        new, shown = self.reach.accept_new, self.route.shown
        self.route.known_hosts.check(key.get_name(), key.asbytes(), accept_new=new, shown=shown)

    def execute(self, command: str) -> Any:  # noqa: ANN401 - a paramiko.Channel, which comes without types
        """Start a command through the user's shell there and give its channel.

        `command` must be constant or quoted. Raises HostLinkLostError when the connection is gone.
        """
        try:
            channel = self._fabric.transport.open_session(timeout=limits.CHANNEL_S)
            # The library itself waits for the host's word for ever.
            with _closed_when_late(channel, limits.CHANNEL_S):
                channel.exec_command(command)
        except (paramiko.SSHException, OSError, EOFError) as error:
            if not self.is_open:
                raise LOST.error(alias=self.route.alias) from None
            raise (SLOW_PROGRAM if "imeout" in str(error) else NO_PROGRAM).error(shown=self.route.shown) from None
        return channel

    def give_up(self) -> None:
        """Hang up, also on the gate."""
        super().give_up()
        with contextlib.suppress(Exception):
            self._fabric.client.close()

    def close(self) -> None:
        """End the connection, and let go of those that it goes through."""
        with contextlib.suppress(Exception):
            self._fabric.client.close()
        super().close()

    def _agent_key(self) -> Any:  # noqa: ANN401 - a key, or None
        """Return the agent's key that an IdentityFile names, which is tried first, and also when others may not be."""
        wanted = {_public_key(name) for name in self.route.identity_files} - {None}
        if not wanted and self.route.is_identities_only:
            return None
        self.check_agent()
        with contextlib.suppress(paramiko.SSHException, OSError):
            agent = paramiko.Agent()
            self._held.callback(agent.close)
            return next((key for key in agent.get_keys() if key.asbytes() in wanted), None)
        return None

    def _socket(self) -> Any:  # noqa: ANN401 - or a channel
        route, gate = self.route, self._gate()
        if gate is not None:
            return gate.forward(route.host, route.port)
        return tcp_socket(route) if route.proxy_command is None else self._proxy_socket(route.proxy_command)

    def forward(self, host: str, port: int) -> Any:  # noqa: ANN401 - a channel
        """Return a channel that the host connects to another host's port."""
        return self._fabric.transport.open_channel(
            "direct-tcpip", (host, port), ("", 0), timeout=self.route.connect_timeout_s
        )

    def _proxy_socket(self, command: str) -> socket.socket:
        """Run the user's ProxyCommand as ssh does, and talk to it through a socket, as that has timeouts."""
        ours, its = socket.socketpair()
        with its:
            proxy = subprocess.Popen(  # noqa: S603 - the user's own, and ssh does the same
                ["/bin/sh", "-c", f"exec {command}"],
                stdin=its.fileno(),
                stdout=its.fileno(),
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._held.callback(proxy.wait)
        self._held.callback(proxy.kill)
        return ours

    def _meaning(self, error: Exception) -> HostError:
        """Return our error for one of the libraries', whose text may hold what an ssh_config says."""
        if not isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
            return meaning(_as_ssh_says(error), self.route.alias, self.route.shown)
        kind = next((kind for kind in _OFFERS if kind in str(error)), "version")
        offered = [name for name in self._offered.get(_OFFERS.get(kind, ""), ()) if _ALGORITHM.fullmatch(name)]
        names = f": {', '.join(offered[:5])}" if offered else ""
        return FABRIC_LACKS.error(shown=self.route.shown, what=f"any {kind} that its sshd offers{names}")

    def _keep_alive(self) -> None:
        """Ask the host now and then whether it is there; hang up when it does not answer.

        A dead link is seen by neither TCP (while nothing is sent) nor a proxy's socket.
        """
        transport = self._fabric.transport
        while transport.is_active():
            with contextlib.suppress(Exception), _closed_when_late(transport, limits.PATIENCE_S):
                transport.global_request("keepalive@openssh.com", wait=True)
            time.sleep(limits.BEAT_S)


@contextlib.contextmanager
def _closed_when_late(what: Any, seconds: float) -> Iterator[None]:  # noqa: ANN401 - a connection or a channel
    """Close what is waited for inside when that takes longer than so many seconds; the error then is a timeout.

    They are counted in looks: while this machine has no time for us nobody listens, and the host is not to blame.
    """
    is_done, is_late = threading.Event(), threading.Event()

    def watch() -> None:
        if not any(is_done.wait(seconds / _LOOKS) for _ in range(_LOOKS)):
            is_late.set()
            with contextlib.suppress(Exception):
                what.close()

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    except paramiko.SSHException as error:
        raise paramiko.SSHException("Timeout") if is_late.is_set() else error from None
    finally:
        is_done.set()


def _public_key(name: str) -> bytes | None:
    """Return the public half of an IdentityFile: what lies beside it, or what a file of OpenSSH's kind begins with."""
    path = Path(name if name.endswith(".pub") else f"{name}.pub")
    with contextlib.suppress(OSError, ValueError, IndexError):
        return base64.b64decode(path.read_text(encoding="utf-8").split()[1], validate=True)
    with contextlib.suppress(OSError, ValueError, paramiko.SSHException):
        text = Path(name).read_text(encoding="utf-8").partition(_OPENSSH_KEY)[2]
        key = paramiko.Message(base64.b64decode(text.partition("-")[0]).removeprefix(b"openssh-key-v1\0"))
        # PROTOCOL.key of OpenSSH: cipher, its key's derivation and the options of that, the number of keys.
        for _ in range(3):
            key.get_string()
        return bytes(key.get_string()) if key.get_int() == 1 else None
    return None


def tcp_socket(route: Route) -> socket.socket:
    """Return a connection to the host that gives up as early as we do; raises OSError."""
    found = socket.create_connection((route.host, route.port), route.connect_timeout_s)
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # The kernel gives up on what it sent and nobody acknowledged as early as we do.
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(limits.PATIENCE_S * 1000))
    return found


def _as_ssh_says(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return f"resolve hostname -: {'Temporary failure: ' * (error.errno == socket.EAI_AGAIN)}{error.strerror}"
    if isinstance(error, OSError) and error.strerror:
        return f"connect to host - port 0: {error.strerror}"
    if isinstance(error, paramiko.ChannelException):
        return f"open failed: {error.text}"
    # What the library quotes are the server's words.
    return re.split(r"[\"'\[(]", str(error))[0]
