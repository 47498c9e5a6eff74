"""Programs on a host as the system's ssh reaches it, through a connection that they share by a control socket."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shlex
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, Final

from pageswap.errors import HostError
from pageswap.fleet.transport import transport as limits
from pageswap.fleet.transport.connected import ConnectedTransport, Connection
from pageswap.fleet.transport.link_errors import CUT, LOST, NO_PROGRAM, meaning
from pageswap.fleet.transport.local import ProcessStream, bound
from pageswap.fleet.transport.ssh_config import FORCED, GLOBAL_CONFIG, USER_CONFIG

# A connection that nobody uses any more, as after a kill -9, ends after so many seconds.
_IDLE_S: Final = 60
# Whatever a host does, ssh is not waited for longer.
_RUN_S: Final = 90.0
_EXIT_S: Final = 10.0
_SSH_FAILED: Final = 255
_NOT_FORWARDED: Final = "Stdio forwarding request failed"
# From here on a line may begin with words of the host's or of a file, as ssh lets line feeds pass. Only its last words
# are certainly ssh's own then, but where they repeat an offer, which is the host's.
_OFFER: Final = "Their offer: "
_THEIRS: Final = (
    r"(?m)^(?:debug1: (?:SSH2_MSG_NEWKEYS received|Remote: |KRL version |Server host certificate: )|"
    rf"Received disconnect from )|{_OFFER}"
)
_LAST: Final = (
    r"(?m)^(?:(?:(?:Offending .*\n(?:  .*\n)*)?.*\n)?Host key verification failed\.|.*: Permission denied \(.*|"
    r"Connection to .* timed out|Received disconnect from .*\n.*)\n\Z"
)
# Of a program that was started the complaints are the host's words.
_NO_SESSION: Final = r"mux_client_request_session: session request failed: Session open refused by peer\r?(?:\n|\Z)"
_FORWARDS_NOTHING: Final = r"(?m)^channel \d+: open failed: (?:administratively prohibited|connect failed)"
# How often is looked at how much a program complains.
_LOOK_S: Final = 0.5
# A socket's path has 107 bytes at most, and ssh appends to it.
_LONGEST_PLACE: Final = 70
_PREFIX: Final = "ps-"
# So long after its last change nobody makes a connection in a folder any more.
_ABANDONED_S: Final = 3600.0


class Master(Connection):
    """One connection of the system's ssh, which alone decides how the host is reached."""

    _folder: Path | None = None
    _process: subprocess.Popen[bytes] | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether the ssh that holds the connection is there."""
        return _is_listened_to(self._control)

    def open(self) -> None:
        """Have ssh connect; it goes into the background once the host has let us in."""
        self.check_agent()
        gate = self._through = self._gate()
        self._folder = make_folder(self.route.alias)
        self._held.callback(shutil.rmtree, self._folder, ignore_errors=True)
        self._held.callback(self._exit)
        (self._folder / "config").write_text(self._config(), "utf-8", "surrogateescape")
        options = [f"-o{key}={value}" for key, value in self.route.given.items()]
        if gate is not None:
            options = [f"-oProxyCommand={shlex.join(gate.client())} -W '[%h]:%p' gate", "-oProxyUseFdpass=no", *options]
            known = len(_all_of(gate.log))
        code = self._ssh("-v", "-f", "-N", "-M", "-S", self._control, f"-oControlPersist={_IDLE_S}", *options)
        if code or not self.is_open:
            said = _all_of(self.log)
            own = re.split(_THEIRS, said, maxsplit=1)[0]
            keys = re.findall(r"(?m)^debug1: Server host key: (\S+ \S+)", own)
            words = re.sub(r"(?m)^debug1: .*\n", "", own)
            if gate is not None:
                words += _all_of(self._beside)
                # Why it connects us to nobody a gate tells there only, as it does of others.
                if _NOT_FORWARDED in words:
                    words += "\n".join(re.findall(_FORWARDS_NOTHING, _all_of(gate.log)[known:]))
            last = None if _OFFER in said else re.search(_LAST, said)
            raise meaning(words + (last[0] if last else ""), self.route.alias, self.route.shown, *keys[-1:])

    def bound_complaints(self) -> bool:
        """Forget what ssh has said where that fills the disk, as a host may have it; tell whether it was so."""
        is_full = bound(self.log) or bound(self._beside)
        return is_full or (self._through is not None and self._through.bound_complaints())

    def client(self) -> list[str]:
        """Return the command that goes through the connection, and makes none of its own where it has gone."""
        return ["ssh", "-F", "none", "-T", "-S", self._control, "-o", "ProxyCommand=false", "-o", "LogLevel=ERROR"]

    def give_up(self) -> None:
        """End the ssh that connects, or that of the gate."""
        super().give_up()
        if (process := self._process) is not None:
            process.kill()

    @property
    def _control(self) -> str:
        return f"{self._folder}/c"

    def _exit(self) -> None:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            command = [*self.client(), "-O", "exit", "gate"]
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_EXIT_S, check=False)  # noqa: S603 - ours

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

    def _ssh(self, *options: str) -> int:
        """Run ssh with our settings before the user's; return its exit status."""
        # What is said by ssh itself, and by a ProxyCommand and whoever that reaches.
        self.log, self._beside = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - closed with the connection
        self._held.callback(self.log.close)
        self._held.callback(self._beside.close)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - what varies is an alias
                ["ssh", "-E", "/dev/stdout", "-F", f"{self._folder}/config", *options, "--", self.route.alias],  # noqa: S607 - the one that is typed
                stdin=subprocess.DEVNULL,
                stdout=self.log,
                stderr=self._beside,
                # Without a terminal and a display there is nobody to be asked.
                env={**os.environ, "SSH_ASKPASS_REQUIRE": "never"},
                start_new_session=True,
            )
        except OSError as error:
            raise HostError(f"ssh: {error.strerror}; install an OpenSSH client, or write 'via: fabric'") from error
        if self._is_given_up:
            self._process.kill()
        try:
            for wait_s in limits.waits(_RUN_S, _LOOK_S):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return self._process.wait(wait_s)
                if self.bound_complaints():
                    break
            self._process.kill()
            code = self._process.wait()
            # The end of what has none may be the host's words.
            os.ftruncate(self.log.fileno(), 0)
            return code
        finally:
            self._process = None


class OpensshStream(ProcessStream):
    """A program on a host, whose input and output an ssh on this machine passes on."""

    def __init__(self, master: Master, command: str) -> None:
        """Start a command; raises HostError when there is no ssh."""
        self._master = master
        self._is_cancelled = False
        alias = master.route.alias
        argv = [*master.client(), "--", alias, command]
        super().__init__(alias, argv, b"", keeps_input=True, environment=os.environ)

    def read(self, timeout_s: float | None = None) -> bytes | None:
        """Wait for output; raises HostLinkLostError when the connection or its ssh ends, HostError without a start."""
        for wait_s in limits.waits(timeout_s, _LOOK_S):
            # Before it waits: whoever gives up then still finds the last words.
            bound(self._complaints)
            with contextlib.suppress(OSError, ValueError):  # the connection is just being closed
                self._master.bound_complaints()
            data = super().read(wait_s)
            if data is not None:
                break
        code = self.exit_code() if data == b"" and not self._is_cancelled else None
        if code is not None and code < 0:
            raise CUT.error(alias=self._master.route.alias, number=str(-code))
        if code == _SSH_FAILED:
            if not self._master.is_open:
                raise LOST.error(alias=self._master.route.alias)
            if re.match(_NO_SESSION, self.complaint()):
                raise NO_PROGRAM.error(shown=self._master.route.shown)
        return data

    def cancel(self) -> None:
        """End the ssh that passes on; the program sees that its output is closed."""
        self._is_cancelled = True
        super().cancel()


class OpensshTransport(ConnectedTransport):
    """One host through the system's ssh."""

    connection = Master
    stream = OpensshStream


def make_folder(alias: str) -> Path:
    """Make a private folder for a host's config and socket; raises HostError.

    What commands that were killed have left beside it is removed first.
    """
    place = _place()
    _sweep(place)
    try:
        return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    except OSError as error:
        text = f"no folder can be made for ssh's socket: {error.strerror}; free space there, or set TMPDIR"
        raise HostError(f"{alias}: {place}: {text}") from error


def _all_of(file: IO[bytes]) -> str:
    descriptor = file.fileno()
    text = os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode("utf-8", "backslashreplace")
    return text.replace("\r\n", "\n")


def _is_listened_to(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
        probe.connect(path)
        return True
    return False


def _place() -> str:
    """Return a folder that can be written, whose path is short and holds nothing that ssh would replace."""
    for place in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir()):
        is_plain = place.startswith("/") and "%" not in place and len(os.fsencode(place)) <= _LONGEST_PLACE
        if is_plain and os.access(place, os.W_OK | os.X_OK):
            return place
    return "/tmp"  # noqa: S108 - the folder in it is private


@functools.cache
def _sweep(place: str) -> None:
    """Remove folders that are ours by all that they hold, were not changed for long, and have no listener."""
    for folder in Path(place).glob(f"{_PREFIX}????????"):
        with contextlib.suppress(OSError):
            found = folder.lstat()
            is_private = found.st_uid == os.geteuid() and found.st_mode == stat.S_IFDIR | stat.S_IRWXU
            if not is_private or time.time() - found.st_mtime < _ABANDONED_S:
                continue
            is_ours = {"config"} <= {path.name for path in folder.iterdir()} <= {"config", "c"}
            is_ours = is_ours and (folder / "config").read_bytes().startswith(FORCED.partition("{")[0].encode())
            if is_ours and not _is_listened_to(f"{folder}/c"):
                shutil.rmtree(folder)
