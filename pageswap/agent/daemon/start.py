"""Starts a detached agent, and its keeper: whatever ends the agent, nothing of it and what it set stays on the host."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import sys
import traceback
from typing import IO, TYPE_CHECKING, Any

from pageswap.agent.daemon.follow import FollowedMark, has_gone
from pageswap.agent.daemon.session import Session, log, restore_settings
from pageswap.agent.host import cgroup
from pageswap.agent.journal.job import Job, job_from_json
from pageswap.agent.journal.line_fields import utc_now
from pageswap.agent.trial.child_watcher import StopSignals, become_subreaper, fork, kill_and_reap
from pageswap.agent.workspace import host_lease
from pageswap.agent.workspace.agent_lock import DRAIN, KILL, AgentLock
from pageswap.agent.workspace.work_folder import WorkFolder, private_folder, user_name, write_durably
from pageswap.errors import HostError, PageswapError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.agent.daemon.host_context import HostContext

_WAIT_S = 0.2
# Killing a trial, writing its row and putting settings back; past this a silent agent hangs.
_GRACE_S = 120.0
_LOOK_S = 15.0
_EXIT_S = 60.0


def start(
    work: WorkFolder, document: dict[str, Any], context: HostContext, say: Callable[[dict[str, Any]], None]
) -> None:
    """Detach an agent for the job and say {"pid"}, or {"held_by"}, or first {"waiting_for"} when the job may wait.

    Asking again while it runs says its pid. Raises HostError when the job is not one, its segment ran already, or the
    agent could not be brought up.
    """
    the_job = job_from_json(document)
    context.check()
    private_folder(work.path)
    running = AgentLock(work.lock).holder()
    if running is not None:
        say({"pid": running})
        return
    if os.path.exists(work.journal):
        raise HostError(f"{work.path}: this segment has run already; use another segment number")
    try:
        write_durably(work.job, json.dumps(document, separators=(",", ":")).encode())
    except OSError as error:
        raise HostError(f"{work.job}: {error.strerror}; look at space and permissions there") from error
    read, write = os.pipe2(os.O_CLOEXEC)
    sys.stdout.flush()
    middle = fork()
    if middle == 0:
        _detach(the_job, work, context, write)
    os.close(write)
    os.waitpid(middle, 0)
    with os.fdopen(read, "rb", buffering=0) as words:
        _relay(words, work, say)


def _relay(words: IO[bytes], work: WorkFolder, say: Callable[[dict[str, Any]], None]) -> None:
    """Pass on what the agent says until it has decided; leaving early makes a waiting agent give up."""
    poller = select.poll()
    poller.register(words, select.POLLIN)
    poller.register(1, 0)
    word = {"waiting_for": None}
    while "waiting_for" in word:
        if words.fileno() not in dict(poller.poll()):
            raise HostError("whoever asked for the start has gone")
        line = words.readline()
        if not line.endswith(b"\n"):
            raise HostError(f"the agent died while it started; its log says: {work.log_tail() or 'nothing'}")
        word = json.loads(line)
        if "error" in word:
            raise HostError(word["error"])
        say(word)


def _detach(the_job: Job, work: WorkFolder, context: HostContext, write: int) -> None:
    """Become a daemon: no terminal, no session of the starter's, no descriptor of its but the pipe; never returns.

    The daemon's child is the agent, the daemon itself its keeper.
    """
    status = 1
    try:
        os.setsid()
        if fork():
            os._exit(0)
        os.chdir("/")
        os.umask(0o077)
        nothing = os.open(os.devnull, os.O_RDWR)
        output = os.open(work.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        for name in os.listdir("/proc/self/fd"):
            if int(name) > 2 and int(name) != write:  # noqa: PLR2004 - standard error
                os.closerange(int(name), int(name) + 1)  # which does not mind the listing's own, closed already
        starting = Starting(write)
        status = keep(the_job, work, context, lambda: starting.run(the_job, work, context), pipe=write)
    except HostError as error:
        os.write(write, json.dumps({"error": str(error)}).encode() + b"\n")
    except BaseException:  # noqa: BLE001 - the log is the last one to hear of it
        traceback.print_exc()
    finally:
        os._exit(status)


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
    that does not end by itself `grace_s` after it had to is killed; that is looked for every `look_s`. A request to
    stop is passed on.
    """
    become_subreaper()
    heard = (signal.SIGCHLD, DRAIN, KILL)
    former = signal.pthread_sigmask(signal.SIG_BLOCK, heard)
    pid = fork()
    if pid == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
        return agent()
    os.close(pipe)
    allowed_s = the_job.lease_s + max((trial.timeout_s for trial in the_job.trials), default=0.0) + grace_s
    mark: FollowedMark | None = None
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        told = signal.sigtimedwait(heard, look_s)
        if told is not None and told.si_signo != signal.SIGCHLD:
            os.kill(pid, told.si_signo)
        if mark is None:
            # Before its journal begins an agent may wait for the lease, as long as its starter does.
            if os.path.exists(work.journal) and os.path.exists(work.followed):
                mark = FollowedMark(work.followed)
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


class Starting:
    """The agent while its starter still listens."""

    def __init__(self, pipe: int) -> None:
        """Take where its words go: a pipe, or a file for whoever looks into it."""
        self._pipe = pipe

    def run(self, the_job: Job, work: WorkFolder, context: HostContext) -> int:
        """Measure, and return the exit status of the process."""
        with StopSignals() as signals:
            try:
                return self._run(the_job, work, context, signals)
            except PageswapError as error:
                log(f"ended early: {error}")
                self._say({"error": str(error)})
            except Exception as error:  # noqa: BLE001 - a person reads one sentence, the log has the rest
                traceback.print_exc()
                self._say({"error": f"the agent failed: {type(error).__name__}: {error}; see {work.log}"})
            return 1

    def _run(self, the_job: Job, work: WorkFolder, context: HostContext, signals: StopSignals) -> int:
        # A crashed trial would write its whole region to the disk.
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        lock = AgentLock(work.lock)
        if not lock.take():
            raise HostError(f"{work.path}: another agent has just started here; ask again")
        log(f"agent {os.getpid()} for run {the_job.run_id} segment {the_job.segment}: {len(the_job.trials)} trials")
        held = self._lease(the_job, context, signals)
        if not isinstance(held, host_lease.Lease):
            # Before the word: whoever hears it may start the next one here at once, and would be told of this one.
            lock.release()
            if held:
                self._say({"held_by": held})
            return 1
        # What cannot be had (a core that does not load) is the starter's to hear: before the word that all is well.
        session = Session(the_job, work, context, signals, held)
        self._say({"pid": os.getpid()})
        os.close(self._pipe)
        self._pipe = -1
        session.run()
        held.close()
        lock.release()
        return 0

    def _lease(
        self, the_job: Job, context: HostContext, signals: StopSignals
    ) -> host_lease.Lease | dict[str, Any] | None:
        """Take the lease, waiting for it if the job may; else return who holds it, None when its starter has gone."""
        me = {
            "pid": os.getpid(),
            "user": user_name(os.geteuid()),
            "run_id": the_job.run_id,
            "since": utc_now(),
        }
        told: dict[str, Any] | None = None
        while True:
            held = host_lease.take(me, context.lease_name, patience_s=0.0 if told else context.lease_patience_s)
            if isinstance(held, host_lease.Lease):
                return held
            log(f"the host is measured by {host_lease.describe(held)}")
            if the_job.ignore_lease:
                if os.geteuid():
                    raise HostError(f"--ignore-lease: only root may measure beside {host_lease.describe(held)}")
                if not AgentLock(f"{context.tunables.make_folder()}/lease.lock").take():
                    raise HostError("--ignore-lease: another run of root's ignores the lease already; wait for its end")
                return host_lease.take_beside(me, context.lease_name)
            if not the_job.wait:
                return held
            # A holder that is just dying says no run: nobody new.
            if told is None or (held["run_id"] is not None and told != held):
                self._say({"waiting_for": held})
                told = held
            if has_gone(self._pipe, _WAIT_S):
                return None
            if signals.requested:
                raise HostError("stopped while waiting for the lease")
            me["since"] = utc_now()

    def _say(self, word: dict[str, Any]) -> None:
        # Where the starter has gone the log has it.
        with contextlib.suppress(OSError):
            if self._pipe >= 0:
                os.write(self._pipe, json.dumps(word).encode() + b"\n")
