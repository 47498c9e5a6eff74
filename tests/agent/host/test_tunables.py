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
from agent.fake_sysfs import ENABLED, UNPREPARED, FakeSysfs, policy
from requirement import require, require_own_mounts

from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.host.settings import BOOST, MAX_MAP_COUNT, value_of
from pageswap.agent.host.tunables import Tunables, host_folder
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
    (refused,) = host.tunables(may_change=False).change_to({MAX_MAP_COUNT: 70_000}, "r1")

    assert (refused["set"], refused["reason"]) == (None, "--tune was asked for, but the agent is not root")
    assert host.value() == 65_530
    assert not host.record.exists()


def test_a_setting_that_cannot_be_read_leaves_no_record(host: _Host) -> None:
    """As where /proc/sys is hidden."""
    host.setting.unlink()
    host.setting.mkdir()

    (refused,) = host.tunables().change_to({MAX_MAP_COUNT: 70_000}, "r1")

    assert refused == {"name": MAX_MAP_COUNT, "before": None, "set": None, "reason": "cannot be read"}
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

    (refused,) = host.tunables().change_to({MAX_MAP_COUNT: 80_000}, "r2")
    assert "could not be put back" in refused["reason"]

    host.tunables().restore()
    assert host.value() == 65_530


def test_what_a_living_process_has_changed_is_left_to_it(host: _Host) -> None:
    """Two containers may share the settings and not the lease: neither restores under the other, nor changes more."""
    living = host.tunables()
    living.change_to({MAX_MAP_COUNT: 70_000}, "r1")

    assert host.tunables().restore() == []
    assert host.value() == 70_000
    (refused,) = host.tunables().change_to({MAX_MAP_COUNT: 80_000}, "r2")
    assert f"process {os.getpid()} has settings of this host changed" in refused["reason"]

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
FOLIOS_2M = FOLIOS_64K.replace("64kB", "2048kB")
ALL_FOLIOS = "/sys/kernel/mm/transparent_hugepage/enabled"
GOVERNORS = tuple(policy(number) for number in range(3))
WANTED = dict.fromkeys(GOVERNORS, "performance") | {BOOST: 0, ENABLED: "madvise", MAX_MAP_COUNT: 70_000}


class Sysfs:
    """A fake host with three policies, and the settings' record beside it."""

    def __init__(self, folder: Path) -> None:
        """Lay it out."""
        self.folder = folder
        self.files = self.with_files(FakeSysfs)
        self.files.lay_out_policies((0,), (1,), (2, 3))
        self.files.lay_out(UNPREPARED | {"/proc/sys/vm/max_map_count": "65530"})
        self.before = self.files.all()
        self.record = folder / "run" / "tunables.json"

    def with_files(self, kind: type[FakeSysfs]) -> FakeSysfs:
        """Return the same files, which behave otherwise."""
        return kind(str(self.folder / "files"))

    def tunables(self, files: FakeSysfs | None = None) -> Tunables:
        """Return what another process would have."""
        return Tunables(files or self.files, str(self.record.parent), may_change=True)


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    """Make such a host."""
    (tmp_path / "run").mkdir()
    return Sysfs(tmp_path)


def test_all_is_set_in_order_and_put_back_in_reverse_order(sysfs: Sysfs) -> None:
    """Byte for byte; what is as wanted already is not in the record."""
    sysfs.files.write(GOVERNORS[1], "performance")
    before = sysfs.files.all()
    tunables = sysfs.tunables()
    changes = tunables.change_to(WANTED, "r1")

    assert [change["name"] for change in changes] == [name for name in WANTED if name != GOVERNORS[1]]
    assert sysfs.files.all() != before
    assert {name: value_of(sysfs.files, name) for name in WANTED} == WANTED

    restored = tunables.restore()

    assert [(event["name"], event["restored"]) for event in restored] == [
        (change["name"], change["before"]) for change in reversed(changes)
    ]
    assert sysfs.files.all() == before
    assert not sysfs.record.exists()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EINVAL, errno.EBUSY, errno.EIO])
def test_a_refused_setting_keeps_no_other_from_being_set(sysfs: Sysfs, number: int) -> None:
    """The reason is the kernel's; what was not changed is not put back."""
    sysfs.files.refused = {GOVERNORS[1]: number, BOOST: number}
    tunables = sysfs.tunables()
    changes = tunables.change_to(WANTED, "r1")

    why = os.strerror(number)
    assert {change["name"]: change["reason"] for change in changes if change["set"] is None} == {
        GOVERNORS[1]: f"cannot be set to performance: {why}",
        BOOST: f"cannot be set to 0: {why}",
    }
    done = [name for name in WANTED if name not in (GOVERNORS[1], BOOST)]
    assert [change["name"] for change in json.loads(sysfs.record.read_text())["changes"]] == done
    assert [event["name"] for event in tunables.restore()] == done[::-1]
    assert sysfs.files.all() == sysfs.before


def test_where_all_is_refused_no_record_and_no_lock_are_left(sysfs: Sysfs) -> None:
    """Another run may try."""
    sysfs.files.refused = {BOOST: errno.EROFS}
    tunables = sysfs.tunables()
    (refused,) = tunables.change_to({BOOST: 0}, "r1")

    assert refused["reason"] == "cannot be set to 0: Read-only file system"
    assert not sysfs.record.exists()
    assert tunables.owner() is None


def test_what_a_driver_made_of_a_value_is_taken_back(sysfs: Sysfs) -> None:
    """It was not asked for."""

    class Stubborn(FakeSysfs):
        def write(self, path: str, text: str) -> None:
            super().write(path, text.replace("performance", "userspace"))

    tunables = sysfs.tunables(sysfs.with_files(Stubborn))
    (refused,) = tunables.change_to({GOVERNORS[0]: "performance"}, "r1")

    assert refused["reason"] == "was set to performance, but is userspace"
    assert sysfs.files.all() == sysfs.before


def test_what_cannot_be_put_back_keeps_no_other_from_it(sysfs: Sysfs) -> None:
    """The record names it until somebody can."""
    tunables = sysfs.tunables()
    tunables.change_to(WANTED, "r1")
    sysfs.files.refused = {GOVERNORS[1]: errno.EBUSY}

    with pytest.raises(HostError, match="policy1/scaling_governor cannot be set to powersave: Device or resource busy"):
        tunables.restore()

    changed = {name for name, data in sysfs.files.all().items() if data != sysfs.before[name]}
    assert changed == {sysfs.files.path(GOVERNORS[1])}
    record = json.loads(sysfs.record.read_text())
    assert (record["run_id"], [change["name"] for change in record["changes"]]) == ("r1", [GOVERNORS[1]])
    sysfs.files.refused = {}
    assert [event["restored"] for event in sysfs.tunables().restore()] == ["powersave"]
    assert sysfs.files.all() == sysfs.before


def test_what_somebody_chose_meanwhile_is_theirs(sysfs: Sysfs) -> None:
    """The rest is put back."""
    tunables = sysfs.tunables()
    tunables.change_to(WANTED, "r1")
    sysfs.files.write(GOVERNORS[2], "userspace")

    events = {event["name"]: event for event in tunables.restore()}

    assert events[GOVERNORS[2]]["restored"] is None
    assert events[GOVERNORS[2]]["reason"] == "it is userspace now, not the performance set before: left alone"
    changed = {name for name, data in sysfs.files.all().items() if data != sysfs.before[name]}
    assert changed == {sysfs.files.path(GOVERNORS[2])}


@pytest.mark.parametrize("is_written", [False, True])
def test_a_kill_at_any_write_leaves_nothing_changed(sysfs: Sysfs, *, is_written: bool) -> None:
    """Just before it or just after it, while settings are changed or while they are put back."""
    writes = 2 * len(WANTED)
    for last in range(writes + 1):
        done = 0

        class Killed(FakeSysfs):
            def write(self, path: str, text: str) -> None:
                nonlocal done
                done += 1
                if is_written:
                    super().write(path, text)
                if done == last:  # noqa: B023 - it is another process's
                    os.kill(os.getpid(), signal.SIGKILL)
                if not is_written:
                    super().write(path, text)

        pid = os.fork()
        if pid == 0:
            tunables = sysfs.tunables(sysfs.with_files(Killed))
            tunables.change_to(WANTED, "r1")
            tunables.restore()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == (signal.SIGKILL if last else 0)
        sysfs.tunables().restore()

        assert sysfs.files.all() == sysfs.before
        assert not sysfs.record.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"name": FOLIOS_64K, "before": "[never", "set": "madvise"},
        {"name": FOLIOS_64K.replace("hugepages-64kB", "x/../../.."), "before": "never", "set": "madvise"},
        {"name": MAX_MAP_COUNT, "before": "never", "set": 70_000},
        {"name": BOOST, "before": 2, "set": 0},
        {"name": BOOST, "before": True, "set": 0},
        {"name": f"{BOOST}\n", "before": 1, "set": 0},
        {"name": policy(0), "before": "powersave\n", "set": "performance"},
        {"name": policy(0, "scaling_max_freq"), "before": 1, "set": 0},
        {"name": policy(0).replace("policy0", "policy0/../.."), "before": "powersave", "set": "performance"},
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
from pageswap.agent.host.settings import MAX_MAP_COUNT
from pageswap.agent.host.tunables import Tunables, host_folder
tunables = Tunables(HostFiles(sys.argv[2]), host_folder(sys.argv[3]), may_change=True)
exec(sys.argv[4])
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
                host, name, "print(tunables.restore(), tunables.change_to({MAX_MAP_COUNT: 80_000}, 'r2'))"
            )
            said, _ = beside.communicate()
            assert said.startswith("[] [{'name': 'vm.max_map_count', ")
            assert "'reason': '--tune: process " in said
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
