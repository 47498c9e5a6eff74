"""Programs on a host as the system's ssh reaches it, all through one connection that is made when it is needed."""

from __future__ import annotations

import contextlib
import glob
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
from pageswap.fleet.transport.link_errors import lost, no_program
from pageswap.fleet.transport.local import ProcessStream
from pageswap.fleet.transport.ssh_words import meaning
from pageswap.fleet.transport.transport import Transport, shell_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pageswap.fleet.transport.transport import Reach, Stream

# A connection that nobody uses any more, as after a kill -9, ends after so many seconds.
_IDLE_S: Final = 60
# Whatever a host does, ssh is not waited for longer.
_RUN_S: Final = 90.0
_SSH_FAILED: Final = 255
# Of a setting the first value holds: these stand before the user's, for this host and for those on the way to it.
_FORCED: Final = """\
BatchMode yes
StrictHostKeyChecking {keys}
UpdateHostKeys no
VerifyHostKeyDNS no
NoHostAuthenticationForLocalhost no
ConnectionAttempts 1
ServerAliveInterval {beat_s}
ServerAliveCountMax {beats}
ControlMaster no
ControlPath none
ClearAllForwardings yes
ForwardAgent no
ForwardX11 no
Tunnel no
PermitLocalCommand no
RemoteCommand none
RequestTTY no
VisualHostKey no
{includes}
Match all
ConnectTimeout {connect_s:g}
"""


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
        command = shell_text(argv)
        with self._guard:
            if not self.is_open():
                with self._connecting():
                    self._connect()
        # Nothing but the connection: where that has gone, ssh is to make none of its own.
        client = ["ssh", "-F", "none", "-T", "-S", self._control, "-o", "ProxyCommand=false", "-o", "LogLevel=ERROR"]
        return OpensshStream(self, [*client, "--", self.name, command], stdin, keeps_input=keeps_input)

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
                self._ssh(self.name, "-S", self._control, "-O", "exit")
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None

    def shown(self, alias: str) -> str:
        """Return a host's alias and the address that ssh has for it."""
        settings = self._settings(alias)
        address = f"{settings.get('hostname', alias)}:{settings.get('port', '22')}"
        return alias if address == f"{alias}:22" else f"{alias} ({address})"

    @property
    def _control(self) -> str:
        return f"{self._folder}/c"

    def _connect(self) -> None:
        """Make the connection in one attempt; ssh goes into the background once the host has let us in."""
        if self._folder is None:
            # A socket's path must be short, and ssh appends to it.
            self._folder = Path(tempfile.mkdtemp(prefix="ps-", dir=os.environ.get("XDG_RUNTIME_DIR")))
        (self._folder / "config").write_text(self._config(), encoding="utf-8")
        (self._folder / "c").unlink(missing_ok=True)
        code, said = self._ssh(
            self.name, "-v", "-f", "-N", "-M", "-S", self._control, "-o", f"ControlPersist={_IDLE_S}"
        )
        if code or not self.is_open():
            raise self._failure(said)

    def _config(self) -> str:
        """Return what ssh is to read: our settings, then the file that was given, or the user's and the system's."""
        given = self.reach.ssh_config
        if given is not None and not given.is_file():
            raise HostError(f"{given}: no such ssh_config; --ssh-config takes the path of one")
        files = [glob.escape(str(given.absolute()))] if given else ["~/.ssh/config", "/etc/ssh/ssh_config"]
        beat_s = max(1, round(limits.BEAT_S))
        return _FORCED.format(
            keys="accept-new" if self.reach.accept_new else "yes",
            beat_s=beat_s,
            beats=max(1, int(limits.PATIENCE_S / beat_s)),
            includes="\n".join(f'Include "{file}"' for file in files),
            connect_s=limits.CONNECT_TIMEOUT_S,
        )

    def _ssh(self, alias: str, *options: str) -> tuple[int, str]:
        """Run ssh with our settings before the user's; return its exit status and all that it said."""
        with tempfile.TemporaryFile() as said:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - what varies is an alias
                    ["ssh", "-F", f"{self._folder}/config", *options, "--", alias],  # noqa: S607 - the one that is typed
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

    def _settings(self, alias: str) -> dict[str, str]:
        """Return what ssh has read of a host: the first value of each setting."""
        lines = self._ssh(alias, "-G")[1].splitlines()
        return {name: value for name, _, value in (line.partition(" ") for line in reversed(lines))}

    def _failure(self, said: str) -> HostError:
        """Return the error for a connection that did not come about, from what ssh said on the way."""
        jumps = self._settings(self.name).get("proxyjump", "none").split(",")
        way = [*(jump.rpartition("@")[2].partition(":")[0] for jump in jumps if jump != "none"), self.name]
        keys = re.findall(r"debug1: Server host key: (\S+ \S+)", said)
        # Of several hosts on the way the one whose key came last is the one that it ended with.
        alias = way[min(max(len(keys) - 1, 0), len(way) - 1)]
        return meaning(said, alias, self.shown(alias), keys[-1] if keys else "of an unknown kind")


class OpensshStream(ProcessStream):
    """A program on a host, whose input and output an ssh on this machine passes on."""

    def __init__(self, transport: OpensshTransport, argv: Sequence[str], stdin: bytes, *, keeps_input: bool) -> None:
        """Start it over the transport's connection; raises HostError when there is no ssh."""
        self._transport = transport
        self._is_cancelled = False
        super().__init__(transport.name, argv, stdin, keeps_input=keeps_input, environment=os.environ)

    def read(self, timeout_s: float | None = None) -> bytes | None:
        """Wait for output; raises HostLinkLostError when the connection breaks, HostError when nothing was started."""
        data = super().read(timeout_s)
        if data == b"" and not self._is_cancelled and self.exit_code() == _SSH_FAILED:
            if not self._transport.is_open():
                raise lost(self._transport.name)
            if "refused by peer" in self.complaint():
                raise no_program(self._transport.shown(self._transport.name), "the host's sshd refused")
        return data

    def cancel(self) -> None:
        """End the ssh that passes on; the program sees that its output is closed."""
        self._is_cancelled = True
        super().cancel()
