"""The limit on mappings, raised for a job and put back after it, also after a job that was killed.

What was changed is noted in a file before the change: /run is emptied by a reboot, exactly as the settings are. Beside
it lies a lock that whoever changed something holds until it is put back. The lease is not enough for that: containers
may share /run and the kernel's settings and yet not the lease, which is one a network namespace.
"""

from __future__ import annotations

import json
import os
from typing import Any

from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.workspace.agent_lock import AgentLock
from pageswap.agent.workspace.work_folder import sync_folder, write_durably
from pageswap.errors import HostError

RECORD = "/run/pageswap/tunables.json"
MAX_MAP_COUNT = "vm.max_map_count"


class Tunables:
    """Changes the limit on a host; the record names what must be put back, and to what."""

    def __init__(self, files: HostFiles | None = None, record: str = RECORD, *, may_change: bool | None = None) -> None:
        """Take the record's path; `may_change` is whether this user may, by default whether it is root."""
        self._files = files or HostFiles()
        self._record = record
        self._lock = AgentLock(os.path.join(os.path.dirname(record), "tunables.lock"))
        self.may_change = os.geteuid() == 0 if may_change is None else may_change

    def raise_to(self, limit: int, run_id: str) -> dict[str, Any] | None:
        """Raise the limit to at least `limit`, noted first; returns {name, before, set}, None when it is high enough.

        Raises HostError when it cannot be done.
        """
        before = self._limit()
        if before >= limit:
            return None
        if not self.may_change:
            raise HostError("--tune was asked for, but the agent is not root")
        change = {"name": MAX_MAP_COUNT, "before": before, "set": limit}
        self._take_lock()
        try:
            self._note({"format": 1, "pid": os.getpid(), "run_id": run_id, "changes": [change]})
            try:
                self._set(limit)
            except HostError:
                self._forget()
                raise
        except HostError:
            self._lock.release()
            raise
        return change

    def owner(self) -> int | None:
        """Return the id of the process that has settings changed now, None when there is none, or it has ended."""
        return self._lock.holder()

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
            changes = [
                {"name": str(each["name"]), "before": int(each["before"]), "set": int(each["set"])}
                for each in document["changes"]
            ]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            problem = "is not a record of changes; check the settings, then remove it"
            raise HostError(f"{self._record}: {problem}") from error
        return {"run_id": str(document.get("run_id")), "changes": changes}

    def restore(self) -> list[dict[str, Any]]:
        """Put back everything the record names and remove it; returns {name, before, restored, reason} for each.

        A limit that somebody has changed since is left alone: `restored` is None and `reason` says so. So is what
        another process that lives has changed. Raises HostError when it cannot be done; the record stays then.
        """
        record = self.leftover()
        if record is not None:
            try:
                self._take_lock()
            except HostError:
                if self.owner() is not None:
                    return []
                raise
        try:
            events = [self._put_back(change) for change in record["changes"]] if record else []
            if record:
                self._forget()
            return events
        finally:
            self._lock.release()

    def _take_lock(self) -> None:
        folder = os.path.dirname(self._record)
        try:
            os.makedirs(folder, exist_ok=True)
            # Everybody may see what is changed on the host, whatever the agent's umask.
            os.chmod(folder, 0o755)  # noqa: S103 - nothing secret is in it
        except OSError as error:
            raise HostError(f"--tune: {self._record} cannot be written: {error.strerror}") from error
        if not self._lock.take():
            raise HostError(
                f"--tune: process {self.owner()} has settings of this host changed for its own run; wait for its end"
            )

    def _note(self, document: dict[str, Any]) -> None:
        if self.leftover() is not None:
            # Its notes say what the limit was before anyone changed it, and must not be overwritten.
            raise HostError(f"--tune: {self._record} holds changes that could not be put back; see 'inv doctor'")
        try:
            sync_folder(os.path.dirname(os.path.dirname(self._record)))
            write_durably(self._record, json.dumps(document).encode(), 0o644)
        except OSError as error:
            raise HostError(f"--tune: {self._record} cannot be written: {error.strerror}") from error

    def _put_back(self, change: dict[str, Any]) -> dict[str, Any]:
        name, before = change["name"], change["before"]
        if name != MAX_MAP_COUNT:
            raise HostError(f"{self._record}: names '{name}', which is never changed; remove the file")
        now = self._limit()
        if now == change["set"]:
            self._set(before)
            return {"name": name, "before": now, "restored": before, "reason": ""}
        reason = "" if now == before else f"it is {now} now, not the {change['set']} set before: left alone"
        return {"name": name, "before": now, "restored": now if now == before else None, "reason": reason}

    def _limit(self) -> int:
        limit = self._files.setting(MAX_MAP_COUNT)
        if limit is None:
            raise HostError(f"{MAX_MAP_COUNT} cannot be read")
        return limit

    def _set(self, limit: int) -> None:
        try:
            self._files.change_setting(MAX_MAP_COUNT, limit)
        except OSError as error:
            raise HostError(f"{MAX_MAP_COUNT} cannot be set to {limit}: {error.strerror}") from error
        if self._limit() != limit:
            raise HostError(f"{MAX_MAP_COUNT} was set to {limit}, but is {self._limit()}")

    def _forget(self) -> None:
        try:
            os.unlink(self._record)
            sync_folder(os.path.dirname(self._record))
        except OSError as error:
            raise HostError(f"{self._record} cannot be removed: {error.strerror}") from error
