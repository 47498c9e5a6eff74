"""A machine that is reached by SSH as a target: the same program, job file and journal as on the local one."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Literal

from pageswap.errors import HostBuildError, HostError, UsageError
from pageswap.fleet.provision.boot_program import agent_command, command, first_command, program, safe_path
from pageswap.fleet.provision.host_build import core_from, judge, make_kit, no_build
from pageswap.fleet.provision.host_python import HostFacts, facts_from, no_python, slow_python, with_cure
from pageswap.fleet.transport.ssh_config import SshConfig
from pageswap.fleet.transport.ssh_connection import Connection
from pageswap.fleet.transport.ssh_stream import SshStream
from pageswap.fleet.transport.target import Target, segment_folder
from pageswap.spec.hostnames import check_alias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pageswap.fleet.inventory import InventoryHost
    from pageswap.fleet.provision.bundle import Bundle, Core
    from pageswap.fleet.transport.target import Stream

Build = Literal["controller", "host", "auto"]

# Compiling the core takes seconds, on a slow and busy host minutes.
_ANSWER_S = 600.0
# What is asked first is answered by any Python that starts at all; each that does not may take START_S of it.
_PROBE_S = 40.0
_MAX_LINE_BYTES = 16 << 20

# A verb that goes on as long as somebody listens gets signs of life on its input, and ends so long after the last one.
_LASTING: Final = ("follow",)
SIGNS_S: Final = 20


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

        With `accept_new` the key of a host that was unknown is trusted and written down. Raises UsageError for a name
        that is no alias: it becomes a folder's name on the host.
        """
        try:
            self.name = check_alias(name)
        except ValueError as error:
            raise UsageError(str(error)) from None
        self.python = host.python or "python3"
        self._host = host
        self._ssh_config_path = ssh_config
        self._accept_new = accept_new
        self._core = core
        self._connection: Connection | None = None
        self._connecting = threading.Lock()
        self._seconds: dict[str, float] = {}
        self._facts: HostFacts | None = None
        self._bundle_dir: str | None = None

    def ledger(self) -> dict[str, float]:
        """Give the seconds spent so far: connecting, uploading, building."""
        return {phase: self._seconds.get(phase, 0.0) for phase in ("connecting", "uploading", "building")}

    def ensure_bundle(self, bundle: Bundle) -> None:
        """Have the bundle there for that host's Python, with a core that loads; what is there, whole, is used again.

        Raises HostPythonError, HostBuildError, or another HostError.
        """
        facts = self.facts()
        fitting = bundle
        if facts.tag != bundle.tag:
            with self._timed("uploading"):  # the backend may have to be downloaded first
                fitting = bundle.for_python(facts.tag)
        complaint = ""
        if self._core != "host":
            complaint = self._put(fitting, facts)
            if complaint and self._core == "controller":
                raise no_build(self.name, complaint, facts)
        if complaint or self._core == "host":
            with self._timed("building"):
                core = self._built(facts, complaint)
            complaint = self._put(fitting.with_core(core), facts)
            if complaint:
                raise HostBuildError(f"{self.name}: the core that was built there does not load there: {complaint}")

    def work_dir(self, run_id: str, segment: int) -> str:
        """Name the folder below the host's cache; raises HostError when there is no place for one."""
        return segment_folder(self.facts().cache, run_id, self.name, segment)

    def open(self, verb: str, document: dict[str, Any]) -> Stream:
        """Start the agent's program with `verb`, connecting again when the connection is gone."""
        if self._bundle_dir is None:
            raise HostError(f"{self.name}: no bundle was put there yet")
        is_lasting = verb in _LASTING
        text = agent_command(self.python, self._bundle_dir, verb)
        if is_lasting:
            document = {**document, "signs_s": SIGNS_S}
        stdin = json.dumps(document).encode() + b"\n"
        return self._start(text, stdin, keeps_input=is_lasting, shows_life=is_lasting)

    def close(self) -> None:
        """End the connection, also one that is just being made; what runs there goes on. A later call connects anew."""
        with self._connecting:
            if self._connection is not None:
                self._connection.close()

    def ask(
        self, name: str, document: dict[str, Any], contents: Iterable[bytes] = (), *, most_bytes: int
    ) -> dict[str, Any]:
        """Run one of the programs in onhost/ with a document and what follows it, and give its answer.

        Raises HostError, with the program's own words where it has an error.
        """
        self.facts()  # which Python there is
        stream = self._run(name, document)
        try:
            for chunk in contents:
                stream.send(chunk)
            stream.end_input()
            answer = self._answer(stream, most_bytes)
        finally:
            stream.close()
        if "error" in answer:
            raise HostError(f"{self.name}: {answer['error']!s:.1000}")
        return answer

    def facts(self) -> HostFacts:
        """Give what is known of the host, asking it the first time."""
        if self._facts is None:
            if self._host.workdir:
                safe_path(self._host.workdir)  # before it is made there
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
            facts = facts_from(self.name, answer, self._host.workdir)
            safe_path(facts.cache)
            self.python = safe_path(facts.python)
            self._facts = facts
        return self._facts

    def _put(self, bundle: Bundle, facts: HostFacts) -> str:
        """Have a bundle there and use it; gives why its core does not load, "" when it does."""
        folder = f"{facts.cache}/bundles/{bundle.sha256}"
        answer = self._send("folder", {"folder": folder, "hashes": bundle.hashes}, bundle.files, "uploading")
        if "error" in answer:
            raise HostError(f"{self.name}: {with_cure(answer['error'], self._host.workdir)}")
        complaint = str(answer.get("complaint", "no answer"))
        error = judge(self.name, complaint, facts.cache) if complaint else None
        if error is not None:
            raise error
        self._bundle_dir = None if complaint else folder
        return complaint

    def _built(self, facts: HostFacts, complaint: str) -> Core:
        kit = make_kit()
        document = {"cores": f"{facts.cache}/cores", "hashes": kit.hashes, "flags": kit.flags}
        return core_from(self.name, self._send("core", document, kit.files, None), complaint, facts)

    def _send(self, name: str, document: dict[str, Any], files: dict[str, bytes], phase: str | None) -> dict[str, Any]:
        """Run one of our programs there and give its last word; if it asks it gets `files`, timed as `phase`."""
        stream = self._run(name, document)
        try:
            answer = self._answer(stream)
            if answer.get("wanted"):
                with self._timed(phase) if phase else contextlib.nullcontext():
                    sizes = {name: len(content) for name, content in files.items()}
                    stream.send(json.dumps({"sizes": sizes}).encode() + b"\n")
                    stream.send(b"".join(files[name] for name in document["hashes"]))
                    answer = self._answer(stream)
        finally:
            stream.close()
        return answer

    def _run(self, name: str, document: dict[str, Any]) -> SshStream:
        """Start one of our programs there with the beginning of its input, which stays open for more."""
        stdin = program(name) + json.dumps(document).encode() + b"\n"
        return self._start(command(self.python), stdin, keeps_input=True)

    def _start(self, text: str, stdin: bytes, *, keeps_input: bool = False, shows_life: bool = False) -> SshStream:
        connection = self._connected()
        return SshStream(connection, text, stdin, keeps_input=keeps_input, shows_life=shows_life)

    def _connected(self) -> Connection:
        """Give the connection, made in one attempt unless it is open: how often to try is for the caller to say."""
        with self._connecting:
            if self._connection is not None and self._connection.is_open:
                return self._connection
            if self._connection is not None:
                self._connection.close()
            with self._timed("connecting"):
                config = SshConfig(self._ssh_config_path)
                self._connection = Connection(config.route(self.name), config, accept_new=self._accept_new)
            return self._connection

    def _answer(self, stream: SshStream, most_bytes: int = _MAX_LINE_BYTES) -> dict[str, Any]:
        """Read one JSON line."""
        line = bytearray()
        deadline = time.monotonic() + _ANSWER_S
        while not line.endswith(b"\n"):
            data = stream.read(max(0.0, deadline - time.monotonic()))
            if data is None:
                raise HostError(f"{self.name}: no answer within {_ANSWER_S:g} s; look at the host's load")
            line += data
            if not data:
                break
            if len(line) > most_bytes:
                raise HostError(f"{self.name}: an answer of more than {most_bytes >> 20} MiB")
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            said = stream.close() or line[:80].decode("utf-8", "backslashreplace")
            raise HostError(f"{self.name}: expected a JSON object, found: {said or 'nothing'}")
        return answer

    def _lines(self, stream: SshStream) -> list[str]:
        """Read all that the probe prints, but for empty lines."""
        text = b""
        deadline = time.monotonic() + _PROBE_S
        try:
            while data := stream.read(max(0.0, deadline - time.monotonic())):
                text += data
                if len(text) > _MAX_LINE_BYTES:
                    break
        finally:
            stream.close()
        if data is None and not text.strip():
            raise slow_python(self.name, self._host.python, _PROBE_S)
        return [line for line in text.decode("utf-8", "backslashreplace").splitlines() if line]

    @contextlib.contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self._seconds[phase] = self._seconds.get(phase, 0.0) + time.monotonic() - began
