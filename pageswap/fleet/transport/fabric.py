"""Programs on a host of the user's ssh_config, through a connection by Fabric."""

from __future__ import annotations

import contextlib
from typing import Any

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST

from pageswap.fleet.transport.connected import ConnectedTransport
from pageswap.fleet.transport.fabric_connection import FabricConnection
from pageswap.fleet.transport.link_errors import LOST, NO_INPUT_TAKEN
from pageswap.fleet.transport.transport import COMPLAINT_BYTES, SEND_S, waits

_READ_BYTES = 1 << 16
_SLICE_S = 0.5
_EXIT_PATIENCE_S = 5.0


class FabricStream:
    """One program that runs on a host."""

    def __init__(self, connection: FabricConnection, command: str) -> None:
        """Start a command; raises HostLinkLostError when the connection is gone, HostError when none is started."""
        self._connection = connection
        self._channel: Any = connection.execute(command)
        self._complaint = b""
        self._is_cancelled = False

    def send(self, data: bytes) -> None:
        """Give the program more input; one that has ended will say why when it is read."""
        try:
            self._channel.settimeout(SEND_S)
            self._channel.sendall(data)
        except TimeoutError:
            self.cancel()
            raise NO_INPUT_TAKEN.error(alias=self._connection.route.alias, seconds=f"{SEND_S:g}") from None
        except (OSError, paramiko.SSHException, EOFError):
            if not self._is_cancelled and not self._connection.is_open:
                raise LOST.error(alias=self._connection.route.alias) from None

    def end_input(self) -> None:
        """Let the program see the end of its input."""
        with contextlib.suppress(OSError, paramiko.SSHException, EOFError):
            self._channel.shutdown_write()

    def read(self, timeout_s: float | None = None) -> bytes | None:
        """Wait for output; raises HostLinkLostError when the connection breaks."""
        for wait_s in waits(timeout_s, _SLICE_S):
            try:
                # Zero would mean not to look at all.
                self._channel.settimeout(max(wait_s or 0.0, 0.001))
                data: bytes = self._channel.recv(_READ_BYTES)
            except TimeoutError:
                self._take_complaints()
                continue
            except (OSError, paramiko.SSHException, EOFError):
                data = b""
            self._take_complaints()
            # That an output ends is told apart from a connection's end.
            if not data and not self._is_cancelled and not self._channel.eof_received:
                raise LOST.error(alias=self._connection.route.alias)
            return data
        return None

    def cancel(self) -> None:
        """Kill the program there and hang up on it; a reader in any thread gets the end."""
        self._is_cancelled = True
        with contextlib.suppress(Exception):
            self._kill()
        with contextlib.suppress(Exception):
            self._channel.close()

    def close(self) -> str:
        """End the program if it still runs, and give the end of what it complained about."""
        if not self._channel.closed:
            if self._channel.eof_received:
                self._channel.status_event.wait(_EXIT_PATIENCE_S)
            self._take_complaints()
            if not self._channel.status_event.is_set():
                with contextlib.suppress(Exception):
                    self._kill()
            with contextlib.suppress(Exception):
                self._channel.close()
        self._take_complaints()
        return self._complaint.decode("utf-8", "backslashreplace").strip()

    def _kill(self) -> None:
        """Ask the host's sshd to kill the program's process group (RFC 4254, 6.9), which paramiko has no call for.

        OpenSSH does so except for root. There the verbs that last see that nobody reads them any more.
        """
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_REQUEST)
        message.add_int(self._channel.remote_chanid)
        message.add_string("signal")
        message.add_boolean(False)  # noqa: FBT003 - no reply wanted
        message.add_string("KILL")
        self._channel.get_transport()._send_user_message(message)  # noqa: SLF001 - see above

    def _take_complaints(self) -> None:
        # Taken always, or the channel's window, which both outputs share, fills.
        with contextlib.suppress(OSError, paramiko.SSHException, EOFError):
            while self._channel.recv_stderr_ready():
                self._complaint = (self._complaint + self._channel.recv_stderr(_READ_BYTES))[-COMPLAINT_BYTES:]


class FabricTransport(ConnectedTransport):
    """One host through Fabric."""

    connection = FabricConnection
    stream = FabricStream
