"""The control groups, version 1 or 2, that bound this process's memory, and one of an agent's own for its trials."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pageswap.agent.host.host_files import HostFiles

# Version 1 says "no limit" with the largest page-aligned signed 64-bit number.
_UNLIMITED = 1 << 62
_PREFIX = "pageswap-"


# What version 1 and version 2 call a group's files, and the reclaimable cache in memory.stat.
_LIMIT = ("memory.limit_in_bytes", "memory.max")
_USED = ("memory.usage_in_bytes", "memory.current")
_RECLAIMABLE = ("total_inactive_file", "inactive_file")
_OOM_KILLS = ("memory.oom_control", "memory.events")
_SWAP_LIMIT = ("memory.memsw.limit_in_bytes", "memory.swap.max")


@dataclasses.dataclass(frozen=True)
class MemoryGroup:
    """One control group that accounts memory: its folder and which version's file names apply."""

    files: HostFiles
    folder: str
    version: int

    @property
    def procs(self) -> str:
        """The file through which a process enters."""
        return self.files.path(f"{self.folder}/cgroup.procs")

    def _file(self, names: tuple[str, str]) -> str:
        return f"{self.folder}/{names[self.version - 1]}"

    def limit_bytes(self) -> int | None:
        """Return the group's limit, None when it has none."""
        limit = self.files.integer(self._file(_LIMIT))
        return limit if limit is not None and limit < _UNLIMITED else None

    def free_bytes(self, enough: int) -> int | None:
        """Return what may still be allocated, None when there is no limit; reclaimable cache counts as free.

        The slow memory.stat is read only when the group would hold less than `enough` bytes without it.
        """
        limit = self.limit_bytes()
        used = self.files.integer(self._file(_USED))
        if limit is None or used is None:
            return limit
        if limit - used < enough:
            used -= self.files.table(f"{self.folder}/memory.stat").get(_RECLAIMABLE[self.version - 1], 0)
        return limit - max(used, 0)

    def oom_kills(self) -> int | None:
        """Count the OOM kills in the group so far, None where that is not counted."""
        return self.files.table(self._file(_OOM_KILLS)).get("oom_kill")

    def hold_to(self, cap_bytes: int) -> bool:
        """Allow `cap_bytes` in memory and nothing in swap; False where that is not permitted."""
        try:
            self.files.write(self._file(_LIMIT), str(cap_bytes))
        except OSError:
            return False
        # A kernel that does not account swap has none of it: the limit on memory holds.
        with contextlib.suppress(OSError):
            # Version 1's is of memory and swap together.
            self.files.write(self._file(_SWAP_LIMIT), str(cap_bytes if self.version == 1 else 0))
        return self.limit_bytes() is not None

    def remove(self) -> None:
        """Remove the group; harmless when it is gone."""
        with contextlib.suppress(OSError):  # somebody is still in it, or it is gone
            os.rmdir(self.files.path(self.folder))


def memory_groups(files: HostFiles) -> list[MemoryGroup]:
    """List the groups whose limits hold for this process, its own first and then its ancestors."""
    paths = {}
    for line in (files.text("/proc/self/cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if "memory" in controllers.split(","):
            paths[1] = path
        elif number == "0" and not controllers:
            paths[2] = path
    groups = []
    for line in (files.text("/proc/self/mountinfo") or "").splitlines():
        left, _, right = line.partition(" - ")
        fields, kind = left.split(), right.split()
        if len(fields) < 5 or len(kind) < 3:  # noqa: PLR2004 - proc_pid_mountinfo(5)'s fixed fields
            continue
        version = {"cgroup": 1, "cgroup2": 2}.get(kind[0])
        if version not in paths or (version == 1 and "memory" not in kind[2].split(",")):
            continue
        groups += [MemoryGroup(files, folder, version) for folder in _upwards(fields[4], fields[3], paths[version])]
    return groups


def _upwards(mount: str, root: str, path: str) -> list[str]:
    """List the folders from a process's group up to the mount; `root` is the group the mount shows."""
    if root != "/":
        path = path[len(root) :] if path.startswith(root) else ""
    if ".." in path.split("/"):
        path = ""  # The group lies outside this cgroup namespace: only the mount itself can be read.
    parts = [part for part in path.split("/") if part]
    return ["/".join([mount, *parts[:depth]]) for depth in range(len(parts), -1, -1)]


def tightest_limit(files: HostFiles) -> int | None:
    """Return the smallest memory limit in bytes of all groups around this process, None when there is none."""
    limits = [group.limit_bytes() for group in memory_groups(files)]
    return min((limit for limit in limits if limit is not None), default=None)


def oom_kills(files: HostFiles, groups: list[MemoryGroup]) -> int:
    """Count the OOM kills so far, in this process's own group where that is counted, else on the whole host."""
    for group in groups:
        count = group.oom_kills()
        if count is not None:
            return count
    return files.table("/proc/vmstat").get("oom_kill", 0)


def make_capped(files: HostFiles, cap_bytes: int) -> MemoryGroup | None:
    """Make a group for trials that allows `cap_bytes` in memory; None where that is not permitted.

    Groups that agents left behind that live no more are removed on the way.
    """
    sweep(files)
    for parent in parents_for_groups(files):
        group = MemoryGroup(files, f"{parent.folder}/{_PREFIX}{os.getpid()}", parent.version)
        try:
            os.mkdir(files.path(group.folder), 0o755)
        except OSError:
            continue
        if group.hold_to(cap_bytes):
            return group
        group.remove()
    return None


def sweep(files: HostFiles) -> None:
    """Remove the groups of dead agents wherever `make_capped` may have made them."""
    for parent in parents_for_groups(files):
        for name in files.names(parent.folder):
            pid = name[len(_PREFIX) :] if name.startswith(_PREFIX) else ""
            if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
                MemoryGroup(files, f"{parent.folder}/{name}", parent.version).remove()


def parents_for_groups(files: HostFiles) -> Iterator[MemoryGroup]:
    """Yield the groups that one may be made in: this process's own, and those above it up to the first with a limit.

    Version 2 gives a group memory limits only if its parent hands them on, and no group with processes in it may.
    """
    for group in memory_groups(files):
        handed_on = files.text(f"{group.folder}/cgroup.subtree_control") or ""
        if group.version == 1 or "memory" in handed_on.split():
            yield group
        if group.limit_bytes() is not None:
            return
