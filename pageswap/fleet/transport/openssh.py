"""Programs on a host as the system's ssh reaches it, all through one connection that is made when it is needed."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pageswap.errors import HostError
from pageswap.fleet.transport import transport as limits
from pageswap.fleet.transport.link_errors import LOST, NO_PROGRAM, meaning
from pageswap.fleet.transport.local import ProcessStream
from pageswap.fleet.transport.ssh_config import FORCED, GLOBAL_CONFIG, USER_CONFIG, route_of
from pageswap.fleet.transport.transport import MarkedStream, Transport, marked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.fleet.transport.transport import Reach, Stream

# A connection that nobody uses any more, as after a kill -9, ends after so many seconds.
_IDLE_S: Final = 60
# Whatever a host does, ssh is not waited for longer.
_RUN_S: Final = 90.0
_SSH_FAILED: Final = 255


class OpensshTransport(Transport):
    """One host through one connection of the system's ssh, which alone decides how it is reached."""

    def __init__(self, name: str, reach: Reach) -> None:
        """Take the alias, and what all hosts are reached with."""
        super().__init__(name, reach)
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._guard = threading.Lock()

    def start(self, argv: Sequence[str], stdin: bytes, *, keeps_input: bool = False) -> Stream:
        """Start a program through the user's login shell there."""
        command = marked(argv)
        with self._guard:
            if not self.is_open():
                with self._connecting():
                    self._connect()
        # Nothing but the connection: where that has gone, ssh is to make none of its own.
        client = ["ssh", "-F", "none", "-T", "-S", self._control, "-o", "ProxyCommand=false", "-o", "LogLevel=ERROR"]
        stream = OpensshStream(self, [*client, "--", self.name, command])
        return MarkedStream(self.name, stream, stdin, keeps_input=keeps_input)

    def is_open(self) -> bool:
        """Tell whether there is a connection."""
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(self._control)
            return True
        return False

    def close(self) -> None:
        """End the connection, also one that is just being made."""
        if (process := self._process) is not None:
            process.kill()
        with self._guard:
            if self._folder is not None:
                self._ssh("-S", self._control, "-O", "exit")
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None

    @property
    def _control(self) -> str:
        return f"{self._folder}/c"

    def _connect(self) -> None:
        """Make the connection in one attempt; ssh goes into the background once the host has let us in."""
        route_of(self.name, self.reach)  # raises where there is no file, or it makes no sense
        if self._folder is None:
            # A socket's path must be short, and ssh appends to it.
            self._folder = Path(tempfile.mkdtemp(prefix="ps-", dir=os.environ.get("XDG_RUNTIME_DIR")))
        (self._folder / "config").write_text(self._config(), "utf-8", "surrogateescape")
        (self._folder / "c").unlink(missing_ok=True)
        code, said = self._ssh("-v", "-f", "-N", "-M", "-S", self._control, "-o", f"ControlPersist={_IDLE_S}")
        if code or not self.is_open():
            raise self._failure(said)

    def _config(self) -> str:
        """Return what ssh is to read: our settings, then the file that was given, or the user's and the system's."""
        given = self.reach.ssh_config
        beat_s = max(1, round(limits.BEAT_S))
        forced = FORCED.format(
            keys="accept-new" if self.reach.accept_new else "yes",
            beat_s=beat_s,
            beats=max(1, int(limits.PATIENCE_S / beat_s)),
        )
        # Not included, for then ssh would ask who owns the file, as it does not of one that is named.
        theirs = given.read_text("utf-8", "surrogateescape") if given else f"Include {USER_CONFIG} {GLOBAL_CONFIG}"
        return f"{forced}{theirs}\nMatch all\nConnectTimeout {limits.CONNECT_TIMEOUT_S:g}\n"

    def _ssh(self, *options: str) -> tuple[int, str]:
        """Run ssh with our settings before the user's; return its exit status and all that it said."""
        with tempfile.TemporaryFile() as said:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - what varies is an alias
                    ["ssh", "-F", f"{self._folder}/config", *options, "--", self.name],  # noqa: S607 - the one that is typed
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    # Without a terminal and a display there is nobody to be asked.
                    env={**os.environ, "SSH_ASKPASS_REQUIRE": "never"},
                    start_new_session=True,
                )
            except OSError as error:
                raise HostError(f"ssh: {error.strerror}; install an OpenSSH client, or write 'via: fabric'") from error
            try:
                code = self._process.wait(_RUN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                code = self._process.wait()
            self._process = None
            said.seek(0)
            return code, said.read().decode("utf-8", "backslashreplace")

    def _failure(self, said: str) -> HostError:
        """Return the error for a connection that did not come about, from what ssh said on the way."""
        route = route_of(self.name, self.reach)
        keys = re.findall(r"debug1: Server host key: (\S+ \S+)", said)
        # Of several hosts on the way the one whose key came last is the one that it ended with.
        if len(keys) <= len(route.jumps) and route.jumps:
            route = route.to_jump(self.reach, max(len(keys) - 1, 0))
        return meaning(said, route.alias, route.shown, *keys[-1:])


class OpensshStream(ProcessStream):
    """A program on a host, whose input and output an ssh on this machine passes on."""

    def __init__(self, transport: OpensshTransport, argv: Sequence[str]) -> None:
        """Start it over the transport's connection; raises HostError when there is no ssh."""
        self._transport = transport
        self._is_cancelled = False
        super().__init__(transport.name, argv, b"", keeps_input=True, environment=os.environ)

    def read(self, timeout_s: float | None = None) -> bytes | None:
        """Wait for output; raises HostLinkLostError when the connection breaks, HostError when nothing was started."""
        data = super().read(timeout_s)
        if data == b"" and not self._is_cancelled and self.exit_code() == _SSH_FAILED:
            if not self._transport.is_open():
                raise LOST.error(alias=self._transport.name)
            if "refused by peer" in self.complaint():
                raise NO_PROGRAM.error(shown=self._transport.name, reason="the host's sshd refused")
        return data

    def cancel(self) -> None:
        """End the ssh that passes on; the program sees that its output is closed."""
        self._is_cancelled = True
        super().cancel()
