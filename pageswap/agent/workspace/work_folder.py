"""Where an agent keeps its files on a host: the cache's root, private folders, and one segment's paths."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Mapping


def cache_root(environ: Mapping[str, str] | None = None, *, fallback: str = "/tmp") -> str:  # noqa: S108 - owner-checked
    """Return the private folder for bundles and runs: $PAGESWAP_HOME, $XDG_CACHE_HOME/pageswap, ~/.cache/pageswap.

    Where none of them can be written (no home, read-only home) it is `fallback`/pageswap-<uid>. Raises HostError when
    that, or an explicit $PAGESWAP_HOME, cannot be used either.
    """
    environ = os.environ if environ is None else environ
    asked = environ.get("PAGESWAP_HOME")
    if asked:
        return private_folder(os.path.abspath(asked))
    for folder, below in (("XDG_CACHE_HOME", "/pageswap"), ("HOME", "/.cache/pageswap")):
        try:
            if environ.get(folder):
                return private_folder(environ[folder] + below)
        except HostError:  # noqa: PERF203 - two rounds at most
            continue
    return private_folder(f"{fallback}/pageswap-{os.geteuid()}")


def this_cache(asked: str | None = None) -> str:
    """Return the cache to use: the one `asked` for, else that of the bundle this code runs from, else `cache_root`.

    Raises HostError when it cannot be used.
    """
    if asked is not None:
        if not asked.startswith("/"):
            raise HostError(f"cache: '{asked}' is not an absolute path")
        return private_folder(asked)
    bundle = own_bundle()
    return cache_root() if bundle is None else private_folder(os.path.dirname(os.path.dirname(bundle)))


def own_bundle() -> str | None:
    """Return the bundle that this code runs from, None where it runs from a checkout."""
    bundle = os.path.abspath(__file__)
    for _ in __name__.split("."):
        bundle = os.path.dirname(bundle)
    bundles, name = os.path.split(bundle)
    return bundle if os.path.basename(bundles) == "bundles" and is_content_name(name) else None


def mark_used() -> None:
    """Make the bundle that this code runs from, if it is one, look young: old ones are removed."""
    bundle = own_bundle()
    if bundle is not None:
        try:
            os.utime(bundle)
        except OSError:
            pass  # On a read-only file system nothing is removed either.


def is_content_name(name: str) -> bool:
    """Tell whether a folder's name is a SHA-256 in hex."""
    return len(name) == 64 and all(letter in "0123456789abcdef" for letter in name)  # noqa: PLR2004 - 256 bits


def private_folder(path: str) -> str:
    """Make `path` a folder that only this user may enter (0700, parents too where missing), and give it back.

    Raises HostError when it is not absolute, cannot be made or written, is not a folder, or belongs to someone else.
    """
    if not path.startswith("/"):
        raise HostError(f"'{path}' is not an absolute path; name the folder from / on")
    try:
        _make(path)
        found = os.lstat(path)
    except OSError as error:
        raise HostError(f"{path}: cannot be made: {error.strerror}; set PAGESWAP_HOME to a folder of yours") from error
    if not stat.S_ISDIR(found.st_mode):
        raise HostError(f"{path}: is not a folder (nor may it be a link); move it away or set PAGESWAP_HOME")
    if found.st_uid != os.geteuid():
        raise HostError(f"{path}: belongs to user {found.st_uid}, not to {os.geteuid()}; set PAGESWAP_HOME")
    try:
        if found.st_mode & 0o077:
            os.chmod(path, 0o700)
    except OSError as error:
        raise HostError(f"{path}: cannot be made private: {error.strerror}; set PAGESWAP_HOME") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise HostError(f"{path}: cannot be written; set PAGESWAP_HOME to a folder of yours")
    return path


def _make(path: str) -> None:
    """Make a folder and those above it that are missing, all of them private."""
    missing = [path]
    while not os.path.lexists(os.path.dirname(missing[-1])):
        missing.append(os.path.dirname(missing[-1]))
    for folder in reversed(missing):
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:  # noqa: PERF203 - a handful of folders, and another agent may be making them too
            continue


class WorkFolder:
    """The files of one segment of a run on one host."""

    def __init__(self, path: str) -> None:
        """Take the segment's folder; raises HostError unless it is absolute."""
        if not path.startswith("/"):
            raise HostError(f"work_dir: '{path}' is not an absolute path")
        self.path = path
        self.job = path + "/job.json"
        self.journal = path + "/journal.jsonl"
        self.log = path + "/agent.log"
        self.lock = path + "/agent.lock"
        self.followed = path + "/followed"
        self.delivered = path + "/delivered"

    def journal_bytes(self) -> int:
        """Return the journal's length, 0 before it exists."""
        try:
            return os.stat(self.journal).st_size
        except FileNotFoundError:
            return 0

    def log_tail(self, cap_bytes: int = 2000) -> str:
        """Return the end of the agent's log, "" before it exists."""
        try:
            with open(self.log, "rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - cap_bytes))
                return log.read(cap_bytes).decode("utf-8", "replace").strip()
        except OSError:
            return ""


def sync_folder(path: str) -> None:
    """Make a folder's entries durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: str, data: bytes, mode: int = 0o600) -> None:
    """Replace a file by `data` so that after a crash either the old or the new one is there, whole."""
    new = f"{path}.new"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(new, path)
    except OSError:
        os.unlink(new)
        raise
    sync_folder(os.path.dirname(path))
