"""SSH servers that do not keep to the protocol, or keep to it only until a program is to be started."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any, ClassVar

import paramiko
from paramiko.common import MSG_CHANNEL_REQUEST, cMSG_DEBUG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BANNER = b"SSH-2.0-OpenSSH_9.2\r\n"


@contextlib.contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Have each connection to a port of this machine answered in a thread of its own; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threads: list[threading.Thread] = []

        def talk(connection: socket.socket) -> None:
            # Whoever connected may leave at any time.
            with connection, contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                answer(connection)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threads.append(threading.Thread(target=talk, args=(server.accept()[0],), daemon=True))
                    threads[-1].start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        accepting.join()


class _Mute(paramiko.Transport):  # type: ignore[misc] # comes without types
    """A server that hears what is asked of a channel, and says nothing to it."""

    _channel_handler_table: ClassVar[dict[int, Any]] = {
        **paramiko.Transport._channel_handler_table,  # noqa: SLF001 - the library has no other place for it
        MSG_CHANNEL_REQUEST: lambda *_: None,
    }


class _Open(paramiko.ServerInterface):  # type: ignore[misc] # comes without types
    """Lets everybody in, but not before the time `is_over` where that is given, and tells when a channel is wanted."""

    def __init__(self, is_over: threading.Event | None) -> None:
        self.is_wanted = threading.Event()
        self._is_over = is_over

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002 - the library's
        """Name what is taken."""
        return "publickey"

    def check_auth_publickey(self, username: str, key: Any) -> int:  # noqa: ARG002 - the library's
        """Take any key."""
        if self._is_over is not None:
            self._is_over.wait()
        return int(paramiko.AUTH_SUCCESSFUL)

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002 - the library's
        """Open any channel."""
        self.is_wanted.set()
        return int(paramiko.OPEN_SUCCEEDED)


class MuteHost:
    """A host that proves who it is, and then does not do what hosts are for."""

    def __init__(self, folder: Path, *, lets_in: bool = True) -> None:
        """Make keys below `folder`; a host that does not let in never says so."""
        self.is_over = threading.Event()
        self._lets_in = lets_in
        self._server = _Open(None if lets_in else self.is_over)
        self._key = paramiko.ECDSAKey.generate()
        paramiko.ECDSAKey.generate().write_private_key_file(str(folder / "key"))
        self._folder = folder
        self.taken = 0

    def answer(self, connection: socket.socket) -> None:
        """Let everybody in and open channels, and never say whether a program was started on one."""
        transport = _Mute(connection)
        transport.add_server_key(self._key)
        transport.start_server(server=self._server)
        transport.join()

    def chatter(self, connection: socket.socket) -> None:
        """Prove to be the host, then have words logged, once a channel is open if it lets in; `taken` is their bytes.

        Words that come while ssh is still being let in end the connection as soon as they fill its log.
        """
        transport = _Mute(connection)
        transport.add_server_key(self._key)
        begun = threading.Event()
        transport.start_server(event=begun, server=self._server)
        begun.wait()
        while self._lets_in and transport.is_active() and not self._server.is_wanted.wait(0.1):
            pass
        words = paramiko.Message()
        words.add_byte(cMSG_DEBUG)
        words.add_boolean(True)
        words.add_string("x" * 800)
        words.add_string("")
        while transport.is_active():
            transport._send_message(words)  # noqa: SLF001 - what no decent server says
            self.taken += 800

    def config(self, port: int) -> Path:
        """Write the ssh_config that leads to a port, where the host's key is known."""
        known = self._folder / "known_hosts"
        known.write_text(f"[127.0.0.1]:{port} {self._key.get_name()} {self._key.get_base64()}\n")
        return write_config(self._folder, port, f"IdentityFile {self._folder}/key", f"UserKnownHostsFile {known}")


def write_config(folder: Path, port: int, *lines: str) -> Path:
    """Write an ssh_config that leads to a port of this machine, and to nobody's own keys."""
    config = folder / "ssh_config"
    own = ["HostName 127.0.0.1", f"Port {port}", "User root", "IdentitiesOnly yes", "GlobalKnownHostsFile none"]
    config.write_text("\n".join(["Host lab1", *lines, *own, ""]))
    return config
