"""A file appears whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pageswap.errors import StoreError
from pageswap.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
# Users that no test machine has files of.
SOMEBODY, ANOTHER = 4_321, 4_322
_SCRIPT = """
import os, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from pageswap.files import replacing
{before}
with replacing(Path({path!r})) as file:
    file.write(b"new")
"""


@pytest.fixture
def shared() -> Iterator[Path]:
    """Return a folder that every user can come to; pytest's own are only its user's."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_the_file_is_there_when_the_block_ends(tmp_path: Path) -> None:
    """Not before."""
    path = tmp_path / "file"
    with replacing(path) as file:
        file.write(b"whole")
        assert not path.exists()

    assert path.read_bytes() == b"whole"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_raises_changes_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    """Ctrl-C leaves no half of a file either."""
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        fail()

    assert [path] == list(tmp_path.iterdir())
    assert path.read_bytes() == b"old"


def test_a_link_stays_and_leads_to_the_new_file(tmp_path: Path) -> None:
    """What is the user's arrangement is not undone."""
    (tmp_path / "real").write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to("real")
    with replacing(link) as file:
        file.write(b"new")

    assert link.is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_mode_and_owner_stay(tmp_path: Path) -> None:
    """A file that only its owner may read does not become everybody's."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(path, SOMEBODY, ANOTHER)
    before = path.stat()
    with replacing(path) as file:
        file.write(b"new")
    after = path.stat()

    assert path.read_bytes() == b"new"
    assert (before.st_mode, before.st_uid, before.st_gid) == (after.st_mode, after.st_uid, after.st_gid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_owner_keeps_its_own(shared: Path) -> None:
    """Who may write it but not give it away writes into it, shorter than before, too."""
    shared.chmod(0o777)
    path = shared / "file"
    path.write_bytes(b"much older than the new one")
    os.chown(path, ANOTHER, ANOTHER)
    path.chmod(0o666)
    script = _SCRIPT.format(root=str(ROOT), path=str(path), before=f"os.setuid({SOMEBODY})")
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ, "TMPDIR": str(shared)})

    assert path.read_bytes() == b"new"
    assert path.stat().st_uid == ANOTHER


def test_a_device_is_written_into(tmp_path: Path) -> None:
    """Not even root's export to /dev/null takes its place."""
    with replacing(Path("/dev/null")) as file:
        file.write(b"gone")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = subprocess.Popen(["cat", fifo], stdout=subprocess.PIPE)
    with replacing(fifo) as file:
        file.write(b"through")
    text, _ = reader.communicate(timeout=60)

    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    assert text == b"through"
    assert [fifo] == list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_is_a_file_too(name: str, tmp_path: Path) -> None:
    """Also where it leads to a file: what is there already stays."""
    script = _SCRIPT.format(root=str(ROOT), path=name, before="")
    out = tmp_path / "out"
    with out.open("wb") as file:
        file.write(b"before ")
        file.flush()
        subprocess.run([sys.executable, "-c", script], check=True, stdout=file)

    assert out.read_bytes() == b"before new"


def test_each_name_of_a_file_leads_to_the_new_one(tmp_path: Path) -> None:
    """A hard link is the user's arrangement, too."""
    path, other = tmp_path / "file", tmp_path / "other"
    path.write_bytes(b"much older than the new one")
    other.hardlink_to(path)
    with replacing(path) as file:
        file.write(b"new")

    assert other.read_bytes() == b"new"
    assert path.samefile(other)
    assert {path, other} == set(tmp_path.iterdir())


def test_attributes_stay(tmp_path: Path) -> None:
    """An access control list is one, too."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    try:
        os.setxattr(path, "user.origin", b"lab")
    except OSError as error:
        pytest.skip(f"{tmp_path} takes no attributes: {error.strerror}")
    with replacing(path) as file:
        file.write(b"new")

    assert path.read_bytes() == b"new"
    assert os.getxattr(path, "user.origin") == b"lab"
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_all_of_a_mode_stays(tmp_path: Path) -> None:
    """The bits that a new owner would take away, too."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    os.chown(path, SOMEBODY, ANOTHER)
    path.chmod(0o6750)
    with replacing(path) as file:
        file.write(b"new")

    assert stat.S_IMODE(path.stat().st_mode) == 0o6750


def test_a_new_file_is_as_open_as_its_user_wants_files_to_be(tmp_path: Path) -> None:
    """A umask holds for a report as for any other file."""
    script = _SCRIPT.format(root=str(ROOT), path=str(tmp_path / "file"), before="os.umask(0o077)")
    subprocess.run([sys.executable, "-c", script], check=True)

    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_file_in_a_folder_that_takes_no_other_is_written_into(shared: Path) -> None:
    """Nothing can stand beside it, and nothing has to."""
    (shared / "temporary").mkdir()
    (shared / "temporary").chmod(0o777)
    folder = shared / "folder"
    folder.mkdir()
    path = folder / "file"
    path.write_bytes(b"much older than the new one")
    os.chown(path, SOMEBODY, SOMEBODY)
    script = _SCRIPT.format(root=str(ROOT), path=str(path), before=f"os.setuid({SOMEBODY})")
    environment = {**os.environ, "TMPDIR": str(shared / "temporary")}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)

    assert path.read_bytes() == b"new"
    assert [path] == list(folder.iterdir())
    assert list((shared / "temporary").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file needs root")
def test_a_file_that_is_mounted_is_written_into(tmp_path: Path) -> None:
    """As containers mount one."""
    path, source = tmp_path / "file", tmp_path / "source"
    path.write_bytes(b"below")
    source.write_bytes(b"old")
    subprocess.run(["mount", "--bind", source, path], check=True)
    try:
        with replacing(path) as file:
            file.write(b"new")
    finally:
        subprocess.run(["umount", path], check=True)

    assert source.read_bytes() == b"new"
    assert path.read_bytes() == b"below"


@pytest.mark.parametrize("name", ["/dev/fd/7", "/proc/self/fd/7"])
@pytest.mark.parametrize("is_deleted", [False, True])
def test_an_open_descriptor_is_written_on_with(name: str, tmp_path: Path, *, is_deleted: bool) -> None:
    """After what was written before, also into a file that has no name any more."""
    out = tmp_path / "out"
    with out.open("w+b") as file:
        file.write(b"before ")
        file.flush()
        if is_deleted:
            out.unlink()
        before = f"os.dup2({file.fileno()}, 7)"
        script = _SCRIPT.format(root=str(ROOT), path=name, before=before)
        subprocess.run([sys.executable, "-c", script], check=True, pass_fds=(file.fileno(),))
        file.seek(0)

        assert file.read() == b"before new"
    assert list(tmp_path.iterdir()) == ([] if is_deleted else [out])


def test_another_process_s_file_that_was_deleted_is_not_made_anew(tmp_path: Path) -> None:
    """Its name below /proc tells of a file that is not there, and none of that name is to be."""
    with (tmp_path / "out").open("w+b") as file:
        (tmp_path / "out").unlink()
        with replacing(Path(f"/proc/{os.getpid()}/fd/{file.fileno()}")) as into:
            into.write(b"new")

        assert file.read() == b"new"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["folder", "no/such/folder/file", "file/below", "folder/" + "n" * 300, "/dev/fd/999"])
def test_what_is_no_place_for_a_file_is_named_with_a_cure(name: str, tmp_path: Path) -> None:
    """And nothing is left there."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"old")
    with (
        pytest.raises(StoreError, match=r"cannot be written: .*; .* name another file, then .*'inv export'"),
        replacing(tmp_path / name) as file,
    ):
        file.write(b"new")

    assert {path.name for path in tmp_path.rglob("*")} == {"folder", "file"}


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    """What stands beside it for a while has a shorter one."""
    path = tmp_path / ("n" * 255)
    with replacing(path) as file:
        file.write(b"new")

    assert path.read_bytes() == b"new"
