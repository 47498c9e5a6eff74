"""What every way to reach a machine can do: start a program there, talk to it, and let go."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import math
import re
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, Protocol

from pageswap.agent.host_words import MOST_PARTS, read_object
from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

# So much of the end of what a program complained about is kept.
COMPLAINT_BYTES: Final = 2000
# And no more of it takes room meanwhile.
MOST_COMPLAINTS_BYTES: Final = 16 << 20
# A program that takes no input for so long never will.
SEND_S: Final = 60.0
CONNECT_TIMEOUT_S: Final = 10.0
# A host that does not answer for so long is gone: asked every BEAT_S, it has PATIENCE_S to answer.
BEAT_S: Final = 3.0
PATIENCE_S: Final = 10.0

# An sshd that has not said for so long whether it starts a program never will.
CHANNEL_S: Final = 20.0
# A login shell that has started nothing for so long never will.
MARK_S: Final = 40.0

# Says a word that is not in the request, in case somebody repeats that, and becomes the program that follows.
_REQUEST: Final = ("/bin/sh", "-c", 'echo; echo pageswap-$((40+2)); exec "$@"', "sh")
_MARK: Final = b"\npageswap-42\n"
_MOST_NOISE_BYTES: Final = 1 << 16
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./-]+")


@dataclasses.dataclass(frozen=True)
class Reach:
    """What all hosts are reached with: an ssh_config other than the user's, and whether new host keys are trusted."""

    ssh_config: Path | None = None
    accept_new: bool = False


class Stream(Protocol):
    """One program that runs on a host, and what it prints, as it comes."""

    def send(self, data: bytes) -> None:
        """Give the program more input; one that has ended says why when it is read. Raises HostError."""

    def end_input(self) -> None:
        """Let the program see the end of its input."""

    def read(self, timeout_s: float | None = None) -> bytes | None:
        """Wait for output: some bytes, b"" at its end, None when nothing came within `timeout_s` (None: for ever).

        Raises HostLinkLostError when the connection breaks.
        """

    def cancel(self) -> None:
        """End the program now; whoever waits in `read`, in any thread, gets what is left and then the end."""

    def close(self) -> str:
        """End the program if it still runs, and return the end of what it complained about; harmless when repeated."""


class MarkedStream:
    """A program behind a login shell: what that says before the program starts is nobody's, and it is sent nothing."""

    def __init__(self, name: str, stream: Stream, stdin: bytes, *, keeps_input: bool) -> None:
        """Wait until the `marked` command says that it runs, then send the beginning of the program's input.

        Raises HostError where something else runs, such as another shell, with the last that was said.
        """
        self.send, self.end_input, self.cancel, self.close = stream.send, stream.end_input, stream.cancel, stream.close
        self._stream = stream
        try:
            self._ahead = self._first_words(name)
            self.send(stdin)
            if not keeps_input:
                self.end_input()
        except BaseException:
            self.close()
            raise

    def _first_words(self, name: str) -> bytes:
        """Return what came with the marker, of the program itself."""
        noise = b""
        deadline = time.monotonic() + MARK_S
        while _MARK not in noise:
            left_s = deadline - time.monotonic()
            data = self._stream.read(left_s) if left_s > 0 else None
            if not data:
                said = (self.close() or noise.decode("utf-8", "backslashreplace").strip()).rpartition("\n")[2]
                how = "started nothing" if data == b"" else f"started nothing within {MARK_S:g} s"
                raise HostError(
                    f"{name}: its login shell {how}{f': {said:.500}' if said else ''}; 'ssh {name} true' must work"
                    " there, without another shell, a question or a ForceCommand"
                )
            noise = (noise + data)[-_MOST_NOISE_BYTES:]
        return noise.partition(_MARK)[2]

    def read(self, timeout_s: float | None = None) -> bytes | None:
        """Wait for output, as `Stream.read`."""
        ahead, self._ahead = self._ahead, b""
        return ahead or self._stream.read(timeout_s)


class Transport(abc.ABC):
    """One way to reach one machine. It knows nothing of what is started there, nor why."""

    # Whether what it starts runs on this machine, as this user: files can be written there without asking.
    is_here: bool = False
    # What the agent's verbs are told where its machine is not the one that programs start on, None where it is.
    elsewhere: Mapping[str, Any] | None = None

    def __init__(self, name: str, reach: Reach) -> None:
        """Take the host's name, which begins its errors and is its alias, and what it is reached with."""
        self.name = name
        self.reach = reach
        # What was spent so far, by phase; who readies the host counts here, too.
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @abc.abstractmethod
    def start(self, argv: Sequence[str], stdin: bytes, *, keeps_input: bool = False) -> Stream:
        """Start a program, connecting first, in one attempt, unless a connection is there.

        `stdin` is the beginning of its standard input, which ends there unless it `keeps_input`. Raises HostError;
        HostUnreachableError and HostLinkLostError mean that another attempt may help.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of the connection, also of one that is just being made; programs there go on, and calls may follow."""

    @contextlib.contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Count the time spent inside as spent in a phase."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[phase] += time.monotonic() - began


def shell_text(argv: Sequence[str]) -> str:
    """Return a command that any shell, however odd, reads as these arguments; raises HostError where none is certain.

    Between single quotes only a quote, a backslash (fish), an exclamation mark (csh) and a line's end mean something.
    """
    for word in argv:
        if any(char in word for char in "'\\!\n\r\0"):
            raise HostError(f"{word!r:.200} cannot be handed to a shell unharmed; give the host a name or path without")
    return " ".join(["exec", *(word if _PLAIN.fullmatch(word) else f"'{word}'" for word in argv)])


def marked(argv: Sequence[str]) -> str:
    """Return a command for any login shell, as `shell_text` does, that tells `MarkedStream` when it runs."""
    return shell_text((*_REQUEST, *argv))


def waits(timeout_s: float | None, most_s: float) -> Iterator[float | None]:
    """Yield how long to wait next, at most `most_s`, once and until `timeout_s` have passed (None: for ever)."""
    until = math.inf if timeout_s is None else time.monotonic() + timeout_s
    while True:
        wait_s = min(most_s, max(0.0, until - time.monotonic()))
        yield None if wait_s == math.inf else wait_s
        if time.monotonic() >= until:
            return


def lines_of(stream: Stream, where: str, *, timeout_s: float | None, most_bytes: int) -> Iterator[bytes]:
    """Yield each line that a program prints as it comes, without its end; what is cut off at the end is none.

    Raises HostError, which begins with `where`, when it does not end within `timeout_s` (None: for ever) or prints a
    line of more than `most_bytes`.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    pending = bytearray()
    while (data := stream.read(None if deadline is None else max(0.0, deadline - time.monotonic()))) != b"":
        # Also where it never stops to say something.
        if data is None or (deadline is not None and time.monotonic() > deadline):
            raise HostError(f"{where}: no answer within {timeout_s:g} s; look at the host's load")
        pending += data
        if len(pending) > most_bytes:
            raise HostError(f"{where}: an answer of more than {most_bytes >> 20} MiB")
        if b"\n" in data:
            *lines, pending = pending.split(b"\n")
            yield from map(bytes, lines)


def json_object(line: bytes, where: str, stream: Stream, most_parts: int = MOST_PARTS) -> dict[str, Any]:
    """Return the JSON object that a line holds; without one raises HostError with what the program complained about."""
    try:
        return read_object(line, most_parts)
    except ValueError:
        shown = line[:80].decode("utf-8", "backslashreplace") or "nothing"
        said = stream.close().rpartition("\n")[2]
        raise HostError(f"{where}: expected a JSON object, found: {shown}{f' ({said:.500})' if said else ''}") from None
