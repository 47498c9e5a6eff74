"""The backing `file`: the page cache of a disk's file system, of which nothing is left, or one clear reason."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

import child
import pytest
from requirement import require, require_own_mounts

from pageswap import native
from pageswap.errors import MethodUnavailableError

ELSEWHERE = "set PAGESWAP_HOME, or the host's workdir in hosts.yaml, to a folder on another file system"
MEMORY = pathlib.Path("/dev/shm")  # noqa: S108 - nothing is written there
# In a mount namespace of its own, on a disk of 16 MiB.
ON_A_SMALL_DISK = """
truncate -s 16M "$1/disk" && mkfs.ext4 -q "$1/disk" >&2 && mkdir "$1/mounted" || exit 77
mount -o loop "$1/disk" "$1/mounted" || exit 77
exec "$2" -c "$3" "$1/mounted"
"""
TRIAL = """
import os, sys
from pageswap import native
from pageswap.errors import MethodUnavailableError
for mib in (1, 64):
    trial = native.TrialParams(
        method="memcpy", workload="swap", backing="file", folder=sys.argv[1], page_bytes=4096, region_bytes=mib << 20,
        iterations=300, threads=1, rounds=3, seed=7,
    )
    try:
        print(native.run_trial(trial).verified, set(os.listdir(sys.argv[1])) - {"lost+found"})
    except MethodUnavailableError as error:
        print(error)
"""


def refused(folder: pathlib.Path) -> str:
    """Give the reason why no file can be had there."""
    with pytest.raises(MethodUnavailableError) as error:
        child.run(child.params(backing="file", folder=str(folder)))
    return str(error.value)


def test_its_file_has_no_name_and_is_where_it_was_asked_for(tmp_path: pathlib.Path) -> None:
    """While it is mapped, too; and after the trial it is gone."""
    trial = child.params(backing="file", folder=str(tmp_path))
    child.run_or_skip(trial)
    pid = os.fork()
    if pid == 0:
        try:
            native.run_trial(child.params(backing="file", folder=str(tmp_path)))
            os._exit(len(list(tmp_path.iterdir())))
        finally:
            os._exit(99)

    assert os.waitpid(pid, 0)[1] == 0
    assert list(tmp_path.iterdir()) == []


def test_memory_is_no_disk() -> None:
    """A figure for a file system would be one for memfd."""
    require("tmpfs", MEMORY.is_mount(), f"no tmpfs at {MEMORY}")

    assert refused(MEMORY) == f"{MEMORY} is in memory (tmpfs), as 'memfd' is, and on no disk; {ELSEWHERE}"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("absent", "takes no new file: No such file or directory"),
        ("/proc", "has no files without a name (O_TMPFILE)"),
    ],
)
def test_a_folder_that_takes_no_file_is_named(tmp_path: pathlib.Path, name: str, why: str) -> None:
    """With the cure."""
    # Elsewhere nobody else may even try.
    require("root", name == "absent" or os.access(name, os.W_OK), f"needs root, who may make files in {name}")
    reason = refused(tmp_path / name)

    assert reason == f"{str(tmp_path / name)[:40]} {why}; {ELSEWHERE}"


def test_a_disk_without_room_is_told_before_anything_is_measured(tmp_path: pathlib.Path) -> None:
    """A page without a place on the disk would end the trial with SIGBUS."""
    require_own_mounts()
    require("mkfs", shutil.which("mkfs.ext4"), "no mkfs.ext4")
    script = ["unshare", "--mount", "sh", "-c", ON_A_SMALL_DISK, "sh", str(tmp_path), sys.executable, TRIAL]
    environment = os.environ | {"PYTHONPATH": str(pathlib.Path(native.__file__).parents[2])}
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    require("loop", done.returncode != 77, f"no loop device: {done.stderr}")
    fits, too_large = done.stdout.splitlines()

    assert fits == "True set()"
    assert too_large == (
        f"{str(tmp_path / 'mounted')[:40]} has no 66 MiB for the region: No space left on device; "
        "free some, use a smaller region, or set PAGESWAP_HOME to another"
    )


def test_a_limit_on_files_is_a_reason_too() -> None:
    """And no signal, which ends a process."""
    code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)); import signal; "
    code += f"signal.signal(signal.SIGXFSZ, signal.SIG_IGN); import sys; sys.argv[1:] = ['.']{TRIAL}"
    environment = os.environ | {"PYTHONPATH": str(pathlib.Path(native.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert ". has no 3 MiB for the region: File too large; free some" in done.stdout


def test_who_moves_private_memory_alone_does_not_claim_files() -> None:
    """And who maps parts of files does."""
    claims = {method.name for method in child.METHODS.values() if "file" in method.backings}

    assert not claims & {"uffd_move", "uffd_copy", "mremap_dontunmap", "madvise_free"}
    assert {"memcpy", "mremap_fixed", "memfd_map_fixed", "memfd_map_populate", "remap_file_pages"} <= claims
