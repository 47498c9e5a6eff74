"""Removes what old runs left in the cache of a host: folders of segments that have ended, bundles and cores not in use.

It stays below the cache's `runs`, `bundles` and `cores`, follows no links, and takes nothing that an agent still uses.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import stat
import time
from typing import TYPE_CHECKING, Any

from pageswap.agent.workspace.agent_lock import AgentLock
from pageswap.agent.workspace.work_folder import WorkFolder, is_content_name, write_durably
from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Collection

FINISHED = "finished"
ALL = "all"
# What nobody has touched for so long goes when the next agent starts, so that a cache does not grow for ever.
KEEP_S = 30 * 86_400.0
# A controller may have just found a bundle, and be about to start it.
_CONTENT_GRACE_S = 3600.0
_START_GRACE_S = 600.0


def clean_cache(
    cache: str, runs: str, *, older_than_s: float = 0.0, abandoned: Collection[str] = (), busy: Collection[str] = ()
) -> dict[str, Any]:
    """Remove work folders and unused bundles and cores; returns {"removed", "bytes", "kept": [{"path", "why"}]}.

    `runs` is "finished": segments whose agent has ended and whose journal, if there is one, was followed to its end,
    and those of the paths `abandoned`; or "all": also those whose rows nobody has. Nothing changed within the last
    `older_than_s` seconds is taken, and never what a living agent uses; `busy` are folders whose segments, and with
    them all bundles, are used by agents on other machines. Raises HostError when `runs` is neither.
    """
    if runs not in (FINISHED, ALL):
        raise HostError(f"clean: runs is {runs!r:.60}, expected {FINISHED} or {ALL}")
    swept: dict[str, Any] = {"removed": 0, "bytes": 0, "kept": []}
    now = time.time()
    for path in _segments(cache):
        takes_all = runs == ALL or path in abandoned
        is_busy = os.path.dirname(path) in busy
        why_kept = "running" if is_busy else _why_kept(path, now - older_than_s, takes_all=takes_all)
        if _remove(path, why_kept, swept):
            with contextlib.suppress(OSError):  # another segment's or host's folder is in it
                os.rmdir(os.path.dirname(path))
                os.rmdir(os.path.dirname(os.path.dirname(path)))
    in_use = _bundles_in_use(os.path.join(cache, "bundles"))
    for name in ("bundles", "cores"):
        for path in _folders(os.path.join(cache, name)):
            if is_content_name(os.path.basename(path)):
                is_young = os.lstat(path).st_mtime > now - max(older_than_s, _CONTENT_GRACE_S)
                _remove(path, "in use" if busy or path in in_use else "used not long ago" if is_young else "", swept)
    return swept


def tidy(work_path: str, up_s: float | None = None, boot: str | None = None) -> dict[str, Any] | None:
    """Clean the cache that a segment's folder lies in of what is older than KEEP_S; None when it lies in no cache.

    What nobody has collected must be older by more than the wall clock, which somebody may just have put right by
    weeks: it must have been seen here for so long. `up_s` is how long this host is up, `boot` the id of that boot.
    """
    cache, name = os.path.split(os.path.dirname(os.path.dirname(os.path.dirname(work_path))))
    if name != "runs":
        return None
    up_s = time.clock_gettime(time.CLOCK_BOOTTIME) if up_s is None else up_s
    if boot is None:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
    seen_s = _seen_for(cache, up_s, boot)
    abandoned = {path for path, seconds in seen_s.items() if seconds > KEEP_S}
    return clean_cache(cache, FINISHED, older_than_s=KEEP_S, abandoned=abandoned)


def _seen_for(cache: str, up_s: float, boot: str) -> dict[str, float]:
    """Return and note for how many seconds at least each segment's folder has been there, by this host's uptime."""
    # Of its own for each host: several may have one home.
    record = os.path.join(cache, "runs", f"seen.{os.uname().nodename}.json")
    try:
        with open(record, encoding="utf-8") as file:
            last = json.load(file)
        # After another boot the time between is unknown, but for what this host has been up since.
        passed_s = up_s - last["up_s"] if last["boot"] == boot else up_s
        before = {str(path): float(seconds) for path, seconds in last["seen_s"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        passed_s, before = 0.0, {}
    seen_s = {path: before[path] + passed_s if path in before else 0.0 for path in _segments(cache)}
    # A full disk must not keep the rest from being cleaned.
    with contextlib.suppress(OSError):
        write_durably(record, json.dumps({"boot": boot, "up_s": up_s, "seen_s": seen_s}).encode())
    return seen_s


def _segments(cache: str) -> list[str]:
    hosts = [host for run in _folders(os.path.join(cache, "runs")) for host in _folders(run)]
    return [segment for host in hosts for segment in _folders(host)]


def _why_kept(path: str, before: float, *, takes_all: bool) -> str:
    """Say what speaks for a segment's folder, "" where nothing does; `before` is a time in s since 1970."""
    work = WorkFolder(path)
    try:
        if AgentLock(work.lock).holder() is not None:
            return "running"
    except HostError as error:
        return str(error)
    if _changed(path) > before:
        return "changed not long ago"
    if takes_all or os.path.exists(work.delivered):
        return ""
    if work.journal_bytes():
        return "not collected yet; 'inv resume' does it, or clean all"
    # Its agent may be about to take its lock.
    return "changed not long ago" if _changed(path) > time.time() - _START_GRACE_S else ""


def _remove(path: str, why_kept: str, swept: dict[str, Any]) -> bool:
    """Remove a folder unless something speaks for it, and note which of both in `swept`."""
    # The compression libraries it loads would be in every trial's process, which takes longer to fork with them.
    import shutil

    if not why_kept:
        try:
            size_bytes = _size(path)
            # It walks by descriptors and does not follow links, and refuses a path that is one.
            shutil.rmtree(path)
        except OSError as error:
            why_kept = f"cannot be removed: {error.strerror}"
    if why_kept:
        swept["kept"].append({"path": path, "why": why_kept})
        return False
    swept["removed"] += 1
    swept["bytes"] += size_bytes
    return True


def _folders(path: str) -> list[str]:
    """List the real folders of this user's in a real folder of this user's."""
    try:
        if not _is_own_folder(os.lstat(path)):
            return []
        with os.scandir(path) as entries:
            return sorted(entry.path for entry in entries if _is_own_folder(entry.stat(follow_symlinks=False)))
    except OSError:
        return []


def _is_own_folder(found: os.stat_result) -> bool:
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _changed(path: str) -> float:
    """Return when a folder or a file directly in it was last changed, in s since 1970."""
    with os.scandir(path) as entries:
        return max([os.lstat(path).st_mtime, *(entry.stat(follow_symlinks=False).st_mtime for entry in entries)])


def _size(path: str) -> int:
    """Sum the bytes on the disk of everything below a folder; links count as themselves."""
    size_bytes = 0
    for file in (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names):
        # What goes by itself meanwhile must not keep the rest.
        with contextlib.suppress(FileNotFoundError):
            size_bytes += os.lstat(file).st_blocks * 512
    return size_bytes


def _bundles_in_use(bundles: str) -> set[str]:
    """Return the bundles that this process and other living ones run from."""
    used: set[str] = set()
    for path in glob.iglob("/proc/[0-9]*/cmdline"):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            words = os.fsdecode(file.read(1 << 16)).split("\0")
            used.update(word for word in words if os.path.dirname(word) == bundles)
    return used
