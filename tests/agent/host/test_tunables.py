"""A setting raised for a job is put back at its end, and after a kill by whoever comes next."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from requirement import require, require_own_mounts

from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.host.tunables import MAX_MAP_COUNT, Tunables, host_folder
from pageswap.errors import HostError


class _Host:
    def __init__(self, folder: Path) -> None:
        self.setting = folder / "proc" / "sys" / "vm" / "max_map_count"
        self.setting.parent.mkdir(parents=True)
        self.setting.write_text("65530\n")
        (folder / "run").mkdir()
        self.record = folder / "run" / "pageswap" / "tunables.json"
        self.folder = folder

    def tunables(self, *, may_change: bool = True) -> Tunables:
        return Tunables(HostFiles(str(self.folder)), str(self.record.parent), may_change=may_change)

    def value(self) -> int:
        return int(self.setting.read_text())


@pytest.fixture
def host(tmp_path: Path) -> _Host:
    """Make a host's setting and record, not the real ones."""
    return _Host(tmp_path)


def test_raising_notes_the_old_value_first_and_restoring_puts_it_back(host: _Host) -> None:
    """Raise, restore, and nothing is left."""
    tunables = host.tunables()
    (change,) = tunables.change_to({MAX_MAP_COUNT: 70_000}, "r1")

    assert change == {"name": MAX_MAP_COUNT, "before": 65_530, "set": 70_000}
    assert host.value() == 70_000
    assert json.loads(host.record.read_text())["changes"] == [change]

    events = tunables.restore()

    assert events == [{"name": MAX_MAP_COUNT, "before": 70_000, "restored": 65_530, "reason": ""}]
    assert host.value() == 65_530
    assert not host.record.exists()
    assert host.tunables().restore() == []


def test_the_record_is_there_before_the_setting_changes(host: _Host) -> None:
    """A kill between the two leaves a record that restores nothing wrong, never a change without a record."""
    seen = []

    class Watched(HostFiles):
        def write(self, path: str, text: str) -> None:
            seen.append((host.record.exists(), host.value()))
            super().write(path, text)

    Tunables(Watched(str(host.folder)), str(host.record.parent), may_change=True).change_to(
        {MAX_MAP_COUNT: 70_000}, "r1"
    )

    assert seen == [(True, 65_530)]


def test_every_user_can_see_what_is_changed(host: _Host) -> None:
    """Doctor names it to whoever asks, although the agent's own files are private."""
    before = os.umask(0o077)
    try:
        host.tunables().change_to({MAX_MAP_COUNT: 70_000}, "r1")
    finally:
        os.umask(before)

    assert host.record.stat().st_mode & 0o777 == 0o644
    assert host.record.parent.stat().st_mode & 0o777 == 0o755


def test_a_setting_that_is_high_enough_is_left_alone(host: _Host) -> None:
    """No change, no record."""
    assert host.tunables().change_to({MAX_MAP_COUNT: 65_530}, "r1") == []
    assert not host.record.exists()


def test_without_root_nothing_is_changed(host: _Host) -> None:
    """The refusal says why."""
    with pytest.raises(HostError, match="--tune was asked for, but the agent is not root"):
        host.tunables(may_change=False).change_to({MAX_MAP_COUNT: 70_000}, "r1")

    assert host.value() == 65_530
    assert not host.record.exists()


def test_a_setting_that_cannot_be_written_leaves_no_record(host: _Host) -> None:
    """A read-only /proc/sys, as in containers, is an error with the setting's name."""
    host.setting.unlink()
    host.setting.mkdir()

    with pytest.raises(HostError, match="max_map_count"):
        host.tunables().change_to({MAX_MAP_COUNT: 70_000}, "r1")

    assert not host.record.exists()


def test_after_a_kill_the_next_one_restores(host: _Host) -> None:
    """SIGKILL right after the change: the record survives, and another process puts the value back."""
    pid = os.fork()
    if pid == 0:
        host.tunables().change_to({MAX_MAP_COUNT: 70_000}, "r1")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    assert host.value() == 70_000
    leftover = host.tunables(may_change=False).leftover()
    assert leftover
    assert leftover["run_id"] == "r1"

    host.tunables().restore()

    assert host.value() == 65_530
    assert host.tunables().leftover() is None


def test_a_value_somebody_changed_since_is_theirs(host: _Host) -> None:
    """Only what is still as it was set is put back."""
    tunables = host.tunables()
    tunables.change_to({MAX_MAP_COUNT: 70_000}, "r1")
    host.setting.write_text("262144\n")

    events = tunables.restore()

    assert events[0]["restored"] is None
    assert "it is 262144 now, not the 70000 set before" in events[0]["reason"]
    assert host.value() == 262_144
    assert not host.record.exists()


def test_a_kill_between_restoring_and_forgetting_does_no_harm(host: _Host) -> None:
    """Restoring twice is restoring once."""
    tunables = host.tunables()
    tunables.change_to({MAX_MAP_COUNT: 70_000}, "r1")
    host.setting.write_text("65530\n")

    assert tunables.restore()[0]["restored"] == 65_530
    assert host.value() == 65_530


def test_an_unrestored_record_is_never_overwritten(host: _Host) -> None:
    """The value of before the first change is not lost to a second one."""
    pid = os.fork()
    if pid == 0:
        host.tunables().change_to({MAX_MAP_COUNT: 70_000}, "r1")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)

    with pytest.raises(HostError, match="could not be put back"):
        host.tunables().change_to({MAX_MAP_COUNT: 80_000}, "r2")

    host.tunables().restore()
    assert host.value() == 65_530


def test_what_a_living_process_has_changed_is_left_to_it(host: _Host) -> None:
    """Two containers may share the settings and not the lease: neither restores under the other, nor changes more."""
    living = host.tunables()
    living.change_to({MAX_MAP_COUNT: 70_000}, "r1")

    assert host.tunables().restore() == []
    assert host.value() == 70_000
    with pytest.raises(HostError, match=f"process {os.getpid()} has settings of this host changed"):
        host.tunables().change_to({MAX_MAP_COUNT: 80_000}, "r2")

    living.restore()
    assert host.value() == 65_530
    assert host.tunables().owner() is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"changes":[{"name":"vm.max_map_count"}]}', "[" * 9999])
def test_a_broken_record_is_reported_and_kept(host: _Host, text: str) -> None:
    """It is not guessed at."""
    host.record.parent.mkdir()
    host.record.write_text(text)

    with pytest.raises(HostError, match="is not a record of changes"):
        host.tunables().restore()

    assert host.record.exists()


def test_a_record_cannot_name_another_setting(host: _Host) -> None:
    """What is written as root is only ever the one setting this program changes."""
    host.record.parent.mkdir()
    change = {"name": "../../etc/passwd", "before": 1, "set": 2}
    host.record.write_text(json.dumps({"run_id": "r", "changes": [change]}))

    with pytest.raises(HostError, match="which is never changed"):
        host.tunables().restore()


FOLIOS_64K = "/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled"
FOLIOS_16K = FOLIOS_64K.replace("64kB", "16kB")
FOLIOS_2M = FOLIOS_64K.replace("64kB", "2048kB")
ALL_FOLIOS = "/sys/kernel/mm/transparent_hugepage/enabled"


class _Sysfs(HostFiles):
    """Files of words of which one is chosen, as the kernel shows them; some cannot be written."""

    def __init__(self, root: Path, refused: str = "") -> None:
        super().__init__(str(root))
        self.refused = refused
        for name in (FOLIOS_64K, FOLIOS_16K):
            path = Path(self.path(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("always inherit madvise [never]\n")

    def write(self, path: str, text: str) -> None:
        if path == self.refused:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        written = f"[{text.strip()}] {path}" if path.startswith("/sys") else text
        super().write(path, written)


def test_sizes_of_folios_are_changed_and_restored_beside_the_limit(host: _Host) -> None:
    """One record names all, and a size that is as wanted already is not in it."""
    files = _Sysfs(host.folder)
    files.write(FOLIOS_16K, "madvise")
    tunables = Tunables(files, str(host.record.parent), may_change=True)
    changes = tunables.change_to({MAX_MAP_COUNT: 70_000, FOLIOS_64K: "madvise", FOLIOS_16K: "madvise"}, "r1")

    assert [(change["name"], change["before"]) for change in changes] == [
        (MAX_MAP_COUNT, 65_530),
        (FOLIOS_64K, "never"),
    ]
    assert files.choice(FOLIOS_64K) == "madvise"

    restored = tunables.restore()

    assert [(event["name"], event["restored"]) for event in restored] == [
        (MAX_MAP_COUNT, 65_530),
        (FOLIOS_64K, "never"),
    ]
    assert [files.choice(name) for name in (FOLIOS_64K, FOLIOS_16K)] == ["never", "madvise"]
    assert host.value() == 65_530


def test_one_setting_that_cannot_be_changed_leaves_all_as_they_were(host: _Host) -> None:
    """And no record."""
    tunables = Tunables(_Sysfs(host.folder, refused=FOLIOS_64K), str(host.record.parent), may_change=True)

    with pytest.raises(HostError, match="hugepages-64kB/enabled cannot be set to madvise: Read-only"):
        tunables.change_to({MAX_MAP_COUNT: 70_000, FOLIOS_64K: "madvise"}, "r1")

    assert host.value() == 65_530
    assert not host.record.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"name": FOLIOS_64K, "before": "[never", "set": "madvise"},
        {"name": FOLIOS_64K.replace("hugepages-64kB", "x/../../.."), "before": "never", "set": "madvise"},
        {"name": MAX_MAP_COUNT, "before": "never", "set": 70_000},
    ],
)
def test_a_record_cannot_name_another_value(host: _Host, change: dict[str, object]) -> None:
    """Nothing else is ever written as root."""
    host.record.parent.mkdir()
    host.record.write_text(json.dumps({"run_id": "r", "changes": [change]}))

    with pytest.raises(HostError, match="which is never changed"):
        host.tunables().restore()


def test_a_real_size_of_folios_is_given_back_after_a_kill(tmp_path: Path) -> None:
    """On a real kernel, as root."""
    require("root", os.geteuid() == 0 and os.access(FOLIOS_2M, os.W_OK), "needs root and large folios (Linux 6.8)")
    files, folder = HostFiles(), str(tmp_path / "run")
    before = files.choice(FOLIOS_2M)
    # What is inherited, said outright: tests beside this one get the huge pages that they would get without it.
    wanted = files.choice(ALL_FOLIOS) if before == "inherit" else "inherit"
    assert wanted
    pid = os.fork()
    if pid == 0:
        Tunables(folder=folder).change_to({FOLIOS_2M: wanted}, "r1")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    changed = files.choice(FOLIOS_2M)

    Tunables(folder=folder).restore()

    assert (changed, files.choice(FOLIOS_2M)) == (wanted, before)


def test_the_real_setting_is_raised_and_restored(tmp_path: Path) -> None:
    """On a real kernel, as root."""
    setting = Path("/proc/sys/vm/max_map_count")
    require("root", os.geteuid() == 0 and os.access(setting, os.W_OK), "needs root and a writable /proc/sys")
    before = int(setting.read_text())
    tunables = Tunables(folder=str(tmp_path / "run"))

    tunables.change_to({MAX_MAP_COUNT: before + 10}, "r1")
    try:
        assert int(setting.read_text()) == before + 10
    finally:
        tunables.restore()

    assert int(setting.read_text()) == before


_CONTAINER = """
import os, subprocess, sys
sys.path.insert(0, sys.argv[1])
for folder in ("/run", "/dev"):
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.host.tunables import MAX_MAP_COUNT, Tunables, host_folder
from pageswap.errors import HostError
tunables = Tunables(HostFiles(sys.argv[2]), host_folder(sys.argv[3]), may_change=True)
try:
    exec(sys.argv[4])
except HostError as error:
    print(error)
print("done", flush=True)
sys.stdin.read()
"""


def _container(host: _Host, name: str, code: str) -> subprocess.Popen[str]:
    """Start Python with a /run, a /dev, and a network of its own; it has done the code when "done" is read."""
    own = ("unshare", "--mount", "--net", "--ipc", "--uts", sys.executable, "-c", _CONTAINER)
    command = [*own, str(Path(__file__).parents[3]), str(host.folder), name, code]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_containers_know_of_each_others_changes(host: _Host) -> None:
    """They share the limit, and neither /run nor the lease: the first value comes back, also after kill -9."""
    may_unshare = subprocess.run(["unshare", "--mount", "--net", "true"], capture_output=True, check=False)
    require("root", may_unshare.returncode == 0, "needs root, and namespaces of its own")
    name = f"pageswap-test-{uuid.uuid4()}"
    try:
        with _container(host, name, "tunables.change_to({MAX_MAP_COUNT: 70_000}, 'r1')") as first:
            assert first.stdout
            assert first.stdout.readline() == "done\n"
            beside = _container(
                host, name, "print(tunables.restore()); tunables.change_to({MAX_MAP_COUNT: 80_000}, 'r2')"
            )
            said, _ = beside.communicate()
            assert "[]\n--tune: process " in said
            assert host.value() == 70_000
            first.kill()
        after, _ = _container(
            host, name, "tunables.restore(); tunables.change_to({MAX_MAP_COUNT: 80_000}, 'r2')"
        ).communicate()
        assert after == "done\n"
        assert host.value() == 80_000
        last, _ = _container(host, name, "tunables.restore()").communicate()
    finally:
        shutil.rmtree(host_folder(name))

    assert last == "done\n"
    assert host.value() == 65_530


def test_no_mount_keeps_the_folder_from_being_found(tmp_path: Path) -> None:
    """A source may be called anything, also as what divides a line of /proc/self/mountinfo."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); from pageswap.agent.host.tunables import host_folder as find"
    script = 'mount -t tmpfs - "$1" && exec "$2" -c "$3; print(find())" "$4"'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", str(tmp_path), sys.executable, code]
    require_own_mounts()
    found = subprocess.run([*command, str(Path(__file__).parents[3])], capture_output=True, text=True, check=False)

    assert (found.stdout.endswith("/pageswap\n"), found.stderr) == (True, "")
