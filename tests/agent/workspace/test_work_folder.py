"""Where an agent keeps its files: private, its own, and somewhere even without a home."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import sys
import tempfile
from pathlib import Path

import pytest
from requirement import require

from pageswap.agent.workspace.work_folder import WorkFolder, cache_root, private_folder, write_durably
from pageswap.errors import HostError


def test_the_cache_is_where_the_user_says_first(tmp_path: Path) -> None:
    """$PAGESWAP_HOME, then $XDG_CACHE_HOME, then the home's .cache."""
    environ = {name: str(tmp_path / name) for name in ("PAGESWAP_HOME", "XDG_CACHE_HOME", "HOME")}

    assert cache_root(environ) == str(tmp_path / "PAGESWAP_HOME")
    del environ["PAGESWAP_HOME"]
    assert cache_root(environ) == str(tmp_path / "XDG_CACHE_HOME" / "pageswap")
    del environ["XDG_CACHE_HOME"]
    assert cache_root(environ) == str(tmp_path / "HOME" / ".cache" / "pageswap")


@pytest.mark.parametrize("home", ["/proc/nobody", "", "relative"])
def test_without_a_usable_home_a_temporary_folder_of_the_users_serves(tmp_path: Path, home: str) -> None:
    """As for a service user on a locked-down host."""
    expected = tmp_path / f"pageswap-{os.geteuid()}"

    assert cache_root({"HOME": home}, fallback=str(tmp_path)) == str(expected)
    assert expected.stat().st_mode & 0o777 == 0o700


def test_an_explicit_home_that_cannot_be_had_is_an_error(tmp_path: Path) -> None:
    """Not silently another place."""
    (tmp_path / "file").write_text("")

    with pytest.raises(HostError, match="set PAGESWAP_HOME to a folder of yours"):
        cache_root({"PAGESWAP_HOME": str(tmp_path / "file" / "below")})
    with pytest.raises(HostError, match="is not a folder"):
        cache_root({"PAGESWAP_HOME": str(tmp_path / "file")})


def test_a_folder_others_could_enter_is_closed(tmp_path: Path) -> None:
    """0700, also for the folders made on the way."""
    path = tmp_path / "a" / "b"
    (tmp_path / "open").mkdir(mode=0o755)

    private_folder(str(path))
    private_folder(str(tmp_path / "open"))

    for folder in (path, path.parent, tmp_path / "open"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_is_not_a_private_folder(tmp_path: Path) -> None:
    """In /tmp anybody could have put it there."""
    (tmp_path / "link").symlink_to(tmp_path)

    with pytest.raises(HostError, match="nor may it be a link"):
        private_folder(str(tmp_path / "link"))


def test_somebody_elses_folder_is_refused(tmp_path: Path) -> None:
    """Even for root."""
    require("root", os.geteuid() == 0, "needs root to give a folder away")
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 12345, 12345)

    with pytest.raises(HostError, match="belongs to user 12345, not to 0"):
        private_folder(str(tmp_path / "theirs"))


@pytest.mark.parametrize(
    ("mode", "owner", "words"),
    [
        (0o755, 12345, "belongs to user 12345"),
        (0o1777, 12345, "belongs to user 12345"),
        (0o777, 0, "is writable by everybody (chmod o-w {parent}, or +t)"),
        (0o775, 0, "is writable by group 12345 (chmod g-w {parent}, or +t)"),
        (0o1777, 0, ""),
        (0o755, 0, ""),
    ],
)
@pytest.mark.parametrize("way", ["straight", "linked"])
def test_a_folder_that_others_can_replace_is_refused(
    tmp_path: Path, mode: int, owner: int, words: str, way: str
) -> None:
    """Whoever may rename a parent may put programs of theirs where ours are looked for; also behind a link."""
    require("root", os.geteuid() == 0, "needs root to give a folder away")
    parent = tmp_path / "parent"
    (parent / "between").mkdir(parents=True)
    os.chown(parent, owner, 12345)
    parent.chmod(mode)
    (tmp_path / "link").symlink_to(parent / "between")
    path = (tmp_path / "link" if way == "linked" else parent / "between") / "mine"

    if not words:
        assert private_folder(str(path)) == str(path)
        return
    with pytest.raises(HostError, match="set PAGESWAP_HOME to a folder of yours") as told:
        private_folder(str(path))

    assert str(told.value).startswith(f"{path}: {parent}, where it lies, {words.format(parent=parent)}; ")
    assert not path.exists()


def test_a_link_of_somebody_elses_leads_to_no_folder(tmp_path: Path) -> None:
    """They could have it lead elsewhere tomorrow."""
    require("root", os.geteuid() == 0, "needs root to give a link away")
    (tmp_path / "link").symlink_to(tmp_path)
    os.chown(tmp_path / "link", 12345, 12345, follow_symlinks=False)

    with pytest.raises(HostError, match="link, where it lies, belongs to user 12345"):
        private_folder(str(tmp_path / "link" / "mine"))


@pytest.mark.parametrize("existing", [False, True])
def test_no_umask_shuts_us_out(tmp_path: Path, existing: bool) -> None:
    """777 takes the owner's rights away, too, on the way there and in what was left by an earlier version."""
    path = tmp_path / "a" / "b"
    before = os.umask(0o777)
    try:
        if existing:
            path.parent.mkdir()
            path.parent.chmod(0o700)
            path.mkdir()
        private_folder(str(path))
    finally:
        os.umask(before)

    assert [folder.stat().st_mode & 0o777 for folder in (path, path.parent)] == [0o700, 0o700]


def test_a_closed_parent_is_named() -> None:
    """With what opens it; only root is let in all the same."""
    require("root", os.geteuid() == 0, "needs root to become another user")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        closed = Path(folder) / "closed"
        closed.mkdir(mode=0)
        os.chown(closed, 12345, 12345)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setresuid(12345, 12345, 12345)
                private_folder(str(closed / "a" / "b"))
            finally:
                os.write(write, str(sys.exc_info()[1]).encode())
                os._exit(0)
        os.waitpid(child, 0)

    assert os.read(read, 1000).decode() == f"{closed}/a/b: cannot be made: Permission denied; chmod u+rwx {closed}"


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """As NFS without its lock daemon: an agent's lock tells whether it lives, and rows would be measured twice."""

    def no_locks(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", no_locks)

    with pytest.raises(
        HostError, match=f"no locks .flock: {os.strerror(number)}.*; set PAGESWAP_HOME.* on a local disk"
    ):
        private_folder(str(tmp_path / "there"))


def test_a_file_system_that_grants_a_lock_to_two_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where locks are only pretended no agent would ever be seen to live."""
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)

    with pytest.raises(
        HostError, match=r"no locks .flock: granted to two at once.*; set PAGESWAP_HOME.* on a local disk"
    ):
        private_folder(str(tmp_path / "there"))
    assert list((tmp_path / "there").iterdir()) == []


def test_the_locks_of_files_count_and_not_those_of_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS and Lustre leave a folder's lock to the kernel, which always has it; an agent locks a file."""
    flock = fcntl.flock

    def no_locks_of_files(descriptor: int, how: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", no_locks_of_files)

    with pytest.raises(HostError, match="its file system has no locks"):
        private_folder(str(tmp_path / "there"))
    assert list((tmp_path / "there").iterdir()) == []


def test_a_folder_the_kernel_refuses_is_one_error() -> None:
    """Its parent exists, yet nothing can be made in it; rights are no cure for that, whatever mode the parent has."""
    with pytest.raises(HostError, match=r"/proc/no/thing: cannot be made: .*; set PAGESWAP_HOME to a folder of yours$"):
        private_folder("/proc/no/thing")


@pytest.mark.parametrize("path", ["", "relative", "-o=x", "./here"])
def test_a_relative_folder_is_refused(path: str) -> None:
    """Its parents never end."""
    with pytest.raises(HostError, match="not an absolute path"):
        private_folder(path)


def test_a_relative_work_folder_is_refused() -> None:
    """A detached agent's current folder means nothing."""
    with pytest.raises(HostError, match="not an absolute path"):
        WorkFolder("runs/r1")


def test_the_logs_end_is_capped_and_absent_is_empty(tmp_path: Path) -> None:
    """What a controller shows of it stays short."""
    work = WorkFolder(str(tmp_path))
    assert (work.log_tail(), work.journal_bytes()) == ("", 0)

    (tmp_path / "agent.log").write_text("x" * 5000 + " end\n")

    assert work.log_tail(10) == "xxxxx end"


def test_a_failed_replacement_keeps_the_old_file(tmp_path: Path) -> None:
    """And leaves no half-written one."""
    path = tmp_path / "folder"
    path.mkdir()
    (path / "inside").write_text("")

    with pytest.raises(OSError, match="directory"):
        write_durably(str(path), b"new")

    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]
