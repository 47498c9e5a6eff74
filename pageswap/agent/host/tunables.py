"""Kernel settings raised for a job and put back after it, also after a job that was killed.

What was changed is noted in a file before the change: /run is emptied by a reboot, exactly as the settings are. Beside
it lies a lock that whoever changed something holds until it is put back. The lease is not enough for that: containers
may share /run and the kernel's settings and yet not the lease, which is one a network namespace.
"""

from __future__ import annotations

import json
import os
from typing import Any

from pageswap.agent.workspace.agent_lock import AgentLock
from pageswap.agent.workspace.work_folder import sync_folder, write_durably
from pageswap.errors import HostError

RECORD = "/run/pageswap/tunables.json"
SYSCTL_ROOT = "/proc/sys"
MAX_MAP_COUNT = "vm.max_map_count"


class Tunables:
    """Changes settings below `sysctl_root`; the record names what must be put back, and to what."""

    def __init__(self, record: str = RECORD, sysctl_root: str = SYSCTL_ROOT, *, may_change: bool | None = None) -> None:
        """Take the record's path; `may_change` is whether this user may, by default whether it is root."""
        self._record = record
        self._lock = AgentLock(os.path.join(os.path.dirname(record), "tunables.lock"))
        self._is_owner = False
        self._sysctl_root = sysctl_root
        self.may_change = os.geteuid() == 0 if may_change is None else may_change

    def raise_to(self, name: str, value: int, run_id: str) -> dict[str, Any] | None:
        """Raise a setting to at least `value`, noted first; returns {name, before, set}, None when it is high enough.

        Raises HostError when it cannot be done.
        """
        before = self._read(name)
        if before >= value:
            return None
        if not self.may_change:
            raise HostError("--tune was asked for, but the agent is not root")
        self._own()
        try:
            return self._raise(name, before, value, run_id)
        except HostError:
            self._disown()
            raise

    def owner(self) -> int | None:
        """Return the id of the process that has settings changed now, None when there is none, or it has ended."""
        return self._lock.holder()

    def _own(self) -> None:
        try:
            os.makedirs(os.path.dirname(self._record), exist_ok=True)
            # Everybody may see what is changed on the host, whatever the agent's umask.
            os.chmod(os.path.dirname(self._record), 0o755)  # noqa: S103 - nothing secret is in it
        except OSError as error:
            raise HostError(f"--tune: {self._record} cannot be written: {error.strerror}") from error
        if not self._lock.take():
            raise HostError(
                f"--tune: process {self.owner()} has settings of this host changed for its own run; wait for its end"
            )
        self._is_owner = True

    def _disown(self) -> None:
        self._lock.release()
        self._is_owner = False

    def _raise(self, name: str, before: int, value: int, run_id: str) -> dict[str, Any]:
        if self.leftover() is not None:
            # Its notes say what the settings were before anyone changed them, and must not be overwritten.
            raise HostError(f"--tune: {self._record} holds changes that could not be put back; see 'inv doctor'")
        change = {"name": name, "before": before, "set": value}
        document = {"format": 1, "pid": os.getpid(), "run_id": run_id, "changes": [change]}
        try:
            sync_folder(os.path.dirname(os.path.dirname(self._record)))
            write_durably(self._record, json.dumps(document).encode(), 0o644)
        except OSError as error:
            raise HostError(f"--tune: {self._record} cannot be written: {error.strerror}") from error
        try:
            self._write(name, value)
        except HostError:
            self._forget()
            raise
        return change

    def leftover(self) -> dict[str, Any] | None:
        """Return the record of changes not put back yet, None when there is none. Raises HostError when unreadable."""
        try:
            with open(self._record, "rb") as record:
                data = record.read(1 << 16)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HostError(f"{self._record}: {error.strerror}") from error
        try:
            document = json.loads(data)
            changes = [(str(each["name"]), int(each["before"]), int(each["set"])) for each in document["changes"]]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise HostError(
                f"{self._record}: is not a record of changes; check the settings, then remove it"
            ) from error
        return {
            "run_id": str(document.get("run_id")),
            "changes": [{"name": name, "before": before, "set": value} for name, before, value in changes],
        }

    def restore(self) -> list[dict[str, Any]]:
        """Put back everything the record names and remove it; returns {name, before, restored, reason} for each.

        A setting that somebody has changed since is left alone: `restored` is None and `reason` says so. So is what
        another process that lives has changed. Raises HostError when it cannot be done; the record stays then.
        """
        record = self.leftover()
        if record is None:
            if self._is_owner:
                self._disown()
            return []
        if not self._is_owner:
            try:
                self._own()
            except HostError:
                if self.owner() is not None:
                    return []
                raise
        try:
            return self._restore_all(record)
        finally:
            self._disown()

    def _restore_all(self, record: dict[str, Any]) -> list[dict[str, Any]]:
        events = [self._restore_one(name=c["name"], before=c["before"], value=c["set"]) for c in record["changes"]]
        self._forget()
        return events

    def _restore_one(self, name: str, before: int, value: int) -> dict[str, Any]:
        if name != MAX_MAP_COUNT:
            raise HostError(f"{self._record}: names '{name}', which is never changed; remove the file")
        now = self._read(name)
        if now == value:
            self._write(name, before)
            return {"name": name, "before": now, "restored": before, "reason": ""}
        reason = "" if now == before else f"it is {now} now, not the {value} set before: left alone"
        return {"name": name, "before": now, "restored": now if now == before else None, "reason": reason}

    def _path(self, name: str) -> str:
        return f"{self._sysctl_root}/{name.replace('.', '/')}"

    def _read(self, name: str) -> int:
        try:
            with open(self._path(name), "rb") as setting:
                return int(setting.read(100))
        except (OSError, ValueError) as error:
            raise HostError(f"{name} cannot be read: {error}") from error

    def _write(self, name: str, value: int) -> None:
        try:
            descriptor = os.open(self._path(name), os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
            try:
                os.write(descriptor, b"%d\n" % value)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise HostError(f"{name} cannot be set to {value}: {error.strerror}") from error
        if self._read(name) != value:
            raise HostError(f"{name} was set to {value}, but is {self._read(name)}")

    def _forget(self) -> None:
        try:
            os.unlink(self._record)
            sync_folder(os.path.dirname(self._record))
        except OSError as error:
            raise HostError(f"{self._record} cannot be removed: {error.strerror}") from error
