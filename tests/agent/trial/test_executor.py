"""Every way a trial can end, made to happen in a real child process, gets its own status and reason."""

from __future__ import annotations

import dataclasses
import errno
import os
import re
import resource
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from agent import fake_core
from agent.harness import UNIQUE, Host, make_trial, wait_until
from requirement import require

from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.host.readers import measured_cpus
from pageswap.agent.journal import job
from pageswap.agent.journal.line_fields import FIELDS_FROM_COUNTERS, MEASURES
from pageswap.agent.trial.child_watcher import ChildWatcher, StopSignals
from pageswap.agent.trial.core_calls import ForkedCall
from pageswap.agent.trial.executor import Executor, TrialOutcome
from pageswap.agent.trial.preflight import Preflight
from pageswap.agent.workspace.agent_lock import DRAIN, KILL
from pageswap.errors import CoreError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def signals() -> Iterator[StopSignals]:
    """Listen as the agent does."""
    with StopSignals() as signals:
        yield signals


@pytest.fixture
def run(signals: StopSignals) -> Executor:
    """Make an executor of fake trials."""
    core = fake_core.fake_core()
    return Executor(core, ChildWatcher(signals), Preflight([], HostFiles()))


def _nothing_measured(outcome: TrialOutcome) -> bool:
    return {outcome.measures[name] for name in MEASURES} == {None}


def test_a_good_trial_is_ok_with_all_its_measures(run: Executor) -> None:
    """What the core measured comes out as it was."""
    outcome = run.run(make_trial("good"))

    assert (outcome.status, outcome.reason) == (job.OK, "")
    measured = fake_core.result(make_trial("good"), cpu=None)
    expected = {name: measured[name] for name in (*MEASURES, "counters")}
    assert {name: outcome.measures[name] for name in expected} == expected


def test_a_trial_that_does_not_verify_is_corrupt_and_keeps_its_times(run: Executor) -> None:
    """The first wrong page becomes the reason."""
    outcome = run.run(make_trial("corrupt"))

    assert (outcome.status, outcome.reason) == (job.CORRUPT, "verification: slot 3 is wrong")
    assert outcome.measures["elapsed_ns"] == 1000


@pytest.mark.parametrize("loadavg", ["0.25 0.5 0.1 1/99 7\n", "", "?\n"])
def test_the_load_is_read_before_and_after(signals: StopSignals, tmp_path: Path, loadavg: str) -> None:
    """Each time anew; what a host does not tell is None, never 0."""
    (tmp_path / "proc").mkdir()
    now = tmp_path / "proc" / "loadavg"
    now.write_text(loadavg)

    class Busier(fake_core.FakeTrial):
        def start(self, **limits: object) -> int:
            now.write_text(loadavg.replace("0.25", "1.50"))
            return super().start(**limits)

    core = fake_core.fake_core()
    busier = dataclasses.replace(core, trial=lambda trial, cpus: Busier(core, trial, cpus))
    measures = (
        Executor(busier, ChildWatcher(signals), Preflight([], HostFiles(str(tmp_path))))
        .run(make_trial("segv"))
        .measures
    )

    expected = (0.25, 1.5) if loadavg.startswith("0") else (None, None)
    assert expected == (measures["load1_before"], measures["load1_after"])


def test_the_counters_with_fields_of_their_own_are_taken_out(run: Executor) -> None:
    """So that nothing is there twice; what the core does not count is None."""
    measures = run.run(make_trial("counted")).measures

    assert {"steal_ns": 7} == measures["counters"]
    assert (3_000_000, None, 0) == tuple(measures[name] for name in FIELDS_FROM_COUNTERS)


def test_a_row_of_an_agent_tells_what_ran_it(host: Host) -> None:
    """Also that of a trial that did not run says what would have run it."""
    host.start(make_trial("counted"), make_trial("absent"))
    host.finish()
    measured, refused = host.trials()

    assert (measured["build"], measured["core_hash"]) == ("host", "0" * 64)
    assert measured["counters"] == {"steal_ns": 7}
    assert measured["cpu_khz_before"] == 3_000_000
    assert measured["load1_before"] >= 0.0
    assert measured["load1_after"] >= 0.0
    assert (refused["build"], refused["load1_before"], refused["throttle_count"]) == ("host", None, None)


@pytest.mark.parametrize(
    ("method", "status", "reason"),
    [
        ("mremap_enomem", job.FAILED, "mremap: ENOMEM: iteration 7"),
        ("mmap_enomem", job.OOM, "mmap (region): ENOMEM; a trial of this size is allowed"),
        ("fill_memory", job.OOM, "mmap (memory): ENOMEM; a trial of this size is allowed"),
        ("no_device", job.UNAVAILABLE, "no /dev/thing; load the thing module"),
        ("segv", job.KILLED, "SIGSEGV"),
        ("cpu_limit", job.UNAVAILABLE, "SIGXCPU: this host's limit on CPU time (ulimit -t) ended it; raise that,"),
        ("sigkill", job.KILLED, "SIGKILL from outside"),
        ("exit", job.FAILED, "the trial's process ended with exit status 3 and no result"),
    ],
)
def test_each_end_has_its_status_and_reason_and_measures_nothing(
    run: Executor, method: str, status: str, reason: str
) -> None:
    """Errors of the core, signals, exits and memory are told apart."""
    outcome = run.run(make_trial(method))

    assert outcome.status == status
    assert outcome.reason.startswith(reason)
    assert _nothing_measured(outcome)


def test_a_process_that_cannot_be_made_is_a_failed_trial(signals: StopSignals) -> None:
    """A host that is out of processes has an answer for this trial, and perhaps a process for the next one."""

    class Barren:
        def start(self, **_: object) -> int:
            raise CoreError("fork", errno.EAGAIN, "EAGAIN")

        def result(self) -> None:
            raise AssertionError

    core = dataclasses.replace(fake_core.fake_core(), trial=lambda *_: Barren())

    outcome = Executor(core, ChildWatcher(signals), Preflight([], HostFiles())).run(make_trial("good"))

    assert outcome.status == job.FAILED
    assert outcome.reason.startswith("the trial's process could not be made: fork: EAGAIN; raise the number that this")
    assert _nothing_measured(outcome)


def test_one_end_does_not_touch_the_next_trial(run: Executor) -> None:
    """After a crash, a hang and a full memory the same executor still measures."""
    for method in ("segv", "fill_memory", "exit"):
        run.run(make_trial(method))

    assert run.run(make_trial("good")).status == job.OK


def _children() -> set[str]:
    """Name this process's children, dead ones that nobody waited for among them."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_a_hanging_trial_is_a_timeout_and_its_whole_group_dies(run: Executor) -> None:
    """The deadline kills the child, although it ignores SIGTERM, and what the child had started."""
    before = _children()
    outcome = run.run(make_trial("hang_with_grandchild", seed=UNIQUE, timeout_s=0.5))

    assert outcome.status == job.TIMEOUT
    assert outcome.reason == "did not end within 0.5 s; its processes were killed"
    wait_until(lambda: not fake_core.processes_with(str(UNIQUE)), "the grandchild's death")
    wait_until(lambda: not _children() - before, "the end of every fork")


def test_a_good_trial_leaves_no_grandchild_and_is_not_held_up_by_it(run: Executor) -> None:
    """A grandchild that goes on neither delays the result nor lives on."""
    outcome = run.run(make_trial("leave_grandchild", seed=UNIQUE))

    assert outcome.status == job.OK
    wait_until(lambda: not fake_core.processes_with(str(UNIQUE)), "the grandchild's death")


def test_a_kill_request_interrupts_the_trial(run: Executor, signals: StopSignals) -> None:
    """SIGUSR2 to the agent ends the child at once."""
    _after(0.3, KILL)

    outcome = run.run(make_trial("hang"))

    assert outcome.status == job.INTERRUPTED
    assert signals.requested == "killed"


def test_a_drain_request_lets_the_trial_finish(run: Executor, signals: StopSignals) -> None:
    """SIGTERM to the agent during a trial changes nothing about that trial."""
    _after(0.1, DRAIN)

    outcome = run.run(make_trial("slow"))

    assert outcome.status == job.OK
    assert signals.requested == "drained"


def _after(seconds: float, number: int) -> None:
    """Send this process a signal later, from a process of its own: forking beside a thread is what we never do."""
    me = os.getpid()
    if os.fork() == 0:
        if os.fork() == 0:
            signal.set_wakeup_fd(-1)
            threading.Event().wait(seconds)
            os.kill(me, number)
        os._exit(0)
    os.wait()


def test_the_child_has_none_of_the_agents_descriptors(run: Executor, tmp_path: Path) -> None:
    """Nothing is open in a trial: the lease, the lock and the journal die with the agent."""
    with (tmp_path / "journal").open("w"):
        outcome = run.run(make_trial("descriptors"))

    assert outcome.reason == "verification: "


def test_the_child_may_use_the_cpus_the_agent_has_left(signals: StopSignals) -> None:
    """An agent that moved away from the measured CPU does not lock its trials out of it."""
    allowed = os.sched_getaffinity(0)
    require("cpus", len(allowed) > 1, "needs two CPUs")
    core = fake_core.fake_core()
    cpus, rest = measured_cpus(HostFiles(), 1)
    watcher = ChildWatcher(signals, allowed_cpus=allowed)
    os.sched_setaffinity(0, rest)
    try:
        outcome = Executor(core, watcher, Preflight([], HostFiles()), cpus=cpus).run(make_trial("affinity"))
    finally:
        os.sched_setaffinity(0, allowed)

    assert outcome.reason == f"verification: {sorted(allowed)}"
    assert outcome.measures["cpu"] == max(allowed)
    assert max(allowed) not in rest


def test_a_trial_dies_with_a_killed_agent(tmp_path: Path) -> None:
    """Kill -9 of the agent leaves no child behind."""
    mark = tmp_path / "child"
    agent = os.fork()
    if agent == 0:
        core = fake_core.fake_core()
        with StopSignals() as signals:
            work = ForkedCall(core, lambda: (mark.write_text(str(os.getpid())), signal.pause()))
            ChildWatcher(signals).run(work, timeout_s=60)
        os._exit(0)
    wait_until(lambda: mark.exists() and mark.read_text(), "the trial's start")
    child = int(mark.read_text())

    os.kill(agent, signal.SIGKILL)
    os.waitpid(agent, 0)

    wait_until(lambda: not Path(f"/proc/{child}").exists() or _is_zombie(child), "the trial's death")


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_the_memory_cap_holds_for_the_child_alone(run: Executor) -> None:
    """The limit that stopped a trial is not the agent's own."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    run.run(make_trial("fill_memory"))

    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_without_a_control_group_a_cap_bounds_addresses(signals: StopSignals) -> None:
    """At twice the cap: a region may be mapped twice. Without a cap the same trial gets what its size needs."""
    core = fake_core.fake_core()
    watcher = ChildWatcher(signals)
    capped = Executor(core, watcher, Preflight([], HostFiles(), memory_cap_bytes=64 << 20))
    trial = make_trial("fill_memory", region_size=8 << 30)
    now_mib = int(HostFiles().text("/proc/self/statm").split()[0]) * 4 >> 10

    outcome = capped.run(trial)

    assert outcome.status == job.OOM
    allowed_mib = int(re.search(r"is allowed ([\d,]+) MiB of addresses", outcome.reason)[1].replace(",", ""))
    assert allowed_mib == pytest.approx(now_mib + 2 * 64 + 256, abs=64)


def test_the_oom_killer_is_told_from_other_kills(signals: StopSignals) -> None:
    """SIGKILL while the kernel counts an OOM kill in the trial's control group is `oom`."""
    parent = Path("/sys/fs/cgroup/memory")
    limit = "memory.limit_in_bytes"
    if not (parent / limit).exists():
        parent, limit = Path("/sys/fs/cgroup"), "memory.max"
    group = parent / "pageswap-test-oom"
    require("cgroup", os.geteuid() == 0 and os.access(parent, os.W_OK), "needs root and a writable memory cgroup")
    try:
        group.mkdir(exist_ok=True)
        (group / limit).write_text(str(512 << 20))
    except OSError as error:
        require("cgroup", present=False, reason=f"no memory cgroup can be made: {error}")
    here = _own_group(parent, group)
    (group / "cgroup.procs").write_text(str(os.getpid()))
    try:
        core = fake_core.fake_core()
        # Its cap of addresses is far above the group's limit: only the OOM killer can stop it.
        trial = make_trial("fill_memory", region_size=4 << 30)
        outcome = Executor(core, ChildWatcher(signals), Preflight([], HostFiles())).run(trial)
    finally:
        (here / "cgroup.procs").write_text(str(os.getpid()))
        group.rmdir()

    assert outcome.status == job.OOM
    assert "OOM killer" in outcome.reason


def _own_group(parent: Path, group: Path) -> Path:
    """Find the group to return to."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if ("memory" in controllers.split(",")) == (parent.name == "memory") and (controllers or parent != group):
            return parent / path.lstrip("/")
    return parent
