"""Where an agent keeps its files on a host: the cache's root, private folders, and one segment's paths."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from typing import TYPE_CHECKING

from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CURE = "set PAGESWAP_HOME to a folder of yours"
_OVERFLOW_UID = "/proc/sys/kernel/overflowuid"


def cache_root(environ: Mapping[str, str] = os.environ, *, fallback: str = "/tmp") -> str:  # noqa: S108 - owner-checked
    """Return the private folder for bundles and runs: $PAGESWAP_HOME, $XDG_CACHE_HOME/pageswap, ~/.cache/pageswap.

    Where none of them can be written (no home, read-only home) it is `fallback`/pageswap-<uid>. Raises HostError when
    that, or an explicit $PAGESWAP_HOME, cannot be used either.
    """
    asked = environ.get("PAGESWAP_HOME")
    if asked:
        return private_folder(os.path.abspath(asked))
    for folder, below in (("XDG_CACHE_HOME", "/pageswap"), ("HOME", "/.cache/pageswap")):
        with contextlib.suppress(HostError):
            if environ.get(folder):
                return private_folder(environ[folder] + below)
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
        with contextlib.suppress(OSError):  # on a read-only file system nothing is removed either
            os.utime(bundle)


def is_content_name(name: str) -> bool:
    """Tell whether a folder's name is a SHA-256 in hex."""
    return len(name) == 64 and all(letter in "0123456789abcdef" for letter in name)  # noqa: PLR2004 - 256 bits


def private_folder(path: str) -> str:
    """Make `path` a folder that only this user may enter (0700, parents too where missing), and give it back.

    Raises HostError when it is not absolute, cannot be made or written, is not a folder, belongs to someone else, lies
    where someone else could put another in its place, or is on a file system without locks.
    """
    if not path.startswith("/"):
        raise HostError(f"'{path}' is not an absolute path; name the folder from / on")
    above = os.path.dirname(path)
    parents = dict.fromkeys([*_upwards(above), *_upwards(os.path.realpath(above))])
    try:
        for parent in parents:
            danger = _danger(parent)
            if danger:
                raise HostError(
                    f"{path}: {parent}, where it lies, {danger}; {_CURE} where all parents are yours or root's"
                )
        _make(path)
        found = os.lstat(path)
    except OSError as error:
        # Root is let in whatever a mode says, and "/" may be 0555.
        is_shut_out = error.errno == errno.EACCES and os.geteuid() != 0
        closed = [parent for parent in parents if is_shut_out and os.path.isdir(parent) and _is_closed(parent)]
        cure = f"chmod u+rwx {closed[0]}" if closed else _CURE
        raise HostError(f"{path}: cannot be made: {error.strerror}; {cure}") from error
    if not stat.S_ISDIR(found.st_mode):
        raise HostError(f"{path}: is not a folder (nor may it be a link); move it away or set PAGESWAP_HOME")
    if found.st_uid != os.geteuid():
        raise HostError(f"{path}: belongs to user {found.st_uid}, not to {os.geteuid()}; {_CURE}")
    try:
        # Also one that a umask has made nobody's.
        if found.st_mode & (stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO) != stat.S_IRWXU:
            os.chmod(path, 0o700)
        if not os.access(path, os.W_OK | os.X_OK):
            raise HostError(f"{path}: cannot be written; {_CURE}")
        _check_locks(path)
    except OSError as error:
        raise HostError(f"{path}: cannot be made private: {error.strerror}; {_CURE}") from error
    return path


def _check_locks(path: str) -> None:
    """Raise HostError where a folder's file system has no locks: by one it is known whether an agent lives."""
    # A file's, as NFS and Lustre leave those of folders to the kernel.
    probe = f"{path}/.lock.{os.urandom(8).hex()}"
    why = ""
    try:
        with open(probe, "wb") as holder, open(probe, "wb") as other:
            fcntl.flock(holder.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(other.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
                why = "granted to two at once"
    except OSError as error:
        # A file that cannot be made is named. Of a full disk whoever writes there tells; cleaning must go on.
        why = "" if error.filename else os.strerror(error.errno or 0)
    with contextlib.suppress(OSError):
        os.unlink(probe)
    if why:
        raise HostError(
            f"{path}: its file system has no locks (flock: {why}), and without one nobody knows which agent lives; "
            f"{_CURE} on a local disk"
        )


def _upwards(folder: str) -> list[str]:
    """List a folder and all that it lies in, the root first."""
    names = folder.split("/")
    return ["/".join(names[:depth]) or "/" for depth in range(1, len(names) + 1)]


def _danger(parent: str) -> str:
    """Say who but this user and root may put something else in the place of what lies in a folder, "" when nobody."""
    try:
        found = os.lstat(parent)
    except FileNotFoundError:
        return ""
    if found.st_uid not in (0, os.geteuid()) and not _is_unmapped(found.st_uid):
        return f"belongs to user {user_name(found.st_uid)}"
    if not stat.S_ISDIR(found.st_mode) or found.st_mode & stat.S_ISVTX:
        return ""
    if found.st_mode & stat.S_IWOTH:
        return f"is writable by everybody (chmod o-w {parent}, or +t)"
    if found.st_mode & stat.S_IWGRP and not _is_own_group(found.st_gid):
        return f"is writable by group {found.st_gid} (chmod g-w {parent}, or +t)"
    return ""


def _is_unmapped(uid: int) -> bool:
    """Tell whether it is how a user namespace, as a container has one, shows users it does not know, such as root."""
    try:
        with open("/proc/self/uid_map", encoding="ascii") as known, open(_OVERFLOW_UID, encoding="ascii") as unknown:
            return known.read().split()[-1:] != [str(2**32 - 1)] and uid == int(unknown.read())
    except OSError:
        return False


def _is_own_group(gid: int) -> bool:
    """Tell whether a group has no member but this user, as a private one, and root's."""
    import grp  # few folders need it

    try:
        name, _, _, members = grp.getgrgid(gid)
    except KeyError:
        name, members = str(gid), []
    own = user_name(os.geteuid())
    return gid == 0 or (name == own and set(members) <= {own})


def _is_closed(folder: str) -> bool:
    found = os.stat(folder)
    return found.st_uid == os.geteuid() and found.st_mode & stat.S_IRWXU != stat.S_IRWXU


def _make(path: str) -> None:
    """Make a folder and those above it that are missing, all of them private."""
    missing = [path]
    while not os.path.lexists(os.path.dirname(missing[-1])):
        missing.append(os.path.dirname(missing[-1]))
    for folder in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another agent may be making them, too
            os.mkdir(folder, 0o700)
            os.chmod(folder, 0o700)  # whatever the umask


def user_name(uid: int) -> str:
    """Return a user's name, or the number where it has none."""
    import pwd  # `status` does not need it

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


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
        # Of an agent that a scheduler owns: its words for its starter, how often it had been begun again by then, and
        # the number of the segment that this one was begun again from.
        self.said = path + "/said"
        self.restarts = path + "/restarts"
        self.continues = path + "/continues"

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


@contextlib.contextmanager
def opened(folder: str | os.PathLike[str]) -> Iterator[int]:
    """Yield a folder's descriptor, to lock it or to make its entries durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def sync_folder(path: str) -> None:
    """Make a folder's entries durable."""
    with opened(path) as descriptor:
        os.fsync(descriptor)


def write_durably(path: str, data: bytes, mode: int = 0o600) -> None:
    """Replace a file by `data` so that after a crash either the old or the new one is there, whole."""
    new = f"{path}.new"
    with open(new, "wb", opener=lambda name, how: os.open(name, how, 0o600)) as file:
        try:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
            os.replace(new, path)
        except OSError:
            os.unlink(new)
            raise
    sync_folder(os.path.dirname(path))
