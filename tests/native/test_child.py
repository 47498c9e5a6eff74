"""A trial's own process: what it leaves, however it ends, and under which conditions it lives."""

from __future__ import annotations

import errno
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import child
import pytest
from refusing import in_child, refuse

from pageswap import native
from pageswap.errors import CoreError, MethodUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

CLOSE_RANGE = 436


def ended(process: native.TrialProcess, **conditions: Any) -> int:
    """Start a process, wait for its end and give its wait status."""
    _, status = os.waitpid(process.start(**conditions), 0)
    return status


def test_its_result_is_that_of_the_trial() -> None:
    """All of it comes through the shared memory: rounds, counters and the verdict."""
    process = native.TrialProcess(child.params(rounds=300))

    assert ended(process) == 0
    result = process.result()

    assert result is not None
    assert result.verified
    assert len(result.rounds_ns) == 300
    assert sum(result.rounds_ns) == result.elapsed_ns > 0
    assert set(result.counters) == set(native.COUNTERS)


def test_a_stamped_trial_tells_when_each_round_began() -> None:
    """By the clock that it is timed with, one after the other, each before it was timed; others tell nothing."""
    process = native.TrialProcess(child.params(rounds=300), is_stamped=True)
    before_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    assert ended(process) == 0
    after_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    result, begins_ns = process.result(), process.begins_ns()

    assert result
    assert len(begins_ns) == 300
    ends_ns = [begin_ns + round_ns for begin_ns, round_ns in zip(begins_ns, result.rounds_ns, strict=True)]
    borders_ns = [before_ns, *(ns for each in zip(begins_ns, ends_ns, strict=True) for ns in each), after_ns]
    assert borders_ns == sorted(borders_ns)
    assert native.TrialProcess(child.params(rounds=300)).begins_ns() == []


def test_an_error_of_the_trial_is_raised_here() -> None:
    """With the call and the errno, as from a trial in this process."""
    process = native.TrialProcess(child.params(page_bytes=5000))
    ended(process)

    with pytest.raises(CoreError) as caught:
        process.result()

    assert (caught.value.call, caught.value.errno_name) == ("page_bytes", "EINVAL")


def test_what_this_host_lacks_is_raised_here() -> None:
    """A trial on more CPUs than there are is refused in the child."""
    process = native.TrialProcess(child.params(threads=2, cpus=(0,), iterations=1000, region_bytes=child.MIB))
    ended(process)

    with pytest.raises(MethodUnavailableError, match="need as many CPUs"):
        process.result()


def test_one_that_is_killed_has_left_nothing() -> None:
    """Half a result must not pass for a whole one."""
    process = native.TrialProcess(child.params(region_bytes=512 * child.MIB, iterations=50_000_000))
    pid = process.start()
    time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)

    assert os.WTERMSIG(status) == signal.SIGKILL
    assert process.result() is None


def test_it_runs_on_the_cpus_it_was_allowed() -> None:
    """Also on those that its parent has left."""
    cpu = min(os.sched_getaffinity(0))
    process = native.TrialProcess(child.params())
    ended(process, cpus=(cpu,))
    result = process.result()

    assert result is not None
    assert result.cpu == cpu


def test_a_control_group_that_cannot_be_entered_is_an_error() -> None:
    """Measuring without the memory cap that was asked for would be another condition."""
    process = native.TrialProcess(child.params())
    ended(process, group="/proc/self/no-such-file")

    with pytest.raises(CoreError, match=r"write cgroup\.procs: ENOENT"):
        process.result()


def as_child(look: Callable[[], Any], **conditions: Any) -> Any:
    """Give what `look` sees in a process that was made a child, which knew a caught signal and an open file before."""

    def work() -> Any:
        signal.signal(signal.SIGUSR1, lambda *_: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        kept = os.open("/proc/self/maps", os.O_RDONLY)
        parent, reader, writer = os.getpid(), *os.pipe()
        if os.fork() == 0:
            # The answer goes over standard output, for it alone is left.
            os.dup2(writer, 1)
            try:
                native.enter_child(parent, **conditions)
                os.write(1, repr(look()).encode())
            except CoreError as error:
                os.write(1, repr(str(error)).encode())
            finally:
                os._exit(0)
        os.close(writer)
        os.close(kept)
        return os.read(reader, 1 << 16).decode()

    return in_child(work)


@pytest.mark.parametrize("kernel", ["that closes ranges", "before 5.9"])
def test_nothing_of_its_parents_is_open_in_it(kernel: str) -> None:
    """A lock held by a child would outlive its holder."""

    def look() -> list[str]:
        names = [path.name for path in Path("/proc/self/fd").iterdir()]
        return sorted(name for name in names if int(name) < 3 or _is_open(int(name)))

    if kernel == "before 5.9":

        def work() -> Any:
            refuse(CLOSE_RANGE, errno.ENOSYS)
            return as_child(look)

        assert in_child(work) == "['0', '1', '2']"
    else:
        assert as_child(look) == "['0', '1', '2']"


def _is_open(descriptor: int) -> bool:
    """Tell an open descriptor from the listing's own, closed by now."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_it_has_none_of_its_parents_signal_handlers() -> None:
    """Nor what the parent ignores or blocks: all would change what kills it. Two signals are no end of a trial."""

    def look() -> list[str]:
        status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return [status[name].strip() for name in ("SigBlk", "SigIgn", "SigCgt")]

    blocked, ignored, caught = eval(as_child(look))  # noqa: S307 - a repr of our own

    assert int(blocked, 16) == 0
    # A file that may not grow is an error to be told, and what is said to a whole batch job is for the agent to hear.
    assert int(ignored, 16) == sum(1 << (number - 1) for number in (signal.SIGXFSZ, signal.SIGTERM))
    # Those that the C library keeps to itself cannot be given back.
    assert int(caught, 16) & 0x7FFF_FFFF == 0


def test_it_is_the_first_to_be_killed_and_leads_a_group_of_its_own() -> None:
    """The OOM killer must not take the agent, nor a kill of the trial's group anything else."""

    def look() -> tuple[str, bool]:
        return Path("/proc/self/oom_score_adj").read_text().strip(), os.getpgid(0) == os.getpid()

    assert as_child(look) == "('1000', True)"


def test_a_fork_of_somebody_else_is_refused() -> None:
    """When the parent has died already nothing would ever kill the child."""

    def work() -> str:
        with pytest.raises(CoreError) as caught:
            native.enter_child(1)
        return str(caught.value)

    assert "ESRCH" in in_child(work)
