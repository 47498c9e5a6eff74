"""Agents in real processes, each with a lease, a work folder and kernel settings of its own."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pageswap.agent.journal.job import Job, TrialSpec
from pageswap.agent.journal.journal import JournalReader
from pageswap.agent.workspace.agent_lock import AgentLock

if TYPE_CHECKING:
    from collections.abc import Callable

_DRIVER = Path(__file__).with_name("agent_driver.py")
_PATIENCE_S = 30.0
# Unlike those of all other tests that run on this host now.
UNIQUE = 10**8 + 1_000 * os.getpid()


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that must come; the limit only keeps a broken test from hanging."""
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.01)


def make_trial(method: str = "good", **changes: Any) -> TrialSpec:
    """Make a small trial."""
    values: dict[str, Any] = {
        "trial_id": f"b00.{method}",
        "attempt": 0,
        "workload": "swap",
        "rounds": 10,
        "seed": 1,
        "timeout_s": 30.0,
        "block": 0,
        "position": 0,
        "warmup": False,
    }
    levels: dict[str, Any] = {
        "method": method,
        "backing": "private_anon",
        "page_size": 4096,
        "region_size": 1 << 20,
        "iterations": 100,
        "threads": 1,
        "touch": "none",
    }
    fields = {name: changes.pop(name, value) for name, value in values.items()}
    return TrialSpec(**fields, levels=levels | changes)


class Host:
    """One agent's work folder and the verbs on it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        """Lay the host out below `folder`."""
        self.work_dir = folder / "runs" / "r1" / "here" / "0"
        self.sysctl = folder / "files" / "proc" / "sys" / "vm" / "max_map_count"
        self.record = folder / "run" / "pageswap" / "tunables.json"
        self.settings = {
            "lease": f"pageswap-test/{uuid.uuid4()}",
            "patience_s": "2.0",
            "record": str(self.record),
            "sys_root": str(folder / "files"),
            "refused": "{}",
            "may_change": "yes",
        } | settings
        self.sysctl.parent.mkdir(parents=True)
        self.sysctl.write_text("65530\n")
        self.record.parent.parent.mkdir()

    def beside(self, name: str) -> Host:
        """Return another agent's folder on the same host: the same lease and settings."""
        other = object.__new__(Host)
        other.work_dir = self.work_dir.parents[2] / name / "here" / "0"
        other.sysctl, other.record, other.settings = self.sysctl, self.record, self.settings
        return other

    def popen(self, verb: str, **document: Any) -> subprocess.Popen[bytes]:
        """Start a verb as a program of its own."""
        command = [sys.executable, "-B", str(_DRIVER), json.dumps(self.settings), verb]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdin
        process.stdin.write(json.dumps({"work_dir": str(self.work_dir), **document}).encode())
        process.stdin.close()
        process.stdin = None
        return process

    def call(self, verb: str, **document: Any) -> dict[str, Any]:
        """Do a verb and give its last line of output; a traceback is never right."""
        with self.popen(verb, **document) as process:
            output, errors = process.communicate(timeout=60)
        assert errors == b""
        answer: dict[str, Any] = json.loads(output.splitlines()[-1])
        assert process.returncode == (1 if "error" in answer else 0)
        return answer

    def job(self, *trials: TrialSpec, **changes: Any) -> dict[str, Any]:
        """Make a job document; the trials get ids of their own."""
        numbered = tuple(dataclasses.replace(trial, trial_id=f"b00.c{i:04}") for i, trial in enumerate(trials))
        run_id = self.work_dir.parents[1].name
        job = Job(run_id, "test", "here", 0, lease_s=30.0, tune=False, wait=False, trials=numbered)
        return dataclasses.asdict(dataclasses.replace(job, **changes))

    def start(self, *trials: TrialSpec, **changes: Any) -> int:
        """Start an agent and give its process id."""
        answer = self.call("start", job=self.job(*trials, **changes))
        assert "pid" in answer, answer
        return int(answer["pid"])

    def journal(self) -> list[dict[str, Any]]:
        """Read what is in the journal now, checked."""
        run_id = self.work_dir.parents[1].name
        path = self.work_dir / "journal.jsonl"
        return JournalReader(run_id=run_id, host="here", segment=0).feed(path.read_bytes()) if path.exists() else []

    def trials(self) -> list[dict[str, Any]]:
        """Read the outcomes."""
        return [line for line in self.journal() if line["kind"] == "trial"]

    def alive(self) -> int | None:
        """Return the agent's process id while it lives."""
        return AgentLock(str(self.work_dir / "agent.lock")).holder()

    def kill_whole(self, pid: int) -> None:
        """Kill an agent and its keeper, who would tidy up after it."""
        keeper = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        assert keeper > 1
        for each in (keeper, pid):
            os.kill(each, signal.SIGKILL)
        wait_until(lambda: self.alive() is None, "the agent's death")

    def finish(self) -> list[dict[str, Any]]:
        """Wait for the agent's end and give the journal."""
        wait_until(lambda: self.alive() is None, "the agent's end")
        return self.journal()
