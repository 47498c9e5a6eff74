"""A static site's folder on the machine that serves it: its readers see the old site or the new one, whole."""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import json
import os
import re
import shutil
import signal
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pageswap.agent.workspace.work_folder import sync_folder
from pageswap.errors import HostError
from pageswap.fleet.onhost.folder import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INDEX = "index.json"
OURS = ("index.html", INDEX, "feed.xml", ".nojekyll", "runs")
_GENERATOR = "pageswap"
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
_CHUNK_BYTES = 1 << 20
_MOST_INDEX_BYTES = 64 << 20
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
# Input that a cut link will never bring is waited for so long, and other publishers with it.
_PATIENCE_S = 900
_NOT_SUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.EXDEV, errno.ENOTSUP)


def main(stdin: IO[bytes]) -> None:
    """Read {"verb": "look" | "put", "path", ...} and, for "put", the contents; print the answer or {"error": text}."""

    def read(size: int) -> bytes:
        with _patience():
            return stdin.read(size)

    with _patience():
        document = json.loads(stdin.readline())
    try:
        answer = look(document["path"]) if document["verb"] == "look" else put(document, read)
    except HostError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)  # noqa: T201 - the answer


def look(path: str) -> dict[str, Any]:
    """Say what is at `path`: its state, the text of its index, and the SHA-256 of each of the site's files.

    The state is absent, empty, site, or other: a folder that holds something else and no site.
    """
    with _errors(path):
        folder = _folder(path)
        index = _index(folder)
        state = (
            "absent"
            if not folder.exists()
            else "site"
            if index is not None
            else "other"
            if any(_strangers(folder))
            else "empty"
        )
        return {"state": state, "index": index, "hashes": _hashes(folder) if state == "site" else {}}


def put(document: dict[str, Any], read: Callable[[int], bytes]) -> dict[str, Any]:
    """Make the site at document["path"] consist of document["files"]: [{"path", "size", "sha256", "kept"}].

    What is kept is linked from the site that is there; the contents of the others come by `read`, one after the other.
    All is written aside and checked, then takes the old site's place in one step, so that neither a reader nor a kill
    sees a part of it. Files of other origin in the folder stay. Gives {"done": true, "is_atomic"}; or
    {"conflict": true} when the index is no longer the one whose SHA-256 is document["seen"].
    """
    path = document["path"]
    with _errors(path):
        folder = _folder(path)
        folder.parent.mkdir(parents=True, exist_ok=True)
        # One publisher at a time beside each other's sites.
        with locked(str(folder.parent)):
            _clear_leftovers(folder)
            index = _index(folder)
            if index is None and folder.exists() and any(_strangers(folder)):
                raise HostError(f"{folder}: holds other files and no site of pageswap; give a new or an empty folder")
            if _sha256_of(index) != document["seen"]:
                return {"conflict": True}
            staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.new-", dir=folder.parent))
            try:
                for file in document["files"]:
                    _place(folder, staging, file, read)
                # Whatever the umask, a web server must be able to read it.
                for made in [staging, *(path for path in staging.rglob("*") if path.is_dir())]:
                    made.chmod(0o755)
                is_atomic = _switch(folder, staging)
            finally:
                # After the switch this is the old site.
                _remove(staging, folder)
            return {"done": True, "is_atomic": is_atomic}


@contextlib.contextmanager
def _patience() -> Iterator[None]:
    """End this program when what is done inside takes too long; what it leaves the next publisher removes."""
    signal.alarm(_PATIENCE_S)
    try:
        yield
    finally:
        signal.alarm(0)


@contextlib.contextmanager
def _errors(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HostError(f"{path}: {error.strerror or error}; check the path, its permissions and free space") from None


def _folder(path: str) -> Path:
    folder = Path(os.path.realpath(Path(path).expanduser()))
    if folder.parent == folder:
        raise HostError(f"{path}: a site cannot be the root folder; give a folder of its own")
    if folder.exists() and not folder.is_dir():
        raise HostError(f"{path}: is a file; give a folder")
    return folder


def _index(folder: Path) -> str | None:
    """Give the text of a site's index; None where there is no site."""
    path = folder / INDEX
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _MOST_INDEX_BYTES:
        return None
    try:
        text = path.read_text(encoding="utf-8")
        index = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_ours = isinstance(index, dict) and str(index.get("generator", "")).startswith(_GENERATOR)
    return text if is_ours else None


def _strangers(folder: Path) -> Iterator[Path]:
    return (entry for entry in folder.iterdir() if entry.name not in OURS or entry.is_symlink())


def _sha256_of(index: str | None) -> str:
    return "" if index is None else hashlib.sha256(index.encode()).hexdigest()


def _hashes(folder: Path) -> dict[str, str]:
    found = {}
    for name in OURS:
        top = folder / name
        for path in sorted(top.rglob("*")) if top.is_dir() and not top.is_symlink() else [top]:
            if path.is_file() and not path.is_symlink():
                digest = hashlib.sha256()
                with path.open("rb") as file:
                    while chunk := file.read(_CHUNK_BYTES):
                        digest.update(chunk)
                found[str(path.relative_to(folder))] = digest.hexdigest()
    return found


def _place(old: Path, staging: Path, file: dict[str, Any], read: Callable[[int], bytes]) -> None:
    name = str(file["path"])
    if not all(_PART.fullmatch(part) for part in name.split("/")) and name not in OURS:
        raise HostError(f"{name!r:.200}: cannot be a file of a site")
    path = staging / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if file["kept"]:
        _link(old / name, path)
        return
    digest = hashlib.sha256()
    left = int(file["size"])
    with path.open("xb") as written:
        while left:
            chunk = read(min(left, _CHUNK_BYTES))
            if not chunk:
                raise HostError(f"{name}: came incomplete; publish again")
            digest.update(chunk)
            written.write(chunk)
            left -= len(chunk)
        written.flush()
        os.fsync(written.fileno())
    path.chmod(0o644)
    if digest.hexdigest() != file["sha256"]:
        raise HostError(f"{name}: came damaged; publish again")


def _link(old: Path, new: Path) -> None:
    try:
        os.link(old, new, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV):
            raise
        shutil.copy2(old, new, follow_symlinks=False)  # a file system without links


def _switch(folder: Path, staging: Path) -> bool:
    """Put the new site in the old one's place, leaving the old one at `staging`; tell whether in one step."""
    sync_folder(str(staging))
    is_atomic = True
    if not folder.exists():
        staging.rename(folder)
    elif not _exchange(staging, folder):
        is_atomic = False
        aside = staging.with_name(f"{staging.name}.old")
        folder.rename(aside)
        staging.rename(folder)
        aside.rename(staging)
    sync_folder(str(folder.parent))
    return is_atomic


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step (renameat2(2), RENAME_EXCHANGE); False where the file system cannot."""
    try:
        import ctypes  # noqa: PLC0415 - a Python may lack it

        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (ImportError, OSError, AttributeError):
        return False
    if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_SUPPORTED:
        return False
    raise OSError(number, os.strerror(number), str(other))


def _clear_leftovers(folder: Path) -> None:
    """Remove what publishers left that were killed; nobody else can be at work, for the lock is ours."""
    for leftover in folder.parent.glob(f".{glob.escape(folder.name)}.new-*"):
        if not folder.exists() and leftover.name.endswith(".old"):
            leftover.rename(folder)
        else:
            _remove(leftover, folder)


def _remove(leftover: Path, folder: Path) -> None:
    """Remove a folder beside the site, once files of other origin in it are back in the site."""
    if not leftover.exists():
        return
    for stranger in list(_strangers(leftover)):
        if folder.is_dir() and not (folder / stranger.name).exists():
            stranger.rename(folder / stranger.name)
    shutil.rmtree(leftover)
