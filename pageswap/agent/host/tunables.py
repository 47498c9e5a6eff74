"""Settings of the kernel, changed for a job and put back after it, also after a job that was killed.

What was changed is noted in a file before the change. It lies in devtmpfs, of which a kernel has one, as it has one of
each setting: containers have a /run and a lease of their own, but find the same file there, and a reboot empties it, as
it takes the change back. Beside it lies a lock that whoever changed something holds until it is put back.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
from typing import TYPE_CHECKING, Any

from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.host.settings import is_changed_here, set_value, suffices, value_of
from pageswap.agent.workspace.agent_lock import AgentLock
from pageswap.agent.workspace.work_folder import sync_folder, write_durably
from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Mapping

_FOLDER = "pageswap"
# Several settings of each CPU.
_LONGEST_RECORD = 1 << 20
# fsopen(2), fsconfig(2) and fsmount(2), of Linux 5.2, and what they are told; a C library may not have them yet.
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_CLOEXEC, _CMD_CREATE = 1, 6


class Tunables:
    """Changes settings of a host; the record names what must be put back, and to what."""

    def __init__(
        self, files: HostFiles | None = None, folder: str | None = None, *, may_change: bool | None = None
    ) -> None:
        """Take the folder for the record; `may_change` is whether this user may, by default whether it is root.

        Without a folder it is the host's own, which is looked for when it is needed.
        """
        self._files = files or HostFiles()
        self._given = folder
        self.may_change = os.geteuid() == 0 if may_change is None else may_change

    @functools.cached_property
    def _folder(self) -> str:
        return self._given or host_folder()

    @functools.cached_property
    def _record(self) -> str:
        return f"{self._folder}/tunables.json"

    @functools.cached_property
    def _lock(self) -> AgentLock:
        return AgentLock(f"{self._folder}/tunables.lock")

    def make_folder(self) -> str:
        """Make the folder for what all agents of root's must know, and return it. Raises HostError."""
        try:
            os.makedirs(self._folder, exist_ok=True)
            # Everybody may see what is changed on the host, whatever the agent's umask.
            os.chmod(self._folder, 0o755)  # noqa: S103 - nothing secret is in it
        except OSError as error:
            raise HostError(f"{self._folder} cannot be made: {error.strerror}") from error
        return self._folder

    def change_to(self, wanted: Mapping[str, int | str], run_id: str) -> list[dict[str, Any]]:
        """Change settings, noted first, a limit where it is lower; returns {name, before, set} of each changed one.

        One that cannot be changed keeps no other from it: of it `set` is None, and `reason` says why.
        """
        planned = [plan for name, value in wanted.items() if (plan := self._plan(name, value))]
        changes = [plan for plan in planned if plan["set"] is not None]
        refused = [plan for plan in planned if plan["set"] is None]
        if not changes:
            return refused
        try:
            self._begin(changes, run_id)
        except HostError as error:
            return refused + [_refused(change["name"], change["before"], error) for change in changes]
        outcomes = [self._change(**change) for change in changes]
        done = [outcome for outcome in outcomes if outcome["set"] is not None]
        if len(done) < len(changes):
            # The longer record does no harm: what has its former value is not changed.
            with contextlib.suppress(HostError):
                self._keep(done, run_id)
        if not done:
            self._lock.release()
        return refused + outcomes

    def _plan(self, name: str, value: int | str) -> dict[str, Any] | None:
        """Return a change as `change_to` does, None where it needs none."""
        try:
            before = value_of(self._files, name)
        except HostError as error:
            return _refused(name, None, error)
        return None if suffices(name, before, value) else {"name": name, "before": before, "set": value}

    def _begin(self, changes: list[dict[str, Any]], run_id: str) -> None:
        """Take the lock and note what will be changed; raises HostError, and then nothing is held."""
        if not self.may_change:
            raise HostError("--tune was asked for, but the agent is not root")
        self._take_lock()
        with contextlib.ExitStack() as undoing:
            undoing.callback(self._lock.release)
            if self.leftover() is not None:
                # Its notes say what a setting was before anyone changed it, and must not be overwritten.
                raise HostError(f"--tune: {self._record} holds changes that could not be put back; see 'inv doctor'")
            self._keep(changes, run_id)
            undoing.pop_all()

    def _change(self, name: str, before: int | str, set: int | str) -> dict[str, Any]:  # noqa: A002 - the record's word
        try:
            set_value(self._files, name, set)
        except HostError as error:
            # The kernel may have made something else of it.
            with contextlib.suppress(HostError):
                if value_of(self._files, name) != before:
                    set_value(self._files, name, before)
            return _refused(name, before, error)
        return {"name": name, "before": before, "set": set}

    def owner(self) -> int | None:
        """Return the id of the process that has settings changed now, None when there is none, or it has ended."""
        return self._lock.holder()

    def leftover(self) -> dict[str, Any] | None:
        """Return {run_id, changes: [{name, before, set}]} of what is not put back yet, None when nothing is.

        Raises HostError when the record cannot be read, or names what is never changed.
        """
        try:
            with open(self._record, "rb") as record:
                data = record.read(_LONGEST_RECORD)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HostError(f"{self._record}: {error.strerror}") from error
        try:
            document = json.loads(data)
            first, *rest = document["changes"]
            changes = [{name: change[name] for name in ("name", "before", "set")} for change in (first, *rest)]
            found = {"run_id": str(document.get("run_id")), "changes": changes}
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            problem = "is not a record of changes; check the settings, then remove it"
            raise HostError(f"{self._record}: {problem}") from error
        for change in changes:
            if not is_changed_here(change):
                raise HostError(f"{self._record}: names '{change['name']}', which is never changed; remove the file")
        return found

    def restore(self) -> list[dict[str, Any]]:
        """Put back what the record names, last first, and remove it; returns [{name, before, restored, reason}], or [].

        A setting that somebody has changed since is left alone: `restored` is None and `reason` says so. So is what
        another process that lives has changed. Raises HostError when it cannot be done; the record then keeps what is
        left to do.
        """
        try:
            record = self.leftover()
            if record is None:
                return []
            try:
                self._take_lock()
            except HostError:
                if self.owner() is not None:
                    return []
                raise
            problems: dict[str, str] = {}
            undone = [self._put_back(**change, problems=problems) for change in reversed(record["changes"])]
            self._keep([change for change in record["changes"] if change["name"] in problems], record["run_id"])
            if problems:
                raise HostError("; ".join(f"{name} {problem}" for name, problem in problems.items()))
            return [event for event in undone if event]
        finally:
            self._lock.release()

    def _put_back(
        self,
        name: str,
        before: int | str,
        set: int | str,  # noqa: A002 - the record's word
        problems: dict[str, str],
    ) -> dict[str, Any] | None:
        """Return what became of a change, None when it cannot be undone, and then it is among the problems."""
        try:
            now = value_of(self._files, name)
            if now == set:
                set_value(self._files, name, before)
        except HostError as error:
            problems[name] = str(error)
            return None
        is_anothers = now not in (set, before)
        reason = f"it is {now} now, not the {set} set before: left alone" if is_anothers else ""
        return {"name": name, "before": now, "restored": None if is_anothers else before, "reason": reason}

    def _take_lock(self) -> None:
        self.make_folder()
        if not self._lock.take():
            raise HostError(
                f"--tune: process {self.owner()} has settings of this host changed for its own run; wait for its end"
            )

    def _keep(self, changes: list[dict[str, Any]], run_id: str) -> None:
        """Have the record name these changes, and no record be there where there are none; raises HostError."""
        note = {"format": 1, "pid": os.getpid(), "run_id": run_id, "changes": changes}
        try:
            if changes:
                sync_folder(os.path.dirname(self._folder))
                write_durably(self._record, json.dumps(note).encode(), 0o644)
            else:
                os.unlink(self._record)
                sync_folder(self._folder)
        except OSError as error:
            how = "written" if changes else "removed"
            raise HostError(f"{self._record} cannot be {how}: {error.strerror}") from error


def _refused(name: str, before: int | str | None, error: HostError) -> dict[str, Any]:
    return {"name": name, "before": before, "set": None, "reason": str(error)}


def host_folder(name: str = _FOLDER) -> str:
    """Return a folder of that name that every mount namespace of this kernel has: in devtmpfs, else in /run.

    A container's root, who may change the settings, reaches devtmpfs by a mount that is attached nowhere: the path
    leads through a descriptor of this process, which stays open.
    """
    # A source may be called "-", too, and of a long list the end is cut.
    mounts = [line.partition(" - ") for line in (HostFiles().text("/proc/self/mountinfo") or "").splitlines()]
    on_dev = [right.split()[:1] for left, _, right in mounts if left.split()[4:5] == ["/dev"]]
    if on_dev[-1:] == [["devtmpfs"]]:
        return f"/dev/{name}"
    mounted = _mounted_devtmpfs()
    return f"/run/{name}" if mounted < 0 else f"/proc/self/fd/{mounted}/{name}"


def _mounted_devtmpfs() -> int:
    """Open devtmpfs without attaching it to a folder; -1 where this user or this kernel cannot."""
    try:
        import ctypes
    except ImportError:
        return -1
    call = ctypes.CDLL(None).syscall
    opened = call(_FSOPEN, b"devtmpfs", _CLOEXEC)
    if opened < 0:
        return -1
    try:
        return -1 if call(_FSCONFIG, opened, _CMD_CREATE, None, None, 0) else int(call(_FSMOUNT, opened, _CLOEXEC, 0))
    finally:
        os.close(opened)
