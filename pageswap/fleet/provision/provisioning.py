"""Readies a host for its agent over any transport: asks for its Python, puts the bundle there, has a core built."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pageswap.agent.host_words import read_object
from pageswap.errors import HostBuildError, HostError
from pageswap.fleet.onhost import probe
from pageswap.fleet.onhost.folder import hashes_of
from pageswap.fleet.provision import host_python
from pageswap.fleet.provision.bundle import Bundle
from pageswap.fleet.provision.host_build import core_from, judge, make_kit, no_build
from pageswap.fleet.transport.transport import json_object, lines_of
from pageswap.spec.quoting import printable
from pageswap.store.schema import BUILDING, UPLOADING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pageswap.fleet.provision.host_build import Kit
    from pageswap.fleet.provision.host_python import HostFacts
    from pageswap.fleet.transport.transport import Stream, Transport

Build = Literal["controller", "host", "auto"]

# Of many hosts that build a core the first makes what all of them need.
_MAKING_KIT = threading.Lock()
# Compiling the core takes seconds, on a slow and busy host minutes.
_ANSWER_S = 600.0
# What is asked first is answered by any Python that starts at all; each that does not may take START_S of it.
PROBE_S: Final = 40.0
_MAX_LINE_BYTES = 4 << 20


class Provisioning:
    """What one host has been made ready with; every question is asked once, every file sent once."""

    def __init__(  # noqa: PLR0913 - what the inventory may say of a host, and what a test sets
        self,
        transport: Transport,
        *,
        python: str | None = None,
        workdir: str | None = None,
        core: Build = "auto",
        probe_s: float = PROBE_S,
        kit: Callable[[], Kit] = make_kit,
    ) -> None:
        """Take the way to the host, the inventory's Python and folder, and who builds the core.

        `probe_s` is how long the host may take to say which Python it has, `kit` gives what it builds a core from.
        """
        self.name = transport.name
        self.transport = transport
        # For who asks a host beforehand and who measures there: one after the other.
        self.in_use = threading.RLock()
        self._python = python
        self._workdir = workdir
        self._core = core
        self._probe_s = probe_s
        self._kit = kit
        # Agents here run on the controller's own Python unless the inventory names one: nothing need be asked.
        self._is_own = transport.is_here and python in (None, sys.executable)
        self._facts: HostFacts | None = None
        self.bundle_dir: str | None = None

    def facts(self) -> HostFacts:
        """Return what is known of the host, asking it the first time; raises HostError, HostPythonError."""
        if self._facts is None:
            self._check(self._workdir or "/")  # before it is made there
            answer = probe.facts(self._workdir) if self._is_own else self._probed()
            facts = host_python.facts_from(self.name, answer, self._workdir)
            if self._python:  # as it is named: it may be a wrapper
                facts = dataclasses.replace(facts, python=self._python)
            self._check(facts.cache, facts.python)
            self._facts = facts
        return self._facts

    @property
    def machine(self) -> str:
        """What tells machines apart, whatever they are called; "" while that is not known."""
        is_asked = self._facts is not None and self.transport.elsewhere is None
        return self._facts.machine if self._facts and is_asked else ""

    def ensure_bundle(self, bundle: Bundle) -> None:
        """Have the bundle there for that host's Python, with a core that loads; what is there, whole, is used again.

        Raises HostPythonError, HostBuildError, or another HostError.
        """
        facts = self.facts()
        if self._is_own:
            # Its core was built for this very Python, and loads.
            try:
                self.bundle_dir = str(bundle.write_below(Path(facts.cache) / "bundles"))
            except HostError as error:
                raise HostError(host_python.with_cure(error, self._workdir)) from error
            return
        fitting = bundle
        if facts.tag != bundle.tag:
            with self.transport.timed(UPLOADING):  # the backend may have to be downloaded first
                fitting = bundle.for_python(facts.tag)
        complaint = "" if self._core == "host" else self._put(fitting, facts)
        if self._core != "host" and not complaint:
            return
        if self._core == "controller":
            raise no_build(self.name, complaint, facts)
        with self.transport.timed(BUILDING):
            core = self._built(facts, complaint)
        complaint = self._put(Bundle.of({**fitting.files, **core}, fitting.tag), facts)
        if complaint:
            raise HostBuildError(f"{self.name}: the core that was built there does not load there: {complaint}")

    def ask(
        self, name: str, document: dict[str, Any], contents: Iterable[bytes] = (), *, most_bytes: int
    ) -> dict[str, Any]:
        """Run one of the programs in onhost/ with a document and what follows it, and return its answer.

        Raises HostError, with the program's own words where it has an error.
        """
        with contextlib.closing(self._run(name, document)) as stream:
            for chunk in contents:
                stream.send(chunk)
            stream.end_input()
            answer = self._answer(stream, most_bytes)
        if "error" in answer:
            raise HostError(f"{self.name}: {printable(str(answer['error'])):.1000}")
        return answer

    def _check(self, *paths: str) -> None:
        """Raise HostError for a path that a shell on the way would misread; here there is none on the way."""
        for path in () if self.transport.is_here else paths:
            host_python.safe_path(path)

    def _probed(self) -> dict[str, Any]:
        """Ask the host which Python it has, and what that one says of itself."""
        document = json.dumps({"workdir": self._workdir}).encode() + b"\n"
        stream = self.transport.start(host_python.first_argv(self._python), host_python.program("probe") + document)
        text = b""
        deadline = time.monotonic() + self._probe_s
        try:
            while (data := stream.read(max(0.0, deadline - time.monotonic()))) and len(text) <= _MAX_LINE_BYTES:
                text += data
        finally:
            complaint = stream.close()
        if data is None and not text.strip():
            raise host_python.slow_python(self.name, self._python, self._probe_s)
        lines = [line for line in text.decode("utf-8", "backslashreplace").splitlines() if line]
        try:
            return read_object(lines[0].encode())
        except (ValueError, LookupError):
            raise host_python.no_python(self.name, self._python, lines, complaint) from None

    def _put(self, bundle: Bundle, facts: HostFacts) -> str:
        """Have a bundle there and use it; returns why its core does not load, "" when it does."""
        folder = f"{facts.cache}/bundles/{bundle.sha256}"
        answer = self._send("folder", {"folder": folder}, bundle.files, UPLOADING)
        if "error" in answer:
            raise HostError(f"{self.name}: {host_python.with_cure(answer['error'], self._workdir)}")
        complaint = printable(str(answer.get("complaint", "no answer")))
        if complaint:
            judge(self.name, complaint, facts.cache)
        self.bundle_dir = None if complaint else folder
        return complaint

    def _built(self, facts: HostFacts, complaint: str) -> dict[str, bytes]:
        with _MAKING_KIT:
            kit = self._kit()
        document = {"cores": f"{facts.cache}/cores", "flags": kit.flags}
        return core_from(self.name, self._send("core", document, kit.files, None), complaint, facts)

    def _send(self, name: str, document: dict[str, Any], files: dict[str, bytes], phase: str | None) -> dict[str, Any]:
        """Run one of our programs there and return its last word; if it asks it gets `files`, timed as `phase`."""
        with contextlib.closing(self._run(name, {**document, "hashes": hashes_of(files)})) as stream:
            answer = self._answer(stream)
            if answer.get("wanted"):
                with self.transport.timed(phase) if phase else contextlib.nullcontext():
                    sizes = {name: len(content) for name, content in files.items()}
                    stream.send(json.dumps({"sizes": sizes}).encode() + b"\n")
                    stream.send(b"".join(files.values()))
                    answer = self._answer(stream)
            return answer

    def _run(self, name: str, document: dict[str, Any]) -> Stream:
        """Start one of our programs there with the beginning of its input, which stays open for more."""
        stdin = host_python.program(name) + json.dumps(document).encode() + b"\n"
        return self.transport.start(host_python.program_argv(self.facts().python), stdin, keeps_input=True)

    def _answer(self, stream: Stream, most_bytes: int = _MAX_LINE_BYTES) -> dict[str, Any]:
        line = next(lines_of(stream, self.name, timeout_s=_ANSWER_S, most_bytes=most_bytes), b"")
        return json_object(line, self.name, stream, most_parts=most_bytes >> 5)
