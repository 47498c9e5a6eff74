"""One measurement at a time on a host, and everyone can learn whose it is."""

from __future__ import annotations

import os
import pwd
import select
import signal
import socket
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import pytest
from agent.harness import wait_until
from requirement import require

from pageswap.agent.workspace import host_lease
from pageswap.agent.workspace.work_folder import user_name

_ME = {
    "pid": os.getpid(),
    "user": user_name(os.geteuid()),
    "run_id": "r1",
    "since": "2025-01-01T00:00:00.000Z",
}


@pytest.fixture
def name() -> str:
    """Name a lease of the test's own."""
    return f"\0pageswap-test/{uuid.uuid4()}"


def _serve_in_child(name: str, *, answering: bool = True, uid: int | None = None) -> int:
    """Hold the lease in another process, perhaps another user's; give its id once it does."""
    pid = os.fork()
    if pid == 0:
        if uid is not None:
            os.setresuid(uid, uid, uid)
        held = host_lease.try_take({**_ME, "pid": os.getpid()}, name)
        while held and answering:
            held.serve()
            threading.Event().wait(0.005)
        signal.pause()
    wait_until(lambda: _is_bound(name), "the lease")
    return pid


def _is_bound(name: str) -> bool:
    with socket.socket(socket.AF_UNIX) as asker:
        return asker.connect_ex(name) == 0


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_nobody_holds_a_free_lease(name: str) -> None:
    """Asking does not take it."""
    assert host_lease.who_holds(name) is None
    assert host_lease.who_holds(name) is None


def test_the_holder_is_named_to_whoever_asks(name: str) -> None:
    """Process, user, run and time, from another process."""
    pid = _serve_in_child(name)
    try:
        assert host_lease.who_holds(name) == {**_ME, "pid": pid, "note": None}
        assert host_lease.try_take(_ME, name) is None
        holder = host_lease.take(_ME, name, patience_s=0.1)
    finally:
        _kill(pid)

    assert holder == {**_ME, "pid": pid, "note": None}
    assert f"process {pid} of user {_ME['user']}, run r1, since 2025-01-01" in host_lease.describe(holder)


def test_another_users_lease_holds_for_everybody(name: str) -> None:
    """Also for root; the user is the kernel's word, not the holder's own."""
    require("root", os.geteuid() == 0, "needs root to become another user")
    nobody = pwd.getpwnam("nobody").pw_uid
    pid = _serve_in_child(name, uid=nobody)
    try:
        assert host_lease.try_take(_ME, name) is None
        holder = host_lease.who_holds(name)
    finally:
        _kill(pid)

    assert holder == {**_ME, "pid": pid, "user": "nobody", "note": None}
    assert holder["user"] != _ME["user"]


def test_a_killed_holders_lease_is_free_at_once(name: str) -> None:
    """The kernel takes it back, however the holder ended."""
    _kill(_serve_in_child(name))

    held = host_lease.take(_ME, name, patience_s=0.0)

    assert isinstance(held, host_lease.Lease)
    held.close()


def test_a_lease_that_frees_itself_soon_is_waited_for(name: str) -> None:
    """The moment a killed agent's child takes to die is not reported as a holder."""
    first = host_lease.try_take(_ME, name)
    assert first
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            first.close()

    held = host_lease.take(_ME, name, patience_s=30.0, pause=pause)

    assert isinstance(held, host_lease.Lease)
    assert len(pauses) == 3
    held.close()


def test_a_holder_that_does_not_answer_is_named_by_the_kernel(name: str) -> None:
    """A stopped agent still holds the lease, and its process and user are known."""
    pid = _serve_in_child(name, answering=False)
    try:
        holder = host_lease.who_holds(name)
    finally:
        _kill(pid)

    assert holder
    assert holder.pop("note").endswith(": it does not answer")
    assert holder == {"pid": pid, "user": _ME["user"], "run_id": None, "since": None}


@pytest.mark.parametrize(
    "answer",
    [b"", b"\n", b"nonsense\n", b"[]\n", b'{"run_id":1,"since":{}}\n', b"[" * 5000, b'{"run_id":"\\u001b[2J"}\n'],
)
def test_a_strange_answer_is_not_believed(name: str, answer: bytes) -> None:
    """Anyone may bind the name: what they say is data, and nothing of it reaches a terminal unchecked."""
    with socket.socket(socket.AF_UNIX) as squatter:
        squatter.bind(name)
        squatter.listen(1)
        pid = os.fork()
        if pid == 0:
            connection, _ = squatter.accept()
            connection.sendall(answer)
            os._exit(0)
        holder = host_lease.who_holds(name)
        os.waitpid(pid, 0)

    assert holder
    assert holder.pop("note").endswith(": it answers what no agent does" if answer else ": it does not answer")
    assert holder == {"pid": os.getpid(), "user": _ME["user"], "run_id": None, "since": None}


def test_askers_who_leave_or_are_many_do_not_hurt_the_holder(name: str) -> None:
    """Serving never waits and never fails."""
    held = host_lease.try_take(_ME, name)
    assert held
    for _ in range(10):
        with socket.socket(socket.AF_UNIX) as asker:
            asker.connect(name)

    held.serve()
    held.serve()

    held.close()


def _squat(name: str, behaviour: str) -> list[int]:
    """Have another process keep the name as no agent does; give the ids of who is to be named and who is to be ended.

    Of those that fork the first one has ended when this returns.
    """
    read, write = os.pipe()
    first = os.fork()
    if first == 0:
        squatter = socket.socket(socket.AF_UNIX)
        squatter.bind(name)
        if behaviour != "bound":
            squatter.listen(1 if behaviour != "full" else 0)
        if behaviour == "left over" and os.fork():
            os._exit(0)
        os.write(write, b"%d\n" % os.getpid())
        while behaviour == "dripping":
            connection, _ = squatter.accept()
            try:
                while connection.send(b" "):
                    threading.Event().wait(0.2)
            except OSError:
                connection.close()
        signal.pause()
    holder = int(os.read(read, 100))
    os.close(read)
    os.close(write)
    if holder != first:
        os.waitpid(first, 0)
    return [first, holder]


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("bound", "it does not listen"),
        ("left over", "it does not answer; process {first}, which began it, has ended or given it up"),
        ("silent", "it does not answer"),
        ("dripping", "it answers what no agent does"),
        ("full", "it cannot be asked: "),
    ],
)
def test_a_process_that_keeps_the_name_and_is_no_agent_is_named(name: str, behaviour: str, words: str) -> None:
    """With its user, its command and what it does, and soon: nobody waits for ever for such a one."""
    first, pid = _squat(name, behaviour)
    askers = [socket.socket(socket.AF_UNIX) for _ in range(3)] if behaviour == "full" else []
    for asker in askers:
        asker.setblocking(False)
        asker.connect_ex(name)
    try:
        holder = host_lease.take(_ME, name, patience_s=0.0)
    finally:
        os.kill(pid, signal.SIGKILL)
        for asker in askers:
            asker.close()

    assert isinstance(holder, dict)
    command = " ".join(Path(f"/proc/{os.getpid()}/cmdline").read_text().split("\0"))[:20]
    assert holder["note"].startswith(command)
    assert words.format(first=first) in holder["note"]
    assert (holder["pid"], holder["user"], holder["run_id"]) == (pid, _ME["user"], None)
    assert host_lease.describe(holder) == f"process {pid} of user {_ME['user']} ({holder['note']})"


def test_a_holder_that_this_user_may_not_look_at_is_said_to_be_one(name: str) -> None:
    """A socket that is bound and does not listen tells nobody whose it is, and /proc shows only the own processes."""
    require("root", os.geteuid() == 0, "needs root to become another user")
    _, pid = _squat(name, "bound")
    read, write = os.pipe()
    asker = os.fork()
    if asker == 0:
        os.setresuid(12345, 12345, 12345)
        os.write(write, host_lease.describe(host_lease.who_holds(name) or {}).encode())
        os._exit(0)
    os.waitpid(asker, 0)
    os.kill(pid, signal.SIGKILL)

    said = os.read(read, 1000).decode()
    assert said.startswith("process ? of user ? (it does not listen; /proc shows this user no process that has it")


_ASK_BESIDE = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pageswap.agent.workspace import host_lease
os.setgroups([]), os.setresgid(12345, 12345, 12345), os.setresuid(12345, 12345, 12345)
print(host_lease.describe(host_lease.who_holds(chr(0) + sys.argv[2]) or {}))
"""


def test_a_proc_that_hides_processes_makes_no_agent_strange(name: str) -> None:
    """As hardened hosts mount it (hidepid): who answers as an agent has not ended because /proc does not show it."""
    hidden = ["unshare", "--mount", "sh", "-c", 'mount -t proc -o hidepid=invisible proc /proc && exec "$@"', "sh"]
    may_hide = subprocess.run([*hidden, "true"], capture_output=True, check=False).returncode == 0
    require("root", may_hide, "needs root and Linux 5.8 for a /proc of its own that hides processes")
    pid = _serve_in_child(name)
    command = [*hidden, sys.executable, "-c", _ASK_BESIDE, str(Path(__file__).parents[3]), name[1:]]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    finally:
        _kill(pid)

    assert said == f"process {pid} of user {_ME['user']}, run r1, since {_ME['since']}\n"


def test_a_proc_without_sockets_names_no_process_of_a_silent_holder(name: str) -> None:
    """As hardened services have it (subset=pid): that the lease is held is told all the same."""
    bare = ["unshare", "--mount", "sh", "-c", 'mount -t proc -o subset=pid proc /proc && exec "$@"', "sh"]
    may_mount = subprocess.run([*bare, "true"], capture_output=True, check=False).returncode == 0
    require("root", may_mount, "needs root and Linux 5.8 for a /proc of processes alone")
    with socket.socket(socket.AF_UNIX) as squatter:
        squatter.bind(name)
        command = [*bare, sys.executable, "-c", _ASK_BESIDE, str(Path(__file__).parents[3]), name[1:]]
        said = subprocess.run(command, capture_output=True, text=True, check=False)

    assert said.stderr == ""
    assert said.stdout.startswith("process ? of user ? (it does not listen; /proc shows this user no process that has")


def test_who_measures_beside_a_squatter_gets_the_lease_when_it_is_free(name: str) -> None:
    """Until then nobody finds the lease beside it; after that nobody starts another measurement."""
    _, pid = _squat(name, "silent")
    beside = host_lease.take_beside(_ME, name)
    poller = select.poll()
    poller.register(beside, select.POLLIN)
    beside.serve()
    assert host_lease.try_take(_ME, name) is None
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

    beside.serve()

    assert host_lease.try_take(_ME, name) is None
    assert poller.poll(0) == []
    with socket.socket(socket.AF_UNIX) as asker:
        asker.connect(name)
        assert poller.poll(0) == [(beside.fileno(), select.POLLIN)]
        beside.serve()
        assert asker.recv(4096).endswith(b"\n")
    beside.close()
