"""A machine that is reached by SSH as a target: the same program, job file and journal as on the local one."""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Literal

from pageswap.errors import HostError, HostUnreachableError
from pageswap.fleet.connection import Connection, HopelessError
from pageswap.fleet.host_python import HostFacts, facts_from, no_python
from pageswap.fleet.remote import agent_command, command, first_command, program, safe_path
from pageswap.fleet.ssh_config import SshConfig
from pageswap.fleet.ssh_stream import SshStream
from pageswap.fleet.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pageswap.fleet.bundle import Bundle
    from pageswap.fleet.inventory import InventoryHost
    from pageswap.fleet.target import Stream

Build = Literal["controller", "host", "auto"]

# Pauses before the second attempt to connect, the third, ...; each is shortened by up to half, so that many
# controllers or hosts do not knock at one sshd together.
BACKOFF_S: Final = (0.5, 1.0, 2.0)

_ANSWER_S = 120.0
_MAX_LINE_BYTES = 64 << 10

# Verbs that go on as long as they are listened to: signs of life on their input tell them that they are.
_LASTING: Final = ("follow",)


class SshTarget(Target):
    """One host of the user's ssh_config, through one connection that is made when it is needed."""

    def __init__(
        self,
        name: str,
        host: InventoryHost,
        ssh_config: Path | None = None,
        *,
        accept_new: bool = False,
        core: Build = "auto",
    ) -> None:
        """Take the alias, what the inventory says of it, an ssh_config other than the user's, and who builds the core.

        With `accept_new` the key of a host that was unknown is trusted and written down.
        """
        self.name = name
        self.python = host.python or "python3"
        self._host = host
        self._ssh_config_path = ssh_config
        self._accept_new = accept_new
        self._core = core
        self._connection: Connection | None = None
        self._connecting = threading.Lock()
        self._hang_up = threading.Event()
        self._seconds: dict[str, float] = {}
        self._facts: HostFacts | None = None
        self._bundle_dir: str | None = None

    def ledger(self) -> dict[str, float]:
        """Give the seconds spent so far: connecting, uploading, building."""
        return {phase: self._seconds.get(phase, 0.0) for phase in ("connecting", "uploading", "building")}

    def ensure_bundle(self, bundle: Bundle) -> None:
        """Have the bundle there for that host's Python, uploading it unless it is there, whole, and checked to load."""
        facts = self.facts()
        fitting = bundle.for_python(facts.tag)
        folder, complaint = self._put(fitting, facts)
        if complaint:
            raise self._unloadable(complaint, facts)
        self._bundle_dir = folder

    def work_dir(self, run_id: str, segment: int) -> str:
        """Name the folder below the host's cache; raises HostError when there is no place for one."""
        return f"{self.facts().cache}/runs/{run_id}/{self.name}/{segment}"

    def open(self, verb: str, document: dict[str, Any]) -> Stream:
        """Start the agent's program with `verb`, connecting again when the connection is gone."""
        if self._bundle_dir is None:
            raise HostError(f"{self.name}: no bundle was put there yet")
        is_lasting = verb in _LASTING
        text = agent_command(self.python, self._bundle_dir, verb)
        return self._start(text, json.dumps(document).encode() + b"\n", keeps_input=is_lasting)

    def close(self) -> None:
        """End the connection and whatever waits for one; what runs there goes on. A later call connects again."""
        self._hang_up.set()
        with self._connecting:
            if self._connection is not None:
                self._connection.close()

    def start(self, name: str, stdin: bytes) -> SshStream:
        """Start one of the programs in onhost/ with the beginning of its input, which stays open for more."""
        self.facts()  # which Python there is
        return self._start(command(self.python), program(name) + stdin, keeps_input=True)

    def facts(self) -> HostFacts:
        """Give what is known of the host, asking it the first time."""
        if self._facts is None:
            document = json.dumps({"workdir": self._host.workdir}).encode() + b"\n"
            stream = self._start(first_command(self._host.python), program("probe") + document)
            lines = self._lines(stream)
            try:
                answer = json.loads(lines[0])
                is_answer = isinstance(answer, dict)
            except (ValueError, LookupError):
                is_answer = False
            if not is_answer:
                raise no_python(self.name, self._host.python, lines)
            facts = facts_from(self.name, answer)
            safe_path(facts.cache)
            self.python = safe_path(facts.python)
            self._facts = facts
        return self._facts

    def _put(self, bundle: Bundle, facts: HostFacts) -> tuple[str, str]:
        """Give the bundle's folder and what the host says of loading its core."""
        folder = f"{facts.cache}/bundles/{bundle.sha256}"
        document = json.dumps({"folder": folder, "hashes": bundle.hashes}).encode() + b"\n"
        stream = self._start(command(self.python), program("folder") + document, keeps_input=True)
        try:
            answer = self._answer(stream)
            if answer.get("wanted"):
                with self._timed("uploading"):
                    sizes = {name: len(content) for name, content in bundle.files.items()}
                    stream.send(json.dumps({"sizes": sizes}).encode() + b"\n")
                    stream.send(b"".join(bundle.files[name] for name in bundle.hashes))
                    answer = self._answer(stream)
        finally:
            complaint = stream.close()
        if "error" in answer:
            raise HostError(f"{self.name}: {answer['error']}; or give it a 'workdir:' in the inventory")
        if "folder" not in answer:
            raise HostError(f"{self.name}: the bundle could not be put there: {complaint or 'no reason given'}")
        return folder, str(answer["complaint"])

    def _unloadable(self, complaint: str, facts: HostFacts) -> HostError:
        del facts
        return HostError(f"{self.name}: the C core cannot be loaded there: {complaint}")

    def _start(self, text: str, stdin: bytes, *, keeps_input: bool = False) -> SshStream:
        return SshStream(self.name, self._connected(), text, stdin, keeps_input=keeps_input)

    def _connected(self) -> Connection:
        with self._connecting:
            if self._connection is not None and self._connection.is_open:
                return self._connection
            if self._connection is not None:
                self._connection.close()
            self._hang_up.clear()
            with self._timed("connecting"):
                self._connection = self._connect()
            return self._connection

    def _connect(self) -> Connection:
        """Connect, again after a pause where that may help."""
        pauses = [*BACKOFF_S]
        config = SshConfig(self._ssh_config_path)
        route = config.route(self.name)
        while True:
            if self._hang_up.is_set():
                raise HostUnreachableError(f"{self.name}: connecting was given up")
            try:
                return Connection(route, config, accept_new=self._accept_new)
            except HopelessError:
                raise
            except HostUnreachableError:
                if not pauses:
                    raise
                self._hang_up.wait(pauses.pop(0) * random.uniform(0.5, 1.0))  # noqa: S311 - no secret

    def _answer(self, stream: SshStream) -> dict[str, Any]:
        """Read one JSON line."""
        line = b""
        deadline = time.monotonic() + _ANSWER_S
        while not line.endswith(b"\n"):
            data = stream.read(max(0.0, deadline - time.monotonic()))
            if data is None:
                raise HostError(f"{self.name}: no answer within {_ANSWER_S:g} s; look at the host's load")
            line += data
            if not data or len(line) > _MAX_LINE_BYTES:
                break
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            said = stream.close() or line[:80].decode("utf-8", "backslashreplace")
            raise HostError(f"{self.name}: expected a JSON object, found: {said or 'nothing'}")
        return answer

    def _lines(self, stream: SshStream) -> list[str]:
        """Read all that a short program prints."""
        text = b""
        deadline = time.monotonic() + _ANSWER_S
        try:
            while data := stream.read(max(0.0, deadline - time.monotonic())):
                text += data
                if len(text) > _MAX_LINE_BYTES:
                    break
        finally:
            stream.close()
        return text.decode("utf-8", "backslashreplace").splitlines()

    @contextlib.contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self._seconds[phase] = self._seconds.get(phase, 0.0) + time.monotonic() - began
