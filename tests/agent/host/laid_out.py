"""A host whose files a test writes itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.host.readers import Source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def lay_out(root: Path, files: Mapping[str, str]) -> HostFiles:
    """Write files, by absolute path, below `root`, and return the host that has them."""
    for name, text in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return HostFiles(str(root))


def source(files: HostFiles, cpu: int | None = None) -> Source:
    """Return what is read on a host with these files where one CPU is measured on, by default the last one allowed."""
    allowed = tuple(sorted(os.sched_getaffinity(0)))
    return Source(files, allowed, (allowed[-1] if cpu is None else cpu,))


def cores(*groups: str) -> dict[str, str]:
    """Return the files that tell which CPUs are threads of one core, ``"0,2"``."""
    folder = "/sys/devices/system/cpu"
    return {
        f"{folder}/cpu{cpu}/topology/thread_siblings_list": f"{group}\n" for group in groups for cpu in group.split(",")
    }


def numa(*nodes: str) -> dict[str, str]:
    """Return the files that tell which CPUs lie on which NUMA node."""
    return {f"/sys/devices/system/node/node{node}/cpulist": f"{cpus}\n" for node, cpus in enumerate(nodes)}
