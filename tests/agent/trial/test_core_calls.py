"""The real C core through the agent: what it measures arrives, in a child, with the agent's words."""

from __future__ import annotations

import json
import mmap
import os
import resource
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import filtered as filters
import pytest
from agent.harness import make_trial
from requirement import require

from pageswap import native
from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.host.readers import measured_cpus
from pageswap.agent.host_words import misfit
from pageswap.agent.journal import job
from pageswap.agent.journal.line_fields import MEASURES, METHODS
from pageswap.agent.trial.child_watcher import ChildWatcher, StopSignals
from pageswap.agent.trial.core_calls import ForkedCall, native_core
from pageswap.agent.trial.executor import Executor
from pageswap.agent.trial.preflight import Preflight
from pageswap.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.agent.trial.core_calls import CoreCalls

BACKINGS = {backing.name: backing for backing in native.backings()}


@pytest.fixture
def core() -> CoreCalls:
    """Load the compiled core."""
    try:
        return native_core()
    except ImportError as error:
        require("core", present=False, reason=f"the core is not built: {error}")
        raise


def test_a_real_trial_is_ok_and_fully_measured(core: CoreCalls) -> None:
    """On the last CPU allowed."""
    cpus, _ = measured_cpus(HostFiles(), 1)
    with StopSignals() as signals:
        watcher = ChildWatcher(signals)
        outcome = Executor(core, watcher, Preflight([], HostFiles()), cpus=cpus).run(make_trial("memcpy"))

    assert (outcome.status, outcome.reason) == (job.OK, "")
    assert outcome.measures["cpu"] == max(os.sched_getaffinity(0))
    assert len(outcome.measures["rounds_ns"]) == 10
    assert sum(outcome.measures["rounds_ns"]) == outcome.measures["elapsed_ns"] > 0
    assert None not in [outcome.measures[name] for name in (*MEASURES, "load1_before", "load1_after")]


def test_the_methods_fit_a_journal(core: CoreCalls) -> None:
    """As plain JSON; and the default mapping limit is known to be too low for the question's larger region."""
    methods = json.loads(json.dumps(core.methods()))

    assert misfit(methods, METHODS) == ""
    assert {"memcpy", "mremap_fixed"} <= {method["name"] for method in methods}
    trial = make_trial("mremap_fixed", region_size=256 << 20, iterations=200_000, backing="shared_anon")
    refusal = Preflight(methods, HostFiles()).refusal(trial)
    limit = HostFiles().integer("/proc/sys/vm/max_map_count")
    assert (refusal is not None) == (limit is not None and limit < 65_600)


@pytest.mark.parametrize(("method", "iterations"), [("memcpy", 200_000), ("index", 200_000), ("mremap_fixed", 20_000)])
@pytest.mark.parametrize("backing", ["private_anon", "shared_anon"])
def test_the_memory_cap_leaves_room_for_the_largest_ordinary_trial(
    core: CoreCalls, method: str, iterations: int, backing: str
) -> None:
    """128 MiB and many iterations are never short of addresses; remapping takes none for them, but a second each."""
    with StopSignals() as signals:
        executor = Executor(core, ChildWatcher(signals), Preflight([], HostFiles()))
        outcome = executor.run(
            make_trial(method, backing=backing, region_size=128 << 20, iterations=iterations, rounds=2, timeout_s=120.0)
        )

    assert (outcome.status, outcome.reason) == (job.OK, "")


def test_a_real_error_of_the_core_is_failed_with_the_call(core: CoreCalls) -> None:
    """Its own words are the reason."""
    with StopSignals() as signals:
        executor = Executor(core, ChildWatcher(signals), Preflight([], HostFiles()))
        outcome = executor.run(make_trial("memcpy", page_size=1000))

    assert outcome.status == job.FAILED
    assert "page_bytes" in outcome.reason


def test_a_cap_on_memory_bounds_the_addresses_of_a_real_trial(core: CoreCalls) -> None:
    """Its own, not the agent's; the core's word for it becomes `oom`."""
    with StopSignals() as signals:
        executor = Executor(core, ChildWatcher(signals), Preflight([], HostFiles(), memory_cap_bytes=64 << 20))
        outcome = executor.run(make_trial("memcpy", region_size=1 << 30))

    assert outcome.status == job.OOM
    assert "MiB of addresses" in outcome.reason
    mmap.mmap(-1, 1 << 30).close()


def called(core: CoreCalls, function: Callable[[], object]) -> object:
    """Return what a call in a child has as its result."""
    call = ForkedCall(core, function)
    with StopSignals() as signals:
        ChildWatcher(signals).run(call, timeout_s=60.0)
    return call.result()


def test_a_call_in_a_child_returns_what_the_function_does(core: CoreCalls) -> None:
    """From another process."""
    pid = called(core, os.getpid)

    assert isinstance(pid, int)
    assert os.getpid() != pid


@pytest.mark.parametrize("function", [lambda: os._exit(0), os.abort, lambda: "x" * (5 << 20)])
def test_a_call_without_an_answer_has_none(core: CoreCalls, function: Callable[[], object]) -> None:
    """The child ended before, or has more to say than a journal's line holds."""
    assert called(core, function) is None


def test_what_a_call_raises_is_told(core: CoreCalls) -> None:
    """With the kind of the error, as the text alone may be one word."""
    with pytest.raises(HostError, match=r"^KeyError: 'missing'$"):
        called(core, lambda: {}["missing"])


def test_a_file_limit_below_a_trials_memory_is_told_with_its_cure(core: CoreCalls) -> None:
    """A memfd is a file to RLIMIT_FSIZE; its signal (SIGXFSZ) would be `killed`, and so tried again for ever."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, hard))
    try:
        with StopSignals() as signals:
            executor = Executor(core, ChildWatcher(signals), Preflight([], HostFiles()))
            fits = executor.run(make_trial("memcpy", backing="memfd", region_size=64 << 10))
            large = make_trial("memcpy", backing="memfd", region_size=8 << 20)
            outcome = executor.run(large)
            told_before = core.check(large, ())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert (fits.status, fits.reason) == (job.OK, "")
    assert outcome.status == job.UNAVAILABLE
    assert "RLIMIT_FSIZE" in outcome.reason
    assert "ulimit -f unlimited" in outcome.reason
    assert told_before == outcome.reason


def test_a_limit_on_data_that_a_trial_meets_is_named(core: CoreCalls) -> None:
    """Free memory is no cure for it (getrlimit(2): private memory counts, whatever maps it)."""

    def limited() -> tuple[str, str]:
        signal.set_wakeup_fd(-1)  # the parent's, and closed here
        resource.setrlimit(resource.RLIMIT_DATA, (256 << 20, resource.getrlimit(resource.RLIMIT_DATA)[1]))
        with StopSignals() as signals:
            outcome = Executor(core, ChildWatcher(signals), Preflight([], HostFiles())).run(
                make_trial("memcpy", region_size=1 << 30)
            )
        return outcome.status, outcome.reason

    answer = called(core, limited)

    assert isinstance(answer, list)
    assert answer[0] == job.OOM
    assert "this session may have 256 MiB of data (ulimit -d); raise that limit, or use a smaller" in answer[1]


def test_a_trial_that_a_filter_kills_is_unavailable_and_not_owed(core: CoreCalls) -> None:
    """No probe made the call that its backing makes: the end of its process tells of the filter (seccomp(2))."""

    def filtered() -> tuple[str, str]:
        signal.set_wakeup_fd(-1)  # the parent's, and closed here
        filters.install(319, "kill")  # memfd_create
        with StopSignals() as signals:
            outcome = Executor(core, ChildWatcher(signals), Preflight([], HostFiles())).run(
                make_trial("memcpy", backing="memfd")
            )
        return outcome.status, outcome.reason

    answer = called(core, filtered)

    assert isinstance(answer, list)
    assert answer[0] == job.UNAVAILABLE
    assert "SIGSYS: a seccomp filter" in answer[1]


@pytest.mark.parametrize("name", [name for name, backing in BACKINGS.items() if backing.is_reserved])
def test_a_reserved_backing_is_of_a_pool_of_the_hosts(name: str, core: CoreCalls) -> None:
    """The kernel has a folder for each size that it can reserve."""
    folder = f"/sys/kernel/mm/hugepages/hugepages-{BACKINGS[name].kernel_page_bytes >> 10}kB"
    require(name, Path(folder).is_dir(), "this kernel or processor has no pool of that size")

    assert core.reserved_page_bytes[name] == BACKINGS[name].kernel_page_bytes


def test_a_backing_that_takes_free_memory_has_no_pages_of_a_pool(core: CoreCalls) -> None:
    """Nothing need be known of it but that."""
    free = {backing.name for backing in BACKINGS.values() if not backing.is_reserved}

    assert not free & core.reserved_page_bytes.keys()
    assert {"private_anon", "thp"} <= free
