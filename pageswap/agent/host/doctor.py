"""What would spoil a measurement on this host, each finding with its cure."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

from pageswap.agent.host import cpu_checks, memory_checks
from pageswap.agent.host.finding import Finding
from pageswap.agent.host.tunables import MAX_MAP_COUNT
from pageswap.agent.workspace.host_lease import describe
from pageswap.units import format_count

if TYPE_CHECKING:
    from pageswap.agent.host.host_files import HostFiles

_FREE_DISK_BYTES = 256 << 20


@dataclasses.dataclass(frozen=True)
class Leftover:
    """What became of settings a former agent changed: state is none, in use, left, unreadable or restored."""

    state: str
    detail: str = ""


def examine(
    files: HostFiles, cache: str, holder: dict[str, Any] | None, leftover: Leftover, *, cpu: int | None = None
) -> list[Finding]:
    """Make every check; `cache` is the folder for results, `holder` whoever has the lease.

    `cpu` is the CPU to be measured on, by default the last one allowed.
    """
    return [
        *cpu_checks.check(files, cpu),
        *memory_checks.check(files, cpu),
        _logout(files),
        _disk(cache),
        _executable(cache),
        _lease(holder),
        _tunables(leftover),
    ]


def _logout(files: HostFiles) -> Finding:
    """Look for systemd-logind's habit of killing what a user leaves running (logind.conf(5)); root is spared by it."""
    folder = "/etc/systemd/logind.conf.d"
    paths = [
        "/etc/systemd/logind.conf",
        *(f"{folder}/{name}" for name in files.names(folder) if name.endswith(".conf")),
    ]
    kills = False
    for path in paths:
        for line in (files.text(path) or "").splitlines():
            name, _, value = line.partition("=")
            if name.strip() == "KillUserProcesses":
                kills = value.strip().lower() in ("yes", "true", "on", "1")
    if not kills:
        return Finding("logout", "ok", "agents outlive the connection that started them")
    if os.geteuid() == 0:
        return Finding("logout", "ok", "systemd-logind kills what users leave running, but not root's")
    cure = "as root: KillUserProcesses=no in /etc/systemd/logind.conf, then systemctl restart systemd-logind"
    return Finding("logout", "warn", "systemd-logind kills agents when the link breaks; resume goes on", cure)


def _disk(cache: str) -> Finding:
    room = os.statvfs(cache)
    free_bytes = room.f_bavail * room.f_frsize
    found = f"{format_count(free_bytes >> 20)} MiB free in {cache}"
    if free_bytes >= _FREE_DISK_BYTES and (room.f_favail or not room.f_files):
        return Finding("disk", "ok", found)
    return Finding("disk", "bad", found, f"free some space, remove old runs in {cache}/runs, or set PAGESWAP_HOME")


def _executable(cache: str) -> Finding:
    if not os.statvfs(cache).f_flag & os.ST_NOEXEC:
        return Finding("executable", "ok", f"programs may run from {cache}")
    cure = "give the host a workdir in hosts.yaml, or PAGESWAP_HOME, where programs may run, such as /var/tmp/pageswap"
    return Finding("executable", "bad", f"{cache} is on a file system mounted noexec: the core cannot load", cure)


def _lease(holder: dict[str, Any] | None) -> Finding:
    if holder is None:
        return Finding("lease", "ok", "nobody measures")
    return Finding("lease", "warn", f"measured by {describe(holder)}", "wait for it (--wait), or stop that run")


def _tunables(leftover: Leftover) -> Finding:
    if leftover.state == "none":
        return Finding("tunables", "ok", "nothing left changed")
    if leftover.state == "in use":
        return Finding("tunables", "ok", leftover.detail)
    if leftover.state == "restored":
        return Finding("tunables", "warn", f"a killed run had left settings changed; restored now: {leftover.detail}")
    if leftover.state == "unreadable":
        return Finding("tunables", "bad", leftover.detail, f"as root: check {MAX_MAP_COUNT}, then remove the file")
    return Finding("tunables", "bad", leftover.detail, "as root: inv doctor, which restores it")
