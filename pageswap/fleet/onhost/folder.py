"""A bundle's folder on the machine that runs it: whole or not there, compiled for its Python, checked to load."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import py_compile
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pageswap.agent.workspace.work_folder import opened, private_folder
from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MANIFEST = "manifest.json"
# What waits for input that a cut link will never bring ends after this.
PATIENCE_S = 900

_LOAD_S = 60.0
_SAID_BYTES = 2000


def main(stdin: IO[bytes]) -> None:
    """Read {"folder", "hashes"}; unless that folder is whole say {"wanted": true} and read its files.

    They come in the order of "hashes" as {"sizes": {name: bytes}} and the contents one after the other. The last word
    is {"folder": path, "complaint": why the core cannot be loaded, or ""}, or {"error": text}.
    """
    signal.alarm(PATIENCE_S)
    document = json.loads(stdin.readline())
    folder, hashes = Path(document["folder"]), document["hashes"]
    try:
        install(folder, hashes, lambda: receive(stdin, hashes))
        _say({"folder": str(folder), "complaint": complaint(folder)})
    except HostError as error:
        _say({"error": str(error)})


def install(folder: Path, hashes: Mapping[str, str], contents: Callable[[], Mapping[str, bytes]]) -> None:
    """Have `folder` hold what `hashes` lists, asking for the contents unless it does.

    It is written aside and renamed, so that kill -9 leaves no half one; of two controllers one waits for the other,
    but not for what the other's network brings. Raises HostError when it cannot be written.
    """
    try:
        if is_whole(folder, hashes):
            return
        parent = private_folder(str(folder.parent))
        files = contents()
        with locked(parent):
            if not is_whole(folder, hashes):
                _write(folder, files)
    except OSError as error:
        raise HostError(
            f"{folder}: what an agent needs cannot be written: {error.strerror}; free space or set PAGESWAP_HOME"
        ) from error


def is_whole(folder: Path, hashes: Mapping[str, str]) -> bool:
    """Tell whether a folder holds files with these hashes, and every file its manifest lists is as it was written."""
    try:
        listed = json.loads((folder / MANIFEST).read_bytes())
        if any(listed.get(name) != value for name, value in hashes.items()):
            return False
        return all(sha256((folder / name).read_bytes()) == value for name, value in listed.items())
    except (OSError, ValueError, AttributeError):
        return False


def complaint(folder: Path) -> str:
    """Say why the core in a bundle cannot be loaded on this machine, "" when it can."""
    command = [sys.executable, "-I", "-S", "-B", "-c"]
    code = "import sys; sys.path.insert(0, sys.argv[1]); import pageswap.native"
    try:
        done = subprocess.run(  # noqa: S603 - our own Python
            [*command, code, str(folder)], stdin=subprocess.DEVNULL, capture_output=True, timeout=_LOAD_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_LOAD_S:g} s"
    if done.returncode == 0:
        return ""
    return last_line(done.stderr, f"exit status {done.returncode}")


def last_line(said: bytes, otherwise: str) -> str:
    """Return the end of what a program complained about, `otherwise` where it said nothing."""
    lines = said[-_SAID_BYTES:].decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else otherwise


@contextlib.contextmanager
def locked(folder: str) -> Iterator[None]:
    """Hold a folder's lock, which ends with its holder however that ends."""
    with opened(folder) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def sha256(content: bytes) -> str:
    """Return a content's hash as a manifest has it."""
    return hashlib.sha256(content).hexdigest()


def hashes_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return each file's hash by its name."""
    return {name: sha256(content) for name, content in files.items()}


def receive(stdin: IO[bytes], hashes: Mapping[str, str]) -> dict[str, bytes]:
    """Ask for files and read them; raises HostError for a name that is none and for what arrives damaged."""
    _say({"wanted": True})
    sizes = json.loads(stdin.readline())["sizes"]
    files: dict[str, bytes] = {}
    for name, value in hashes.items():
        if name.startswith("/") or ".." in name.split("/"):
            raise HostError(f"{name}: not a file's name in a bundle")
        files[name] = stdin.read(sizes[name])
        if sha256(files[name]) != value:
            raise HostError(f"{name}: arrived damaged (sha256 differs); try again")
    return files


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for left_over in folder.parent.glob(".new.*"):
        # By a controller that was killed: the lock is ours.
        shutil.rmtree(str(left_over), ignore_errors=True)
    new = Path(tempfile.mkdtemp(prefix=".new.", dir=str(folder.parent)))
    try:
        _fill(new, files)
        if folder.exists():
            # Damaged. A folder cannot be replaced by a rename unless it is empty.
            folder.rename(new / "damaged")
        new.rename(folder)
        shutil.rmtree(str(folder / "damaged"), ignore_errors=True)
    except BaseException:
        shutil.rmtree(str(new), ignore_errors=True)
        raise


def _fill(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(content)
        if path.suffix == ".py":
            # By hash, not by time: the cache then depends on nothing but the content. Agents run with -B, and would
            # compile every module at every start.
            mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
            py_compile.compile(str(path), dfile=name, doraise=True, invalidation_mode=mode)
    written = [path for path in folder.rglob("*") if path.is_file()]
    hashes = {path.relative_to(folder).as_posix(): sha256(path.read_bytes()) for path in written}
    (folder / MANIFEST).write_text(json.dumps(hashes, indent=1), encoding="utf-8")


def _say(word: dict[str, Any]) -> None:
    print(json.dumps(word), flush=True)  # noqa: T201 - the answer
