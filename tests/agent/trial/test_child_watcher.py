"""Everything a process has started can be found and ended, whatever session and whatever parent it has now."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.fake_core import processes_with
from agent.harness import UNIQUE, wait_until
from requirement import require

from pageswap.agent.trial import child_watcher
from pageswap.agent.trial.child_watcher import StopSignals
from pageswap.agent.workspace.agent_lock import KILL
from pageswap.errors import HostError

if TYPE_CHECKING:
    from types import FrameType

ROOT = Path(__file__).parents[3]

# A child that leaves its session twice and lives on without parents.
_ORPHAN = "import os, time; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); time.sleep(60)"
# One that is another process in another session every 20 ms: never more than two at once, and none after 20 s.
_HOPPER = """
import os, time
end = time.monotonic() + 20
while time.monotonic() < end:
    os.fork() and os._exit(0)
    os.setsid()
    time.sleep(0.02)
"""
_PARENT = """
import subprocess, sys, time
from pageswap.agent.trial.child_watcher import become_subreaper, kill_and_reap
assert become_subreaper()
subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]])
time.sleep(float(sys.argv[3]))
print(kill_and_reap(30.0), flush=True)
"""


def _end(program: str, mark: int, seconds: float) -> str:
    command = [sys.executable, "-c", _PARENT, program, str(mark), str(seconds)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def test_a_daemon_is_ended_too() -> None:
    """It has another session, another group and no parent of its own."""
    assert _end(_ORPHAN, UNIQUE + 1, 0.5) == "True"
    assert processes_with(str(UNIQUE + 1)) == []


def test_what_is_always_another_process_is_ended() -> None:
    """It is stopped before it is killed: a stopped process does not fork."""
    assert _end(_HOPPER, UNIQUE + 2, 0.3) == "True"
    assert processes_with(str(UNIQUE + 2)) == []


def test_without_children_there_is_nothing_to_end() -> None:
    """The usual case after a trial."""
    assert _end("", UNIQUE + 3, 0.3) == "True"


def test_other_peoples_children_are_left_alone() -> None:
    """Only what descends from the process is found."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", str(UNIQUE + 4)]) as bystander:
        try:
            assert _end(_ORPHAN, UNIQUE + 5, 0.3) == "True"
            assert bystander.poll() is None
            wait_until(lambda: processes_with(str(UNIQUE + 4)) == [bystander.pid], "the bystander")
        finally:
            os.kill(bystander.pid, signal.SIGKILL)


def test_a_limit_on_processes_is_named_where_one_is_met() -> None:
    """EAGAIN alone says nothing of the limit; root has none."""
    require("root", os.geteuid() == 0, "needs root to become a user without other processes")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
        os.setresuid(UNIQUE, UNIQUE, UNIQUE)
        try:
            child_watcher.fork()
        except HostError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)

    assert os.read(read, 1000).decode() == (
        "no process can be started: Resource temporarily unavailable; raise the number that this user may have"
        " (ulimit -u, which is 1) or pids.max of its control group"
    )


def test_a_kill_is_heard_at_any_moment_of_hearing_that_a_child_has_ended() -> None:
    """Python handles a signal in the middle of handling another one."""
    former = sys.gettrace()
    steps: list[FrameType] = []
    for moment in range(1, 100):
        steps.clear()

        def trace(frame: FrameType, event: str, _: Any, moment: int = moment) -> Any:
            frame.f_trace_opcodes = True
            steps.extend([frame] * (event == "opcode"))
            if event == "opcode" and len(steps) == moment:
                signal.raise_signal(KILL)
            return trace

        with StopSignals() as signals:
            sys.settrace(trace)
            signal.raise_signal(signal.SIGCHLD)
            sys.settrace(former)
            requested = signals.requested
        if len(steps) < moment:
            break
        assert requested == "killed", moment

    assert moment > 3
    assert requested == ""
