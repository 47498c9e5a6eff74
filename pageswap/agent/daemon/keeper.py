"""Keeps watch over an agent: whatever ends it, none of its processes and none of its settings stay on the host."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from pageswap.agent.daemon.session import log, restore_settings
from pageswap.agent.host import cgroup
from pageswap.agent.trial.descendants import become_subreaper, kill_and_reap
from pageswap.agent.workspace.followed_mark import FollowedMark

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.agent.daemon.host_context import HostContext
    from pageswap.agent.journal.job import Job
    from pageswap.agent.workspace.work_folder import WorkFolder

# Killing a trial, writing its row and putting settings back; past this a silent agent hangs.
_GRACE_S = 120.0
_LOOK_S = 15.0
_EXIT_S = 60.0


def keep(  # noqa: PLR0913 - what is kept, and the patience that a test shortens
    the_job: Job,
    work: WorkFolder,
    context: HostContext,
    agent: Callable[[], int],
    *,
    pipe: int,
    look_s: float = _LOOK_S,
    grace_s: float = _GRACE_S,
) -> int:
    """Run `agent` in a child and wait for it; returns its exit status.

    An agent that is killed takes its trial along, but not what that trial has started, nor does it put settings back:
    both is done here, and `pipe`, the agent's word to its starter, is closed here. An agent that nobody follows and
    that does not end by itself `grace_s` after it had to is killed; that is looked for every `look_s`.
    """
    become_subreaper()
    pid = os.fork()
    if pid == 0:
        return agent()
    os.close(pipe)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    allowed_s = the_job.lease_s + max((trial.timeout_s for trial in the_job.trials), default=0.0) + grace_s
    mark: FollowedMark | None = None
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        signal.sigtimedwait([signal.SIGCHLD], look_s)
        if mark is None:
            # Before its journal begins an agent may wait for the lease, as long as its starter does.
            if os.path.exists(work.journal) and os.path.exists(work.followed):
                mark = FollowedMark(work.followed, is_new=False)
        elif mark.idle_s() > allowed_s:
            log(f"agent {pid} should have ended by itself and has not: killed")
            os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if not kill_and_reap(_EXIT_S):
        log("some of the agent's processes cannot be killed; this host needs a reboot")
    if os.WIFEXITED(status):
        return os.WEXITSTATUS(status)
    log(f"agent {pid} was killed by signal {os.WTERMSIG(status)}")
    cgroup.sweep(context.files)
    restore_settings(context.tunables, "what it had changed")
    return 1
