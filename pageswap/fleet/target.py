"""What the campaign asks of a machine, however it is reached: put a bundle there, call a verb, follow a journal."""

from __future__ import annotations

import copy
import json
import re
import time
from typing import TYPE_CHECKING, Any, Final

from pageswap.errors import HostError
from pageswap.fleet.provision.boot_program import agent_argv
from pageswap.fleet.provision.verb_stream import VerbStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pageswap.fleet.provision.bundle import Bundle
    from pageswap.fleet.provision.host_python import HostFacts
    from pageswap.fleet.provision.provisioning import Provisioning
    from pageswap.fleet.transport.transport import Stream, Transport

# Answers are a host's facts at most; a journal is not an answer and comes by `follow`.
MAX_ANSWER_BYTES: Final = 8 << 20
CALL_TIMEOUT_S: Final = 60.0


# A run's id and a host's name are folders there; neither may lead to another one.
_FOLDER_NAME: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]|\.(?!\.)){0,199}")


def segment_folder(cache: str, run_id: str, host: str, segment: int) -> str:
    """Name a segment's folder below a host's cache; raises HostError for names that no folder could have."""
    for name in (run_id, host):
        if not _FOLDER_NAME.fullmatch(name):
            raise HostError(f"{name!r:.200} cannot be a folder on a host; expected letters, digits, '.', '-' and '_'")
    return f"{cache}/runs/{run_id}/{host}/{segment:d}"


def named(host: str, error: Exception) -> Exception:
    """Return a host's error with the host's name before its text, the same one where that stands there already."""
    text = str(error)
    if not isinstance(error, HostError) or text.startswith((f"{host}: ", f"{host} (")):
        return error
    again = copy.copy(error)
    again.args = (f"{host}: {text}",)
    again.__cause__ = error
    return again


# A verb that goes on as long as somebody listens gets signs of life on its input, and ends so long after the last one.
_LASTING: Final = ("follow",)
SIGNS_S: Final = 20


class Target:
    """One machine, however it is reached: what is asked of it once it has a bundle."""

    def __init__(self, name: str, transport: Transport, provisioning: Provisioning) -> None:
        """Take the host's name in the results, the way to it, and what readies it over that."""
        self.name = name
        self._transport = transport
        self._provisioning = provisioning

    def ensure_bundle(self, bundle: Bundle) -> None:
        """Have the bundle on the machine, whole and verified, for the calls that follow; raises HostError."""
        self._provisioning.ensure_bundle(bundle)

    def facts(self) -> HostFacts:
        """Return what is known of the host before a bundle is there; raises HostError."""
        return self._provisioning.facts()

    def ask(
        self, name: str, document: dict[str, Any], contents: Iterable[bytes] = (), *, most_bytes: int
    ) -> dict[str, Any]:
        """Run one of the programs in onhost/, which needs no bundle, and return its answer; raises HostError."""
        return self._provisioning.ask(name, document, contents, most_bytes=most_bytes)

    def work_dir(self, run_id: str, segment: int) -> str:
        """Name the machine's folder for one segment of a run; raises HostError when there is no place for one."""
        return segment_folder(self.facts().cache, run_id, self.name, segment)

    def open(self, verb: str, document: dict[str, Any]) -> Stream:
        """Start `<python> -I -S -B <bundle> <verb>` with the document on its standard input; raises HostError."""
        folder = self._provisioning.bundle_dir
        if folder is None:
            raise HostError(f"{self.name}: no bundle was put there yet")
        is_lasting = verb in _LASTING
        if is_lasting:
            document = {**document, "signs_s": SIGNS_S}
        argv = agent_argv(self.facts().python, folder, verb)
        stream = self._transport.start(argv, json.dumps(document).encode() + b"\n", keeps_input=is_lasting)
        return VerbStream(self.name, stream, shows_life=is_lasting)

    def close(self) -> None:
        """Let go of what reaching the machine took; harmless when repeated, and calls may follow."""
        self._transport.close()

    def phase_seconds(self) -> dict[str, float]:
        """Return the seconds spent so far by phase: connecting, uploading, building."""
        return {"connecting": self._transport.connecting_s, **self._provisioning.seconds}

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
        stream = self.open(verb, document)
        try:
            answer = self._last_line(verb, stream, timeout_s, on_line)
        finally:
            complaint = stream.close()
        if answer is None:
            raise HostError(f"{self.name}: {verb}: ended without an answer{': ' + complaint if complaint else ''}")
        if "error" in answer:
            raise HostError(f"{self.name}: {answer['error']!s:.2000}")
        return answer

    def follow(self, work_dir: str, offset: int) -> Stream:
        """Stream the journal of a segment from byte `offset`; ends when the journal has, or the agent."""
        return self.open("follow", {"work_dir": work_dir, "offset": offset})

    def _last_line(
        self, verb: str, stream: Stream, timeout_s: float | None, on_line: Callable[[dict[str, Any], Stream], None]
    ) -> dict[str, Any] | None:
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        answer: dict[str, Any] | None = None
        pending = b""
        while True:
            data = stream.read(None if deadline is None else max(0.0, deadline - time.monotonic()))
            if data is None:
                raise HostError(f"{self.name}: {verb}: no answer within {timeout_s:g} s")
            *lines, pending = (pending + data).split(b"\n")
            if len(pending) > MAX_ANSWER_BYTES:
                raise HostError(f"{self.name}: {verb}: an answer of more than {MAX_ANSWER_BYTES >> 20} MiB")
            # A line that was cut off at the end is no answer.
            for line in lines:
                answer = self._parse(verb, line)
                on_line(answer, stream)
            if not data:
                return answer

    def _parse(self, verb: str, line: bytes) -> dict[str, Any]:
        try:
            document = json.loads(line)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            shown = line[:80].decode("utf-8", "backslashreplace")
            raise HostError(f"{self.name}: {verb}: expected a JSON object, found: {shown}")
        return document
