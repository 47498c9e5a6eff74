"""Following a journal: whole lines, from anywhere, to its end, and the agent knows whether somebody does."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from agent.harness import Host, make_trial, wait_until
from requirement import require

from pageswap.agent.daemon.follow import FollowedMark, Heartbeats, stream, touch
from pageswap.agent.workspace.agent_lock import AgentLock
from pageswap.agent.workspace.work_folder import WorkFolder
from pageswap.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path


def _follow(host: Host, offset: int = 0) -> bytes:
    with host.popen("follow", offset=offset) as follower:
        output, errors = follower.communicate(timeout=60)
    assert (follower.returncode, errors) == (0, b"")
    return output


def test_the_whole_journal_is_streamed_to_its_end(host: Host) -> None:
    """Byte for byte, while it is written."""
    host.start(*[make_trial("slow")] * 3)

    assert _follow(host) == (host.work_dir / "journal.jsonl").read_bytes()


def test_following_starts_at_the_offset(host: Host) -> None:
    """A controller that lost its connection goes on where it was; at the end there is nothing more."""
    host.start(make_trial())
    host.finish()
    data = (host.work_dir / "journal.jsonl").read_bytes()
    offset = data.index(b"\n") + 1

    assert _follow(host, offset) == data[offset:]
    assert _follow(host, len(data)) == b""


def test_a_dead_agents_journal_ends_with_its_torn_line(host: Host) -> None:
    """All that is there, so that a reader can tell it has come, and no waiting for more."""
    pid = host.start(make_trial(), make_trial("hang"))
    wait_until(lambda: len(host.trials()) == 1, "the first trial")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: host.alive() is None, "the agent's death")
    with (host.work_dir / "journal.jsonl").open("ab") as journal:
        journal.write(b'{"kind":"tri')

    assert _follow(host) == (host.work_dir / "journal.jsonl").read_bytes()


def test_following_ends_when_the_agent_dies(host: Host) -> None:
    """Killed while it is followed."""
    pid = host.start(make_trial(), make_trial("hang"))
    with host.popen("follow", offset=0) as follower:
        assert follower.stdout
        follower.stdout.readline()
        os.kill(pid, signal.SIGKILL)
        follower.communicate(timeout=60)

    assert follower.returncode == 0


def test_a_follower_nobody_reads_goes_away(host: Host) -> None:
    """Or it would keep the agent at work for nobody."""
    host.start(make_trial("hang"))
    with host.popen("follow", offset=0) as follower:
        assert follower.stdout
        follower.stdout.readline()
        follower.stdout.close()
        follower.wait(timeout=30)

    assert host.alive()


def test_a_killed_follower_leaves_the_agent_at_work(host: Host) -> None:
    """And another one gets everything."""
    host.start(*[make_trial("slow")] * 4)
    with host.popen("follow", offset=0) as follower:
        assert follower.stdout
        follower.stdout.readline()
        follower.kill()

    assert _follow(host).count(b"\n") == 6


def test_offsets_and_folders_that_cannot_be_are_errors(host: Host) -> None:
    """Each with what is wrong."""
    assert "no journal and no agent" in host.call("follow", offset=0)["error"]
    host.start(make_trial())
    host.finish()

    assert "another journal than was read before" in host.call("follow", offset=10**9)["error"]
    assert "expected 0 or more" in host.call("follow", offset=-1)["error"]
    assert "expected int" in host.call("follow", offset="0")["error"]


def test_an_agent_killed_before_its_journal_began_has_an_empty_one(tmp_path: Path) -> None:
    """It was started, so nobody made a mistake, and whoever follows starts another."""
    work = WorkFolder(str(tmp_path))
    (tmp_path / "job.json").write_text("{}")
    read, write = os.pipe()
    stream(work, 0, AgentLock(work.lock), write)
    with pytest.raises(HostError, match="no journal and no agent"):
        stream(work, 10, AgentLock(work.lock), write)
    os.close(write)

    assert os.read(read, 100) == b""
    os.close(read)


def test_a_line_is_not_sent_before_it_is_whole(tmp_path: Path) -> None:
    """A line written in two parts arrives as one."""
    work = WorkFolder(str(tmp_path))
    lock = AgentLock(work.lock)
    agent = os.fork()
    if agent == 0:
        AgentLock(work.lock).take()
        with (tmp_path / "journal.jsonl").open("wb", buffering=0) as journal:
            for part in (b'{"kind":"be', b'gin"}\n{"kind":', b'"end"}\n'):
                journal.write(part)
                time.sleep(0.2)
        os._exit(0)
    wait_until(lambda: lock.holder() and work.journal_bytes(), "the journal")
    read, write = os.pipe()

    stream(work, 0, lock, write)

    os.waitpid(agent, 0)
    assert os.read(read, 1000) == b'{"kind":"begin"}\n{"kind":"end"}\n'
    os.close(read)
    os.close(write)


def test_the_follower_leaves_the_measured_cpu(tmp_path: Path) -> None:
    """It may not disturb what it watches."""
    allowed = os.sched_getaffinity(0)
    (tmp_path / "journal.jsonl").write_bytes(b'{"kind":"end"}\n')
    read, write = os.pipe()
    try:
        stream(WorkFolder(str(tmp_path)), 0, AgentLock(str(tmp_path / "agent.lock")), write)
        left = os.sched_getaffinity(0)
    finally:
        os.sched_setaffinity(0, allowed)
        os.close(read)
        os.close(write)

    assert max(allowed) not in left or len(allowed) == 1


def test_the_follower_leaves_whatever_cpu_the_journal_names(tmp_path: Path) -> None:
    """The inventory may have pinned the trials to another than the last."""
    allowed = os.sched_getaffinity(0)
    require("cpus", len(allowed) > 1, "needs two CPUs")
    begin = json.dumps({"kind": "begin", "measured_cpus": [min(allowed)]}).encode()
    (tmp_path / "journal.jsonl").write_bytes(begin + b'\n{"kind":"end"}\n')
    read, write = os.pipe()
    try:
        stream(WorkFolder(str(tmp_path)), 0, AgentLock(str(tmp_path / "agent.lock")), write)
        left = os.sched_getaffinity(0)
    finally:
        os.sched_setaffinity(0, allowed)
        os.close(read)
        os.close(write)

    assert left == allowed - {min(allowed)}


def test_rows_on_a_read_only_disk_can_be_read(tmp_path: Path) -> None:
    """A disk that has failed is mounted so; what was measured is still there."""
    require("mount", os.geteuid() == 0, "needs root to mount")
    (tmp_path / "journal.jsonl").write_bytes(b'{"kind":"end"}\n')
    subprocess.run(["mount", "--bind", tmp_path, tmp_path], check=True)
    read, write = os.pipe()
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", tmp_path], check=True)
        stream(WorkFolder(str(tmp_path)), 0, AgentLock(str(tmp_path / "agent.lock")), write)
        data = os.read(read, 100)
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)
        os.close(read)
        os.close(write)

    assert data == b'{"kind":"end"}\n'


def test_a_line_that_never_ends_is_an_error(tmp_path: Path) -> None:
    """Neither side keeps more of it than the longest line there can be."""
    with (tmp_path / "journal.jsonl").open("wb") as journal:
        journal.truncate(1 << 40)
    read, write = os.pipe()
    try:
        with pytest.raises(HostError, match="a line longer than 4194304 bytes"):
            stream(WorkFolder(str(tmp_path)), 0, AgentLock(str(tmp_path / "agent.lock")), write)
    finally:
        os.close(read)
        os.close(write)


def _new_mark(path: Path) -> FollowedMark:
    touch(str(path))
    return FollowedMark(str(path))


def test_the_mark_tells_for_how_long_nobody_followed(tmp_path: Path) -> None:
    """It counts from the start, and anew from each touch."""
    mark = _new_mark(tmp_path / "followed")
    first = mark.idle_s()
    time.sleep(0.05)
    second = mark.idle_s()
    touch(str(tmp_path / "followed"))
    third = mark.idle_s()

    assert 0 <= first < second
    assert second >= 0.05
    assert third < second


def test_a_mark_that_cannot_be_made_is_told_with_its_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not as one that is missing: a full disk is for a person to look at."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OSError, match="No space left"):
        touch(str(tmp_path / "followed"))


@pytest.mark.parametrize("step_s", [-86_400, 86_400])
def test_a_step_of_the_wall_clock_does_not_expire_the_lease(tmp_path: Path, step_s: int) -> None:
    """A mark touched with a clock that is a day off counts as touched since the last look."""
    path = tmp_path / "followed"
    mark = _new_mark(path)
    now = time.time() + step_s
    os.utime(path, (now, now))

    assert mark.idle_s() < 60


def test_a_removed_mark_is_no_follower(tmp_path: Path) -> None:
    """And no crash."""
    mark = _new_mark(tmp_path / "followed")
    (tmp_path / "followed").unlink()
    time.sleep(0.02)

    assert mark.idle_s() >= 0.02


class TestHeartbeats:
    """A reader beyond a network proves that it is still there."""

    @staticmethod
    def follow(tmp_path: Path, source: int, output: int, patience_s: float) -> None:
        """Follow a journal whose agent lives for ever."""
        work = WorkFolder(str(tmp_path))
        stream(work, 0, AlwaysHeld(work.lock), output, Heartbeats(source, patience_s))

    def test_without_them_it_ends(self, tmp_path: Path) -> None:
        """Else a follower behind a cut link would keep an agent's lease for ever."""
        (tmp_path / "journal.jsonl").write_bytes(b'{"kind":"begin"}\n')
        (source, _controller), (read, write) = os.pipe(), os.pipe()
        self.follow(tmp_path, source, write, 0.3)

        assert os.read(read, 1000) == b'{"kind":"begin"}\n'

    def test_a_controller_that_hangs_up_ends_it(self, tmp_path: Path) -> None:
        """At once, whatever its patience."""
        (tmp_path / "journal.jsonl").write_bytes(b'{"kind":"begin"}\n')
        (source, controller), (_read, write) = os.pipe(), os.pipe()
        os.close(controller)

        self.follow(tmp_path, source, write, 600)

    def test_a_reader_that_takes_nothing_does_not_hold_it(self, tmp_path: Path) -> None:
        """The output's buffer is full then, and no write would ever return."""
        (tmp_path / "journal.jsonl").write_bytes(b'{"kind":"trial"}\n' * 100_000)
        (source, _controller), (_read, write) = os.pipe(), os.pipe()

        self.follow(tmp_path, source, write, 0.3)

    def test_with_them_it_goes_on(self, tmp_path: Path) -> None:
        """Each counts anew."""
        (tmp_path / "journal.jsonl").write_bytes(b'{"kind":"begin"}\n')
        (source, controller), (read, write) = os.pipe(), os.pipe()
        signs = Heartbeats(source, 0.5)
        for _ in range(4):
            time.sleep(0.2)
            os.write(controller, b"\n")
            assert not signs.have_ceased()
        (tmp_path / "journal.jsonl").write_bytes(b'{"kind":"end"}\n')
        work = WorkFolder(str(tmp_path))
        stream(work, 0, AlwaysHeld(work.lock), write, signs)

        assert os.read(read, 1000) == b'{"kind":"end"}\n'


class AlwaysHeld(AgentLock):
    """The lock of an agent that never dies."""

    def holder(self) -> int | None:
        """Be held."""
        return os.getpid()
