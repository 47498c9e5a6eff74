"""What the control groups around this process, version 1 or 2, allow it in memory and count as OOM kills."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pageswap.agent.host.host_files import HostFiles

# Version 1 says "no limit" with the largest page-aligned signed 64-bit number.
_UNLIMITED = 1 << 62
# The version whose one hierarchy has all controllers.
_UNIFIED = 2


@dataclasses.dataclass(frozen=True)
class MemoryGroup:
    """One control group that accounts this process's memory: its folder and which version's file names apply."""

    folder: str
    version: int

    def limit_bytes(self, files: HostFiles) -> int | None:
        """Return the group's limit, None when it has none."""
        name = "memory.max" if self.version == _UNIFIED else "memory.limit_in_bytes"
        limit = files.integer(f"{self.folder}/{name}")
        return limit if limit is not None and limit < _UNLIMITED else None

    def free_bytes(self, files: HostFiles, enough: int) -> int | None:
        """Return what may still be allocated, None when there is no limit; reclaimable cache counts as free.

        The slow memory.stat is read only when the group would hold less than `enough` bytes without it.
        """
        limit = self.limit_bytes(files)
        used = files.integer(
            f"{self.folder}/" + ("memory.current" if self.version == _UNIFIED else "memory.usage_in_bytes")
        )
        if limit is None or used is None:
            return limit
        if limit - used < enough:
            statistics = files.table(f"{self.folder}/memory.stat")
            used -= statistics.get("inactive_file" if self.version == _UNIFIED else "total_inactive_file", 0)
        return limit - max(used, 0)


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
        groups += [MemoryGroup(folder, version) for folder in _upwards(fields[4], fields[3], paths[version])]
    return groups


def tightest_limit(files: HostFiles) -> int | None:
    """Return the smallest memory limit in bytes of all groups around this process, None when there is none."""
    limits = [group.limit_bytes(files) for group in memory_groups(files)]
    return min((limit for limit in limits if limit is not None), default=None)


def oom_kills(files: HostFiles, groups: list[MemoryGroup]) -> int:
    """Count the OOM kills so far, in this process's own group where that is counted, else on the whole host."""
    for group in groups:
        name = "memory.events" if group.version == _UNIFIED else "memory.oom_control"
        count = files.table(f"{group.folder}/{name}").get("oom_kill")
        if count is not None:
            return count
    return files.table("/proc/vmstat").get("oom_kill", 0)


def _upwards(mount: str, root: str, path: str) -> list[str]:
    """List the folders from a process's group up to the mount; `root` is the group the mount shows."""
    if root != "/":
        path = path[len(root) :] if path.startswith(root) else ""
    if ".." in path.split("/"):
        path = ""  # The group lies outside this cgroup namespace: only the mount itself can be read.
    folders = []
    parts = [part for part in path.split("/") if part]
    while parts:
        folders.append("/".join([mount, *parts]))
        parts.pop()
    return [*folders, mount]
