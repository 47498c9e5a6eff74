"""A file appears whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pageswap.files import replacing

ROOT = Path(__file__).resolve().parent.parent
# Users that no test machine has files of.
SOMEBODY, ANOTHER = 4_321, 4_322


def test_the_file_is_there_when_the_block_ends(tmp_path: Path) -> None:
    """Not before; and its folder is made."""
    path = tmp_path / "new" / "file"
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
def test_a_file_of_another_owner_keeps_its_own(tmp_path: Path) -> None:
    """Who may write it but not give it away writes into it, shorter than before, too."""
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o711)
    path = tmp_path / "file"
    path.write_bytes(b"much older than the new one")
    os.chown(path, ANOTHER, ANOTHER)
    path.chmod(0o666)
    script = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from pageswap.files import replacing
os.setuid({SOMEBODY})
with replacing(Path({str(path)!r})) as file:
    file.write(b"new")
"""
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ, "TMPDIR": str(tmp_path)})

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


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_standard_output_is_a_file_too(name: str, tmp_path: Path) -> None:
    """Also where it leads to a file: what is there already stays."""
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from pageswap.files import replacing
with replacing(Path({name!r})) as file:
    file.write(b"written")
"""
    out = tmp_path / "out"
    with out.open("wb") as file:
        file.write(b"before ")
        file.flush()
        subprocess.run([sys.executable, "-c", script], check=True, stdout=file)

    assert out.read_bytes() == b"before written"
