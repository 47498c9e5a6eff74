"""The lock tells the living agent from the dead one, and stops it: after the trial in hand, at once, or by force."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from typing import TYPE_CHECKING

import pytest
from agent import fake_core
from agent.harness import UNIQUE, Host, make_trial, wait_until

from pageswap.agent.journal import job
from pageswap.agent.workspace.agent_lock import AgentLock
from pageswap.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path


def test_nobody_holds_a_lock_that_never_was(tmp_path: Path) -> None:
    """Asking makes no file."""
    assert AgentLock(str(tmp_path / "agent.lock")).holder() is None
    assert list(tmp_path.iterdir()) == []


def test_the_holder_is_known_until_it_dies(tmp_path: Path) -> None:
    """However it dies; then the next one may have it, although the file still names the dead one."""
    lock = AgentLock(str(tmp_path / "agent.lock"))
    pid = os.fork()
    if pid == 0:
        AgentLock(str(tmp_path / "agent.lock")).take()
        signal.pause()
    wait_until(lambda: lock.holder() == pid, "the lock")
    assert not lock.take()

    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

    assert lock.holder() is None
    assert lock.take()
    assert AgentLock(str(tmp_path / "agent.lock")).holder() == os.getpid()
    lock.release()
    lock.release()
    assert lock.holder() is None


def test_a_lock_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    """With its path."""
    lock = AgentLock(str(tmp_path / "missing" / "agent.lock"))

    with pytest.raises(HostError, match=r"missing/agent\.lock"):
        lock.take()


def test_a_file_system_that_lost_its_locks_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when NFS's lock daemon has gone: whether the agent lives is not known, and not guessed."""

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    lock = AgentLock(str(tmp_path / "agent.lock"))
    (tmp_path / "agent.lock").touch()
    monkeypatch.setattr(fcntl, "flock", no_locks)

    for probe in (lock.take, lock.holder):
        with pytest.raises(HostError, match=r"agent\.lock: .*No locks available"):
            probe()


def _statuses(host: Host) -> list[str]:
    return [line["status"] for line in host.trials()]


def test_drain_finishes_the_trial_in_hand(host: Host) -> None:
    """Its outcome is kept, the next one is not begun."""
    pid = host.start(make_trial("good"), make_trial("slow"), *[make_trial("good")] * 500)
    wait_until(host.trials, "the first outcome")

    assert host.call("stop", how="drain")["pid"] == pid
    lines = host.finish()

    assert lines[-1]["why"] == "drained"
    assert set(_statuses(host)) == {"ok"}
    assert len(host.trials()) < 502


def test_kill_interrupts_the_trial_in_hand(host: Host) -> None:
    """The row says so, and nothing is left running."""
    host.start(make_trial("hang_with_grandchild", seed=UNIQUE), make_trial())
    wait_until(lambda: fake_core.processes_with(str(UNIQUE)), "the trial")

    answer = host.call("stop", how="kill")

    assert answer["alive"] is False
    assert _statuses(host) == [job.INTERRUPTED]
    assert host.journal()[-1]["why"] == "killed"
    assert not fake_core.processes_with(str(UNIQUE))


@pytest.mark.parametrize("method", ["hang_with_daemon", "leave_daemon"])
def test_a_process_that_left_its_trials_session_ends_with_the_trial(host: Host, method: str) -> None:
    """Also an orphan; the next trial is measured beside nobody, and the trial that left it is what it would be."""
    host.start(make_trial(method, seed=UNIQUE, timeout_s=1.0), make_trial("survivors", seed=UNIQUE))
    host.finish()

    expected = job.TIMEOUT if method.startswith("hang") else job.OK
    assert _statuses(host) == [expected, job.CORRUPT]
    assert host.trials()[1]["reason"] == "verification: []"


def test_what_a_trial_started_ends_with_a_killed_agent(host: Host) -> None:
    """SIGKILL of the agent kills the trial; its keeper ends what the trial had started, wherever that went."""
    pid = host.start(make_trial("hang_with_daemon", seed=UNIQUE))
    wait_until(lambda: fake_core.processes_with(str(UNIQUE)), "the trial")
    os.kill(pid, signal.SIGKILL)

    wait_until(lambda: not fake_core.processes_with(str(UNIQUE)), "the end of what the trial had started")


def test_an_agent_that_does_not_listen_is_killed(host: Host) -> None:
    """A stopped process never sees the signal."""
    pid = host.start(make_trial("hang"))
    os.kill(pid, signal.SIGSTOP)

    assert AgentLock(str(host.work_dir / "agent.lock")).stop("kill", patience_s=0.2) == {"pid": pid, "alive": False}


def test_an_agent_that_has_just_ended_is_not_signalled_by_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may have it before the signal is sent."""

    def ended(_: int) -> int:
        raise ProcessLookupError

    signalled: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "pidfd_open", ended, raising=False)
    monkeypatch.setattr(os, "kill", lambda *sent: signalled.append(sent))
    lock = AgentLock(str(tmp_path / "agent.lock"))
    lock.take()
    AgentLock(str(tmp_path / "agent.lock")).stop("drain")
    lock.release()

    assert signalled == []


def test_stopping_nothing_is_no_error(host: Host) -> None:
    """The controller may come too late."""
    host.work_dir.mkdir(parents=True)

    assert host.call("stop", how="kill", patience_s=0.2) == {"pid": None, "alive": False}
    assert "expected drain, kill or forbid" in host.call("stop", how="gently")["error"]


@pytest.mark.parametrize("how", ["forbid", "kill"])
def test_a_start_that_comes_after_it_was_given_up_begins_nothing(host: Host, how: str) -> None:
    """It may outlive the link and the controller that asked for it, which measures its trials by another start."""
    assert host.call("stop", how=how) == {"pid": None, "alive": False}
    assert host.call("stop", how=how) == {"pid": None, "alive": False}

    assert "given up" in host.call("start", job=host.job(make_trial()))["error"]
    assert not host.call("status")["alive"]
    assert host.journal() == []


def test_an_agent_that_has_begun_is_not_forbidden(host: Host) -> None:
    """It goes on, and so does one that waits for the host's lease before its journal begins."""
    first = host.start(make_trial("hang"))
    other = host.beside("r2")
    with other.popen("start", job=other.job(make_trial(), wait=True)) as starter:
        assert starter.stdout
        assert b"waiting_for" in starter.stdout.readline()
        assert host.call("stop", how="forbid") == {"pid": first, "alive": True}
        assert other.call("stop", how="forbid")["alive"]
        host.call("stop", how="kill")
        assert b"pid" in starter.stdout.readline()

    assert other.finish()[-1]["why"] == "done"


def test_a_draining_stop_forbids_nothing(host: Host) -> None:
    """It is a person's wish that what has begun ends soon; the next resume starts anew."""
    assert host.call("stop", how="drain") == {"pid": None, "alive": False}
    assert host.start(make_trial())
    assert host.finish()[-1]["why"] == "done"
