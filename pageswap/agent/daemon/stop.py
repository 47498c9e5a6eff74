"""Stops a running agent: after the trial in hand, or at once; one that does not listen is killed."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

from pageswap.errors import HostError

if TYPE_CHECKING:
    from pageswap.agent.workspace.agent_lock import AgentLock

# A stopped (SIGSTOP) or stuck agent never acts on SIGTERM; a healthy one needs what its child needs to be unmapped.
PATIENCE_S = 10.0


def stop(lock: AgentLock, how: str, *, patience_s: float = PATIENCE_S) -> dict[str, Any]:
    """Ask the agent to drain, or kill it with its trial; returns {"pid": asked or None, "alive": still there}.

    Raises HostError when `how` is neither, or the agent is not this user's.
    """
    numbers = {"drain": signal.SIGUSR1, "kill": signal.SIGTERM}
    if how not in numbers:
        raise HostError(f"stop: how is {how!r}, expected drain or kill")
    pid = lock.holder()
    if pid is None:
        return {"pid": None, "alive": False}
    _send(lock, pid, numbers[how])
    if how == "kill" and not _ends(lock, pid, patience_s):
        _send(lock, pid, signal.SIGKILL)
        _ends(lock, pid, patience_s)
    return {"pid": pid, "alive": lock.holder() == pid}


def _send(lock: AgentLock, pid: int, number: signal.Signals) -> None:
    """Signal the agent and nothing that got its number: the handle is taken first, then the lock asked again."""
    handle = -1
    try:
        try:
            handle = os.pidfd_open(pid)
        except (AttributeError, OSError) as error:
            if isinstance(error, ProcessLookupError):
                return
        if lock.holder() == pid:
            if handle < 0:  # The kernel is older than 5.3, or Python was built on one.
                os.kill(pid, number)
            else:
                signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        pass  # It has ended meanwhile.
    except PermissionError as error:
        raise HostError(f"agent {pid} belongs to another user; ask them, or stop it as root") from error
    finally:
        if handle >= 0:
            os.close(handle)


def _ends(lock: AgentLock, pid: int, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while lock.holder() == pid:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
