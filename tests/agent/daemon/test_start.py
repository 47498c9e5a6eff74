"""Starting an agent while another has the lease: who holds it is told, and waiting ends with its starter.

Its keeper ends an agent that should have ended by itself, and only that.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from agent.harness import Host, make_trial, wait_until
from requirement import require

from pageswap.agent.daemon.host_context import HostContext
from pageswap.agent.daemon.start import keep
from pageswap.agent.journal.job import Job
from pageswap.agent.workspace import host_lease
from pageswap.agent.workspace.agent_lock import DRAIN, KILL
from pageswap.agent.workspace.work_folder import WorkFolder

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_second_agent_is_told_who_holds_the_lease(host: Host) -> None:
    """Process, user, run and since when; the second one leaves no journal and may start later."""
    host.settings["patience_s"] = "0.2"
    pid = host.start(make_trial("hang"))
    other = host.beside("r2")

    answer = other.call("start", job=other.job(make_trial()))

    assert answer["held_by"] == host_lease.who_holds("\0" + host.settings["lease"])
    assert answer["held_by"]["pid"] == pid
    assert answer["held_by"]["run_id"] == "r1"
    assert other.journal() == []
    host.call("stop", how="kill")
    other.start(make_trial())
    assert other.finish()[-1]["why"] == "done"


def test_the_holder_answers_while_a_trial_runs(host: Host) -> None:
    """Being busy measuring is no reason to be unnamed."""
    host.start(make_trial("hang"))

    holder = host_lease.who_holds("\0" + host.settings["lease"])

    assert holder
    assert holder["run_id"] == "r1"
    assert holder["since"]


def test_a_waiting_agent_says_for_whom_and_starts_after_it(host: Host) -> None:
    """--wait: first who is waited for, then the process id."""
    host.settings["patience_s"] = "0.1"
    first = host.start(make_trial("hang"))
    other = host.beside("r2")
    with other.popen("start", job=other.job(make_trial(), wait=True)) as starter:
        assert starter.stdout
        waiting = json.loads(starter.stdout.readline())
        host.call("stop", how="kill")
        started = json.loads(starter.stdout.readline())
        assert starter.stderr
        assert starter.stderr.read() == b""

    assert waiting["waiting_for"]["pid"] == first
    assert started["pid"]
    assert other.finish()[-1]["why"] == "done"


def _squat(host: Host, behaviour: str) -> socket.socket:
    squatter = socket.socket(socket.AF_UNIX)
    squatter.bind("\0" + host.settings["lease"])
    if behaviour == "silent":
        squatter.listen(1)
    return squatter


@pytest.mark.parametrize("behaviour", ["bound", "silent"])
def test_a_squatted_lease_is_waited_for_until_the_starter_goes(host: Host, behaviour: str) -> None:
    """Also one that nobody answers for: who it is is said, and Ctrl-C ends the waiting."""
    host.settings["patience_s"] = "0.1"
    with _squat(host, behaviour), host.popen("start", job=host.job(make_trial(), wait=True)) as starter:
        assert starter.stdout
        waiting = json.loads(starter.stdout.readline())
        starter.send_signal(signal.SIGINT)
        starter.wait()
        wait_until(lambda: host.alive() is None, "the waiting agent's end")

    assert waiting["waiting_for"]["pid"] == os.getpid()
    assert waiting["waiting_for"]["note"]


def test_root_gets_round_a_squatted_lease(host: Host) -> None:
    """One measurement at a time all the same."""
    require("root", os.geteuid() == 0, "only root may")
    host.settings["patience_s"] = "0.1"
    other = host.beside("r2")
    with _squat(host, "silent"):
        assert host.call("start", job=host.job(make_trial()))["held_by"]["pid"] == os.getpid()
        host.start(make_trial("hang"), ignore_lease=True)
        refused = other.call("start", job=other.job(make_trial(), ignore_lease=True))
        host.call("stop", how="kill")
        other.start(make_trial(), ignore_lease=True)
        assert other.finish()[-1]["why"] == "done"

    assert "another run of root's ignores the lease already" in refused["error"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_waiting_agent_goes_when_its_starter_does(host: Host, how: signal.Signals) -> None:
    """Nobody would know that it began to measure an hour later."""
    host.settings["patience_s"] = "0.1"
    host.start(make_trial("hang"))
    other = host.beside("r2")
    with other.popen("start", job=other.job(make_trial(), wait=True)) as starter:
        assert starter.stdout
        starter.stdout.readline()
        starter.send_signal(how)
        starter.wait()
        assert starter.stderr
        assert starter.stderr.read() == b""

    wait_until(lambda: other.alive() is None, "the waiting agent's end")
    assert other.journal() == []


def test_a_starter_nobody_listens_to_gives_up_waiting(host: Host) -> None:
    """A lost connection closes the starter's output; it must not wait on for an answer nobody will read."""
    host.settings["patience_s"] = "0.1"
    host.start(make_trial("hang"))
    other = host.beside("r2")
    with other.popen("start", job=other.job(make_trial(), wait=True)) as starter:
        assert starter.stdout
        starter.stdout.readline()
        starter.stdout.close()
        starter.wait(timeout=30)

    wait_until(lambda: other.alive() is None, "the waiting agent's end")


@pytest.mark.parametrize("limit", ["--nofile=16", "--memlock=0", "--stack=262144", "--cpu=20", "--nproc=0"])
def test_an_agent_works_within_narrow_limits(
    host: Host, limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As batch systems and hardened hosts set them for a session; of processes root may have any number."""
    require("prlimit", shutil.which("prlimit"), "prlimit is not installed; install util-linux")
    require("root", os.geteuid() == 0 or "nproc" not in limit, "only root starts processes beyond its limit")
    limited = tmp_path / "python"
    limited.write_text(f'#!/bin/sh\nexec prlimit {limit} -- {sys.executable} "$@"\n')
    limited.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(limited))
    host.start(make_trial(), make_trial())

    lines = host.finish()

    assert [line["status"] for line in lines if line["kind"] == "trial"] == ["ok", "ok"]
    assert lines[-1]["why"] == "done"


@pytest.fixture
def work(tmp_path: Path) -> WorkFolder:
    """Return a work folder whose journal has begun."""
    work = WorkFolder(str(tmp_path))
    (tmp_path / "journal.jsonl").touch()
    (tmp_path / "followed").touch()
    return work


def _keep(work: WorkFolder, agent: Callable[[], int], *, lease_s: float, seconds: float) -> int | str:
    """Run a keeper in a process of its own; returns its exit status, or "alive" when it still keeps after a while."""
    job = Job("r", "e", "h", 0, lease_s=lease_s, tune=False, wait=False, trials=(make_trial(timeout_s=0.1),))
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        context = HostContext()
        os._exit(keep(job, work, context, lambda: os._exit(agent()), pipe=write, look_s=0.05, grace_s=0.1))
    os.close(read)
    os.close(write)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        dead, status = os.waitpid(pid, os.WNOHANG)
        if dead:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "alive"


def _stopped() -> int:
    os.kill(os.getpid(), signal.SIGSTOP)
    return 7


def test_the_agents_exit_status_is_the_keepers(work: WorkFolder) -> None:
    """The usual end."""
    assert _keep(work, lambda: 7, lease_s=60.0, seconds=30.0) == 7


def test_a_stopped_agent_that_nobody_follows_is_killed(work: WorkFolder, capfd: pytest.CaptureFixture[str]) -> None:
    """After the lease, its longest trial and a grace."""
    assert _keep(work, _stopped, lease_s=0.1, seconds=30.0) == 1
    assert "should have ended by itself and has not: killed" in capfd.readouterr().err


@pytest.mark.parametrize("number", [DRAIN, KILL])
def test_a_keeper_passes_on_what_it_is_told(host: Host, number: signal.Signals) -> None:
    """A batch job's first process is the one that a scheduler talks to."""
    pid = host.start(*[make_trial("slow")] * 100)
    keeper = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    wait_until(host.trials, "an outcome")

    os.kill(keeper, number)

    assert host.finish()[-1]["why"] == {DRAIN: "drained", KILL: "killed"}[number]
    statuses = [line["status"] for line in host.trials()]
    assert 1 <= len(statuses) < 100
    assert set(statuses[:-1]) <= {"ok"}
    assert statuses[-1] in {DRAIN: ("ok",), KILL: ("ok", "interrupted")}[number]


def test_an_agent_that_waits_for_the_lease_is_left_alone(work: WorkFolder, tmp_path: Path) -> None:
    """Its journal has not begun; as long as its starter waits, so does it."""
    (tmp_path / "journal.jsonl").unlink()

    assert _keep(work, lambda: time.sleep(1.0) or 7, lease_s=0.0, seconds=30.0) == 7


def test_a_slow_agent_within_its_lease_is_left_alone(work: WorkFolder) -> None:
    """However quiet."""
    assert _keep(work, lambda: time.sleep(1.0) or 7, lease_s=60.0, seconds=30.0) == 7
