"""What the campaign asks of a machine, however it is reached: put a bundle there, call a verb, follow a journal."""

from __future__ import annotations

import copy
import json
import math
import time
from typing import TYPE_CHECKING, Any, Final

from pageswap.errors import HostError, UsageError
from pageswap.fleet.provision.host_python import OPTIONS
from pageswap.fleet.provision.provisioning import Provisioning
from pageswap.fleet.transport.registry import TRANSPORTS
from pageswap.fleet.transport.slurm import SlurmTransport
from pageswap.fleet.transport.transport import Reach, json_object, lines_of, waits
from pageswap.spec.hostnames import LOCAL, check_machine, is_plain_name
from pageswap.spec.quoting import printable
from pageswap.store.schema import BUILDING, CONNECTING, UPLOADING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.fleet.inventory import InventoryHost
    from pageswap.fleet.provision.provisioning import Build
    from pageswap.fleet.transport.transport import Stream

# Answers are a host's facts at most; a journal is not an answer and comes by `follow`.
MAX_ANSWER_BYTES: Final = 4 << 20
# Whoever waits for a host is told of each who measures there meanwhile.
MAX_LINES: Final = 1000
CALL_TIMEOUT_S: Final = 60.0

# A verb that goes on as long as somebody listens gets signs of life on its input, and ends so long after the last one.
_LASTING: Final = "follow"
SIGNS_S: Final = 20
# It gets one so often while somebody reads.
SIGN_S: Final = 2.0
# Nothing that a host prints in answer to one verb is longer; a journal of a million trials is not.
MAX_BYTES: Final = 2 << 30

_EVERYWHERE: Final = Reach()


def make_target(host: InventoryHost, reach: Reach = _EVERYWHERE, *, core: Build = "auto") -> Target:
    """Return what reaches a host and readies it; nothing is connected yet.

    `core` says who builds the C core. Raises UsageError for a name that is no alias, which becomes a folder's name on
    the host, and for a transport that this version does not know.
    """
    try:
        name = check_machine(host.name)
    except ValueError as error:
        raise UsageError(str(error)) from None
    via = LOCAL if name == LOCAL else host.via
    if via not in TRANSPORTS:
        raise UsageError(f"{name}: unknown transport {via!r:.40}; 'via:' is one of {', '.join(TRANSPORTS)}")
    cluster = host.slurm
    if cluster is None:
        return Target(TRANSPORTS[via](name, reach), python=host.python, workdir=host.workdir, core=core)
    transport = SlurmTransport(name, reach, login=cluster.login, via=via, elsewhere=cluster.placement())
    return Target(transport, python=host.python, workdir=cluster.workdir, core=core)


def named(host: str, error: Exception) -> Exception:
    """Return a host's error with the host's name before its text, the same one where that stands there already."""
    text = str(error)
    if not isinstance(error, HostError) or text.startswith((f"{host}: ", f"{host} (")):
        return error
    again = copy.copy(error)
    again.args = (f"{host}: {text}",)
    again.__cause__ = error
    return again


class Target(Provisioning):
    """One machine, however it is reached: what is asked of it once it has a bundle."""

    def work_dir(self, run_id: str, segment: int) -> str:
        """Name the machine's folder for one segment of a run; raises HostError when there is no place for one."""
        # A node's name has what is no folder's, and this is in no name.
        folder = self.name.replace("/", "=")
        for name in (run_id, *folder.split("=", 1)):
            if not is_plain_name(name):
                raise HostError(
                    f"{name!r:.200} cannot be a folder on a host; expected letters, digits, '.', '-' and '_'"
                )
        return f"{self.facts().cache}/runs/{run_id}/{folder}/{segment:d}"

    def open(self, verb: str, document: dict[str, Any]) -> Stream:
        """Start `<python> -I -S -B <bundle> <verb>` with the document on its standard input; raises HostError."""
        if self.bundle_dir is None:
            raise HostError(f"{self.name}: no bundle was put there yet")
        if (elsewhere := self.transport.elsewhere) is not None:
            document = {
                **document,
                "slurm": {**elsewhere, "python": self.facts().python, "bundle": self.bundle_dir},
            }
        is_lasting = verb == _LASTING
        if is_lasting:
            document = {**document, "signs_s": SIGNS_S}
        argv = (self.facts().python, *OPTIONS, self.bundle_dir, verb)
        stream = self.transport.start(argv, json.dumps(document).encode() + b"\n", keeps_input=is_lasting)
        return VerbStream(self.name, stream, sign_s=SIGN_S if is_lasting else math.inf)

    @property
    def is_queued(self) -> bool:
        """Whether what is to be done on the machine waits for its turn, however long."""
        return self.transport.elsewhere is not None

    def close(self) -> None:
        """Let go of what reaching the machine took; harmless when repeated, and calls may follow."""
        self.transport.close()

    def phase_seconds(self) -> dict[str, float]:
        """Return the seconds spent so far by phase: connecting, uploading, building."""
        return {CONNECTING: 0.0, UPLOADING: 0.0, BUILDING: 0.0, **self.transport.seconds}

    def call(
        self,
        verb: str,
        document: dict[str, Any],
        *,
        timeout_s: float | None = CALL_TIMEOUT_S,
        on_line: Callable[[dict[str, Any], Stream], None] = lambda _line, _stream: None,
    ) -> dict[str, Any]:
        """Call a verb and return the JSON object it prints last; `on_line` gets each as it comes, and the stream.

        Raises HostError with the host's own words when the verb fails, and when it does not end within `timeout_s`.
        """
        where = f"{self.name}: {verb}"
        stream = self.open(verb, document)
        answer: dict[str, Any] | None = None
        try:
            lines = lines_of(stream, where, timeout_s=timeout_s, most_bytes=MAX_ANSWER_BYTES)
            for count, line in enumerate(lines, 1):
                if count > MAX_LINES:
                    raise HostError(f"{where}: an answer of more than {MAX_LINES:,} lines")
                if answer is None or line.startswith(b"{"):  # else what a shell says when the program has ended
                    answer = json_object(line, where, stream)
                    on_line(answer, stream)
        finally:
            complaint = stream.close()
        if answer is None:
            said = complaint.rpartition("\n")[2]
            raise HostError(f"{where}: ended without an answer{f': {said:.500}' if said else ''}")
        if "error" in answer:
            raise HostError(f"{self.name}: {printable(str(answer['error'])):.2000}")
        return answer

    def follow(self, work_dir: str, offset: int) -> Stream:
        """Stream the journal of a segment from byte `offset`; ends when the journal has, or the agent."""
        return self.open(_LASTING, {"work_dir": work_dir, "offset": offset})


class VerbStream:
    """A verb's stream, read with a bound; a verb that lasts is shown that somebody still reads it."""

    def __init__(self, name: str, stream: Stream, *, sign_s: float = math.inf, most_bytes: int = MAX_BYTES) -> None:
        """Take the host's name and its program's stream; that gets an empty line every `sign_s` while it is read."""
        self.send, self.end_input, self.cancel, self.close = stream.send, stream.end_input, stream.cancel, stream.close
        self._name = name
        self._stream = stream
        self._sign_s = sign_s
        self._signed = time.monotonic()
        self._left = most_bytes

    def read(self, timeout_s: float | None = None) -> bytes | None:
        """Wait for output; raises HostError when there is too much."""
        for wait_s in waits(timeout_s, self._sign_s):
            data = self._stream.read(wait_s)
            if time.monotonic() - self._signed >= self._sign_s:
                self._signed = time.monotonic()
                self.send(b"\n")
            if data is not None:
                break
        self._left -= len(data or b"")
        if self._left < 0:
            self.cancel()
            raise HostError(f"{self._name}: sent more than {MAX_BYTES >> 30} GiB in one answer, which is no journal")
        return data
