"""A static site's folder on the machine that serves it: its readers see the old site or the new one, whole.

A site's files are those that its index records. All else in the folder, and beside it, is somebody else's.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import glob
import hashlib
import json
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from pageswap.agent.workspace.work_folder import sync_folder
from pageswap.errors import HostError
from pageswap.fleet.onhost.folder import PATIENCE_S, locked, sha256
from pageswap.fleet.onhost.site_places import FILES, INDEX, carry, check, is_name, make_folders, plain_files, remove

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_GENERATOR = "pageswap"
# Where an index lists further files, and what it calls the path of one.
_LISTS = {"runs": "report", "pages": "path", "shared": "path"}
_CHUNK_BYTES = 1 << 20
_MOST_INDEX_BYTES = 64 << 20
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_NOT_SUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.EXDEV, errno.ENOTSUP)
# In a publisher's work folder: whose it is, the new site, and the old one where the two cannot be exchanged.
_RECORD, _NEW, _OLD = "record.json", "new", "old"


def main(stdin: IO[bytes]) -> None:
    """Read {"verb": "look" | "put", "path", ...} and, for "put", the contents; print the answer or {"error": text}."""

    def patiently(receive: Callable[..., bytes], *size: int) -> bytes:
        # Input that takes too long ends this program; what it leaves the next publisher removes.
        signal.alarm(PATIENCE_S)
        received = receive(*size)
        signal.alarm(0)
        return received

    document = json.loads(patiently(stdin.readline))
    try:
        is_look = document["verb"] == "look"
        answer = look(document["path"]) if is_look else put(document, functools.partial(patiently, stdin.read))
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
        state = "site" if index else "other" if _is_filled(folder) else "empty"
        return {
            "state": state if folder.exists() else "absent",
            "index": index.text if index else None,
            "hashes": {name: _sha256_at(folder, name) for name in plain_files(folder, sorted(_recorded(index)))},
        }


def put(document: dict[str, Any], read: Callable[[int], bytes]) -> dict[str, Any]:
    """Make the site at document["path"] consist of document["files"]: [{"path", "size", "sha256", "kept"}].

    What is kept is linked from the site that is there; the contents of the others come by `read`, one after the other.
    All is written aside and checked, then takes the old site's place in one step, so that neither a reader nor a kill
    sees a part of it. What the site's index does not record stays. Return {"done": true, "is_atomic"}; or
    {"conflict": true} when the index is no longer the one whose SHA-256 is document["seen"].
    """
    path = document["path"]
    with _errors(path):
        folder = _folder(path)
        # One publisher at a time beside each other's sites.
        with locked(str(folder.parent)):
            for left_over in folder.parent.glob(f".{glob.escape(folder.name)}.new-*"):
                # By a publisher that was killed: the lock is ours.
                _clear(left_over, folder)
            index = _index(folder)
            if index is None and _is_filled(folder):
                raise HostError(f"{folder}: holds other files and no site of pageswap; give a new or an empty folder")
            if document["seen"] != (_sha256_at(folder, INDEX) if index else ""):
                return {"conflict": True}
            recorded = _recorded(index)
            names = [str(file["path"]) for file in document["files"]]
            check(folder, names, recorded)
            work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.new-", dir=folder.parent))
            record = {"site": str(folder), "files": sorted({*recorded, *names})}
            (work / _RECORD).write_text(json.dumps(record), encoding="utf-8")
            try:
                make_folders(work / _NEW, names)
                for name, file in zip(names, document["files"]):
                    _place(f"{folder}/{name}", f"{work / _NEW}/{name}", file, read)
                _give_away(work / _NEW, folder)
                is_atomic = _switch(folder, work)
            finally:
                # After the switch the old site is in it.
                _clear(work, folder)
            return {"done": True, "is_atomic": is_atomic}


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
    if not folder.parent.is_dir():
        raise HostError(f"{path}: there is no folder '{folder.parent}'; make it, or name another place")
    return folder


def _is_filled(folder: Path) -> bool:
    return folder.exists() and any(folder.iterdir())


class _Index(NamedTuple):
    """A site's index: its text, and what that says."""

    text: str
    known: dict[str, Any]


def _index(folder: Path) -> _Index | None:
    """Return a site's index; None where there is no site."""
    path = folder / INDEX
    if not plain_files(folder, [INDEX]) or path.stat().st_size > _MOST_INDEX_BYTES:
        return None
    try:
        text = path.read_text(encoding="utf-8")
        known = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_ours = isinstance(known, dict) and str(known.get("generator", "")).startswith(_GENERATOR)
    return _Index(text, known) if is_ours else None


def _recorded(index: _Index | None) -> set[str]:
    if index is None:
        return set()
    names = set(FILES)
    for key, field in _LISTS.items():
        listed = index.known.get(key)
        found = [each.get(field) for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        names |= {name for name in found if isinstance(name, str) and is_name(name)}
    return names


def _sha256_at(folder: Path, name: str) -> str:
    with open(f"{folder}/{name}", "rb") as file:  # noqa: PTH123 - of each file of a site: a Path costs as much again
        return sha256(file.read())


def _place(old: str, new: str, file: dict[str, Any], read: Callable[[int], bytes]) -> None:
    if file["kept"]:
        _link(old, new)
        return
    digest = hashlib.sha256()
    left = int(file["size"])
    with open(new, "xb") as written:  # noqa: PTH123
        while left:
            chunk = read(min(left, _CHUNK_BYTES))
            if not chunk:
                raise HostError(f"{file['path']}: came incomplete; publish again")
            digest.update(chunk)
            written.write(chunk)
            left -= len(chunk)
        written.flush()
        os.fsync(written.fileno())
    os.chmod(new, 0o644)  # noqa: PTH101
    if digest.hexdigest() != file["sha256"]:
        raise HostError(f"{file['path']}: came damaged; publish again")


def _link(old: str, new: str) -> None:
    try:
        os.link(old, new, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV):
            raise
        shutil.copy2(old, new, follow_symlinks=False)  # a file system without links


def _give_away(new: Path, folder: Path) -> None:
    """Have the site's own folder stay as its owner made it."""
    if folder.exists():
        found = folder.stat()
        if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(new, found.st_uid, found.st_gid)
        new.chmod(found.st_mode & 0o7777)


def _switch(folder: Path, work: Path) -> bool:
    """Put the new site in the old one's place, leaving the old one in the work folder; tell whether in one step."""
    sync_folder(str(work / _NEW))
    is_atomic = True
    if not folder.exists():
        (work / _NEW).rename(folder)
    elif not exchange(work / _NEW, folder):
        is_atomic = False
        folder.rename(work / _OLD)
        (work / _NEW).rename(folder)
    sync_folder(str(folder.parent))
    return is_atomic


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step (renameat2(2), RENAME_EXCHANGE); False where the file system cannot."""
    try:
        import ctypes

        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (ImportError, OSError, AttributeError):
        return False
    if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_SUPPORTED:
        return False
    raise OSError(number, os.strerror(number), str(other))


def _clear(work: Path, folder: Path) -> None:
    """Remove a publisher's work folder, once what is not of its making is back in the site; another folder stays."""
    try:
        record = json.loads((work / _RECORD).read_bytes())
        if record["site"] != str(folder):
            return
        names = list(filter(is_name, record["files"]))
    except (OSError, ValueError, KeyError, TypeError):
        return
    if not folder.exists() and (work / _OLD).exists():
        (work / _OLD).rename(folder)
    for site in (work / _NEW, work / _OLD):
        if site.exists():
            remove(site, names)
            carry(site, folder)
    if {path.name for path in work.iterdir()} == {_RECORD}:
        (work / _RECORD).unlink()
        work.rmdir()
