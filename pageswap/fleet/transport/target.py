"""What the campaign asks of a machine, however it is reached: put a bundle there, call a verb, follow a journal."""

from __future__ import annotations

import abc
import copy
import json
import re
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

from pageswap.errors import HostError, HostUnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.fleet.provision.bundle import Bundle

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


class HopelessError(HostUnreachableError):
    """No connection came about, and another attempt a moment later would end the same way."""


def named(host: str, error: Exception) -> Exception:
    """Give a host's error with the host's name before its text, the same one where that stands there already."""
    text = str(error)
    if not isinstance(error, HostError) or text.startswith((f"{host}: ", f"{host} (")):
        return error
    again = copy.copy(error)
    again.args = (f"{host}: {text}",)
    again.__cause__ = error
    return again


class Stream(Protocol):
    """What a verb prints on a host, as it comes."""

    def read(self, timeout_s: float | None = None) -> bytes | None:
        """Wait for output: some bytes, b"" at its end, None when nothing came within `timeout_s` (None: for ever)."""

    def cancel(self) -> None:
        """End the verb now; whoever waits in `read`, in any thread, gets what is left and then the end."""

    def close(self) -> str:
        """End the verb if it still runs, and give the end of what it complained about; harmless when repeated."""


class Target(abc.ABC):
    """One machine; implementations differ only in how a program is started there and files get there."""

    name: str
    python: str

    @abc.abstractmethod
    def ensure_bundle(self, bundle: Bundle) -> None:
        """Have the bundle on the machine, whole and verified, for the calls that follow; raises HostError."""

    @abc.abstractmethod
    def work_dir(self, run_id: str, segment: int) -> str:
        """Name the machine's folder for one segment of a run; raises HostError."""

    @abc.abstractmethod
    def open(self, verb: str, document: dict[str, Any]) -> Stream:
        """Start `<python> -I -S -B <bundle> <verb>` with the document on its standard input; raises HostError."""

    def close(self) -> None:  # noqa: B027 - not every target holds something
        """Let go of what reaching the machine took; harmless when repeated, and calls may follow."""

    def ledger(self) -> dict[str, float]:
        """Give the seconds spent so far by phase: connecting, uploading, building; phases without any may be absent."""
        return {}

    def call(
        self,
        verb: str,
        document: dict[str, Any],
        *,
        timeout_s: float | None = CALL_TIMEOUT_S,
        on_line: Callable[[dict[str, Any], Stream], None] = lambda _line, _stream: None,
    ) -> dict[str, Any]:
        """Call a verb and give the JSON object it prints last; `on_line` gets each as it comes, and the stream.

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
