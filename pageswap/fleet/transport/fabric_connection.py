"""One verified SSH connection to a host: no byte of authentication leaves before the host has proved who it is."""

from __future__ import annotations

import base64
import contextlib
import logging
import re
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fabric
import paramiko

from pageswap.errors import HostError
from pageswap.fleet.transport import transport as limits
from pageswap.fleet.transport.link_errors import FABRIC_LACKS, LOST, NO_PROGRAM, HopelessError, meaning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pageswap.fleet.transport.ssh_config import Route
    from pageswap.fleet.transport.transport import Reach

_CHANNEL_TIMEOUT_S = 20.0
_MAX_JUMPS = 8

# What it logs may hold what an ssh_config says, and nobody asked for it.
logging.getLogger("paramiko").propagate = False
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class _Verified(paramiko.MissingHostKeyPolicy):  # type: ignore[misc] # comes without types
    """Judges a host's key; paramiko asks before it authenticates, for it was given no keys that it could know."""

    def __init__(self, route: Route, *, accept_new: bool) -> None:
        self.route = route
        self._accept_new = accept_new

    def missing_host_key(self, _client: Any, _hostname: str, key: Any) -> None:  # noqa: ANN401 - paramiko's
        route = self.route
        route.known_hosts.check(key.get_name(), key.asbytes(), accept_new=self._accept_new, shown=route.shown)


class Connection:
    """An open connection, perhaps through other hosts, each verified as this one is."""

    def __init__(self, route: Route, reach: Reach, depth: int = 0) -> None:
        """Connect once, to a host so many hosts on the way to another one.

        Raises HostUnreachableError, HostKeyError or HostAuthError, none of which shows a secret.
        """
        if route.lacks:
            raise FABRIC_LACKS.error(shown=route.shown, what=", ".join(route.lacks))
        self.route = route
        self._through: Connection | None = None
        self._proxy: subprocess.Popen[bytes] | None = None
        self._agent: Any = None
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
        self._fabric.client.set_missing_host_key_policy(_Verified(route, accept_new=reach.accept_new))
        try:
            with _translated(route):
                self._open(reach, depth)
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._keep_alive, name=f"alive {route.alias}", daemon=True).start()

    @property
    def is_open(self) -> bool:
        """Tell whether the host was heard of lately."""
        transport = self._fabric.transport
        return bool(transport is not None and transport.is_active())

    def execute(self, command: str) -> Any:  # noqa: ANN401 - a paramiko.Channel, which comes without types
        """Start a command through the user's shell there and give its channel.

        `command` must be constant or quoted. Raises HostLinkLostError when the connection is gone.
        """
        try:
            channel = self._fabric.transport.open_session(timeout=_CHANNEL_TIMEOUT_S)
            channel.exec_command(command)
        except (paramiko.SSHException, OSError, EOFError) as error:
            if not self.is_open:
                raise LOST.error(alias=self.route.alias) from None
            reason = "it took too long" if "imeout" in str(error) else "the host's sshd refused"
            raise NO_PROGRAM.error(shown=self.route.shown, reason=reason) from None
        return channel

    def close(self) -> None:
        """End the connection and those that it goes through; harmless when repeated."""
        for part in (self._fabric.client, self._agent):
            with contextlib.suppress(Exception):
                part.close()
        if self._proxy is not None:
            self._proxy.kill()
            self._proxy.wait()
        if self._through is not None:
            self._through.close()

    def _open(self, reach: Reach, depth: int) -> None:
        route = self.route
        files, key = list(route.identity_files), self._agent_key()
        if key is not None:
            # Loading the file would ask for its passphrase.
            files = [name for name in files if _public_key(name) != key.asbytes()]
        self._fabric.connect_kwargs = {
            "sock": self._socket(reach, depth),
            "banner_timeout": limits.CONNECT_TIMEOUT_S,
            "auth_timeout": limits.CONNECT_TIMEOUT_S * 2,
            "channel_timeout": _CHANNEL_TIMEOUT_S,
            # As with ssh, a file that is not there is no error.
            "key_filename": [name for name in files if Path(name).is_file() and not name.endswith(".pub")],
            "pkey": key,
            "allow_agent": not route.is_identities_only,
            "look_for_keys": False,
            "transport_factory": _asking_for(route.known_hosts.key_types()),
        }
        self._fabric.open()

    def _agent_key(self) -> Any:  # noqa: ANN401 - a key, or None
        """Return the agent's key that an IdentityFile names, which is tried first, and also when others may not be."""
        wanted = {_public_key(name) for name in self.route.identity_files} - {None}
        if not wanted:
            return None
        with contextlib.suppress(paramiko.SSHException, OSError):
            self._agent = paramiko.Agent()
            return next((key for key in self._agent.get_keys() if key.asbytes() in wanted), None)
        return None

    def _socket(self, reach: Reach, depth: int) -> Any:  # noqa: ANN401 - or a channel
        route = self.route
        if route.proxy_command is not None:
            return self._proxy_socket(route.proxy_command)
        if not route.jumps:
            return tcp_socket(route)
        if depth == _MAX_JUMPS:
            raise HopelessError(f"{route.alias}: its ProxyJump leads through more than {_MAX_JUMPS} hosts")
        self._through = Connection(route.to_jump(reach), reach, depth + 1)
        return self._through.forward(route.host, route.port)

    def forward(self, host: str, port: int) -> Any:  # noqa: ANN401 - a channel
        """Return a channel that the host connects to another host's port."""
        return self._fabric.transport.open_channel(
            "direct-tcpip", (host, port), ("", 0), timeout=self.route.connect_timeout_s
        )

    def _proxy_socket(self, command: str) -> socket.socket:
        """Run the user's ProxyCommand as ssh does, and talk to it through a socket, as that has timeouts."""
        ours, its = socket.socketpair()
        with its:
            self._proxy = subprocess.Popen(  # noqa: S603 - the user's own, and ssh does the same
                ["/bin/sh", "-c", f"exec {command}"],
                stdin=its.fileno(),
                stdout=its.fileno(),
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        return ours

    def _keep_alive(self) -> None:
        """Ask the host now and then whether it is there; hang up when it does not answer.

        A dead link is seen by neither TCP (while nothing is sent) nor a proxy's socket.
        """
        transport = self._fabric.transport
        while transport.is_active():
            overdue = threading.Timer(limits.PATIENCE_S, transport.close)
            overdue.daemon = True
            overdue.start()
            with contextlib.suppress(Exception):
                transport.global_request("keepalive@openssh.com", wait=True)
            overdue.cancel()
            time.sleep(limits.BEAT_S)


def _public_key(name: str) -> bytes | None:
    """Return the public half of an IdentityFile, None where it does not lie beside it."""
    path = Path(name if name.endswith(".pub") else f"{name}.pub")
    try:
        return base64.b64decode(path.read_text(encoding="utf-8").split()[1], validate=True)
    except (OSError, ValueError, IndexError):
        return None


def tcp_socket(route: Route) -> socket.socket:
    """Return a connection to the host that gives up as early as we do; raises OSError."""
    found = socket.create_connection((route.host, route.port), route.connect_timeout_s)
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # The kernel gives up on what it sent and nobody acknowledged as early as we do.
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(limits.PATIENCE_S * 1000))
    return found


def _asking_for(known: list[str]) -> Callable[..., Any]:
    """Make transports that ask for a key of the types that are known: a key of another type would be unknown."""

    def transport(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - paramiko's
        made = paramiko.Transport(*arguments, **options)
        security = made.get_security_options()

        def rank(key_type: str) -> int:
            name = "ssh-rsa" if key_type.startswith("rsa-sha2-") else key_type
            return known.index(name) if name in known else len(known)

        security.key_types = sorted(security.key_types, key=rank)
        return made

    return transport


@contextlib.contextmanager
def _translated(route: Route) -> Iterator[None]:
    """Raise our errors for the libraries', whose texts may hold what an ssh_config says."""
    try:
        yield
    except HostError:
        raise
    except paramiko.ssh_exception.IncompatiblePeer as error:
        found = re.search(r"acceptable ([\w ]+)", str(error))
        what = f"any {found[1] if found else 'version'} that its sshd offers"
        raise FABRIC_LACKS.error(shown=route.shown, what=what) from None
    except (paramiko.SSHException, OSError, EOFError, ValueError) as error:
        raise meaning(_as_ssh_says(error), route.alias, route.shown) from None


def _as_ssh_says(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return f"resolve hostname -: {'Temporary failure: ' * (error.errno == socket.EAI_AGAIN)}{error.strerror}"
    if isinstance(error, OSError) and error.strerror:
        return f"connect to host - port 0: {error.strerror}"
    return "open failed" if isinstance(error, paramiko.ChannelException) else str(error)
