"""A host that speaks the protocol as an agent does, over the local transport's real processes, until it lies."""

from __future__ import annotations

import functools
import json
import random
import shlex
from typing import TYPE_CHECKING, Any

from pageswap import native
from pageswap.agent.host.environment import read_environment
from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.host.readers import Source
from pageswap.agent.trial.core_calls import native_core
from pageswap.fleet.onhost import probe
from pageswap.fleet.provision.host_python import program
from pageswap.fleet.target import Target
from pageswap.fleet.transport.local import LocalTransport
from pageswap.fleet.transport.transport import Reach
from tests.hostile.mutations import MARK, mutated, plausible
from tests.store.fakes import OUTCOME, FakeJournal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pageswap.fleet.transport.transport import Stream

_PROGRAMS = ("probe", "folder", "core", "site")
# So often is an answer a lie, by what is asked; what is asked first must mostly be told truly for the rest to be asked.
_LIES = {"probe": 0.08, "folder": 0.08, "facts": 0.3, "start": 0.15, "status": 0.5, "clean": 0.3, "site": 0.8}
# So often its words are not what they should be, though of the right shape.
_SKEWED = {"facts": 0.9, "clean": 0.9, "status": 0.5}
_LIES_IN_A_JOURNAL = 0.05


class HostileTransport(LocalTransport):
    """Starts what prints a hostile host's answers; everything else is a host's."""

    is_here = False

    def __init__(self, name: str, folder: Path, seed: str, *, lies: float = 1.0) -> None:
        """Take the host's name, where its answers may lie, its seed, and how much it lies: 0 for an honest host."""
        super().__init__(name, Reach())
        self.told = 0
        self._folder = folder
        self._chance = random.Random(seed)  # noqa: S311 - the same lies again
        self._lies = lies
        self._journals: dict[str, bytes] = {}
        self._count = 0

    def start(self, argv: Sequence[str], stdin: bytes, *, keeps_input: bool = False) -> Stream:  # noqa: ARG002 - nothing there reads it
        """Start a process that prints what the program would."""
        name = next((each for each in _PROGRAMS if stdin.startswith(program(each))), argv[-1])
        document = json.loads(stdin.removeprefix(program(name)) if name in _PROGRAMS else stdin)
        if name == "follow":
            return self._print(self._journals.get(document["work_dir"], b"")[document["offset"] :])
        line = json.dumps(self._answer(name, document)).encode() + b"\n"
        if name == "start" and self._is_lie(0.03):
            endless = json.dumps({"waiting_for": {"pid": 1, "user": MARK, "run_id": "x", "since": None, "note": None}})
            return super().start(("/bin/sh", "-c", f"exec yes {shlex.quote(endless)}"), b"")
        skewed = self._skewed(line, _SKEWED.get(name, 0.0))
        return self._print(self._lied(skewed, _LIES.get(name, 0.5)))

    def _print(self, data: bytes) -> Stream:
        self._count += 1
        path = self._folder / f"{self.name}-{self._count}"
        path.write_bytes(data)
        return super().start(("/bin/cat", str(path)), b"")

    def _is_lie(self, share: float) -> bool:
        return self._chance.random() < share * self._lies

    def _lied(self, line: bytes, share: float) -> bytes:
        if not self._is_lie(share):
            return line
        self.told += 1
        return mutated(self._chance, line)

    def _skewed(self, line: bytes, share: float) -> bytes:
        if not self._is_lie(share):
            return line
        self.told += 1
        return plausible(self._chance, line)

    def _answer(self, name: str, document: dict[str, Any]) -> dict[str, Any]:
        """Return what an honest host answers."""
        if name == "probe":
            return {**probe.facts(None), "cache": "/h", "id": f"{self.name} of {id(self)}"}
        if name == "start":
            self._journals[document["work_dir"]] = self._journal(document["job"])
            return {"pid": 1234}
        if name == "facts":
            return {**facts(), **({"refusals": refusals(document["job"])} if "job" in document else {})}
        journal = self._journals.get(document.get("work_dir", ""), b"")
        return {
            "folder": {"folder": document.get("folder"), "complaint": ""},
            "core": {"no_compiler": True},
            "site": {"state": "absent", "index": None, "hashes": {}, "done": True, "is_atomic": True},
            "status": {"alive": False, "pid": None, "journal_bytes": len(journal), "log": "one\nlast words"},
            "stop": {"pid": None, "alive": False},
            "clean": {"removed": 2, "bytes": 4096, "kept": [{"path": "/h/runs/1", "why": "running"}]},
        }[name]

    def _journal(self, job: dict[str, Any]) -> bytes:
        """Return what an agent with this job would write, but for the lines that are lies."""
        journal = FakeJournal(run_id=job["run_id"], host=job["host"], segment=job["segment"])
        told = facts()
        head = {"format": 1, "pid": 1, "started_at": "2026-01-31T12:00:00Z"}
        lines = [journal.line("begin", **head, environment=told["environment"], methods=told["methods"])]
        for trial in job["trials"]:
            fields = {**OUTCOME, **self._measured(trial), "attempt": trial["attempt"]}
            lines.append(self._lied(self._skewed(journal.trial(trial["trial_id"], **fields), 0.4), _LIES_IN_A_JOURNAL))
        lines[0] = self._lied(self._skewed(lines[0], 0.6), 0.2)
        return b"".join([*lines, self._lied(journal.end(), _LIES_IN_A_JOURNAL)])

    def _measured(self, trial: dict[str, Any]) -> dict[str, Any]:
        rounds = [round(1e6 * self._chance.gauss(10, 0.1)) for _ in range(trial["rounds"])]
        counters = dict.fromkeys(native.COUNTERS, 0)
        return {"elapsed_ns": sum(rounds), "rounds_ns": rounds, "counters": counters, "build": "controller"}


@functools.cache
def facts() -> dict[str, Any]:
    """Return what this machine's own agent tells of it."""
    core = native_core()
    found = read_environment(Source(HostFiles(), (0,), (0,)), core.info())
    doctor = [{"check": "load", "status": "warn", "found": "0.5", "cure": "wait"}]
    return {"environment": found, "methods": core.methods(), "doctor": doctor, "lease": None, "time": 0}


def refusals(job: dict[str, Any]) -> list[list[str]]:
    """Return why one trial of a job cannot run."""
    return [[job["trials"][0]["trial_id"], "unavailable", "no such CPU; use another"]]


def hostile_target(name: str, folder: Path, seed: str, *, lies: float = 1.0) -> Target:
    """Return a target that is readied and asked like any other, and whose host lies."""
    return Target(HostileTransport(name, folder, f"{seed} {name}", lies=lies))
