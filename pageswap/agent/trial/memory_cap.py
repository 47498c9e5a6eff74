"""A control group of the agent's own that holds each trial to a number of bytes, where this host lets one be made."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

from pageswap.agent.host import cgroup

if TYPE_CHECKING:
    from pageswap.agent.host.host_files import HostFiles

_PREFIX = "pageswap-"


@dataclasses.dataclass(frozen=True)
class CappedGroup:
    """A control group with a memory limit; trials enter it, the agent does not."""

    group: cgroup.MemoryGroup
    files: HostFiles
    cap_bytes: int

    @property
    def procs(self) -> str:
        """The file through which a process enters."""
        return self.files.path(f"{self.group.folder}/cgroup.procs")

    def oom_kills(self) -> int:
        """Count the OOM kills in the group so far."""
        return cgroup.oom_kills(self.files, [self.group])

    def remove(self) -> None:
        """Remove the group; harmless when it is gone."""
        _remove(self.files, self.group.folder)


def make(files: HostFiles, cap_bytes: int) -> CappedGroup | None:
    """Make a group that allows `cap_bytes` in memory and nothing in swap; None where that is not permitted.

    Groups that agents left behind that live no more are removed on the way.
    """
    for parent in parents_for_groups(files):
        sweep(files, parent)
        group = cgroup.MemoryGroup(f"{parent.folder}/{_PREFIX}{os.getpid()}", parent.version)
        try:
            os.mkdir(files.path(group.folder), 0o755)
        except OSError:
            continue
        capped = CappedGroup(group, files, cap_bytes)
        if _limit(files, group, cap_bytes):
            return capped
        capped.remove()
    return None


def sweep(files: HostFiles, parent: cgroup.MemoryGroup) -> None:
    """Remove the groups below `parent` whose agents have died."""
    for name in files.names(parent.folder):
        pid = name[len(_PREFIX) :] if name.startswith(_PREFIX) else ""
        if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            _remove(files, f"{parent.folder}/{name}")


def sweep_all(files: HostFiles) -> None:
    """Remove the groups of dead agents wherever `make` may have made them."""
    for parent in parents_for_groups(files):
        sweep(files, parent)


def parents_for_groups(files: HostFiles) -> list[cgroup.MemoryGroup]:
    """List the groups that one may be made in: this process's own, and those above it up to the first with a limit.

    Version 2 gives a group memory limits only if its parent hands them on, and no group with processes in it may.
    """
    usable = []
    for group in cgroup.memory_groups(files):
        handed_on = files.text(f"{group.folder}/cgroup.subtree_control") or ""
        if group.version == 1 or "memory" in handed_on.split():
            usable.append(group)
        if group.limit_bytes(files) is not None:
            break
    return usable


def _limit(files: HostFiles, group: cgroup.MemoryGroup, cap_bytes: int) -> bool:
    first = group.version == 1
    try:
        _write(files, f"{group.folder}/{'memory.limit_in_bytes' if first else 'memory.max'}", str(cap_bytes))
    except OSError:
        return False
    swap, bytes_allowed = ("memory.memsw.limit_in_bytes", cap_bytes) if first else ("memory.swap.max", 0)
    try:
        _write(files, f"{group.folder}/{swap}", str(bytes_allowed))
    except OSError:
        pass  # A kernel that does not account swap: the limit on memory holds.
    return group.limit_bytes(files) is not None


def _write(files: HostFiles, path: str, text: str) -> None:
    # Never created: in a control group each file is there from the start.
    descriptor = os.open(files.path(path), os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _remove(files: HostFiles, folder: str) -> None:
    try:
        os.rmdir(files.path(folder))
    except OSError:
        pass  # Somebody is still in it, or it is gone.
