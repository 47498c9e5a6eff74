"""Keeps the tests away from their user and from each other.

They have a cache folder of their own, no settings from the environment, and one process for what takes the host's
lease.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import claims
import pytest
from held_lease import HeldLease
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from contextlib import AbstractContextManager

    from xdist.remote import Producer


# Root's labs have networks of their own, and so leases.
_LABS_ON_THIS_HOST = ("test_corrupt.py", "test_gate.py") if os.geteuid() == 0 else ("",)
# What takes the host's lease: on two processes they would wait for each other.
_TAKE_THE_LEASE = (
    "tests/agent/daemon/test_host_context.py",
    "tests/fleet/test_target.py",
    *(f"tests/integration/{name}" for name in _LABS_ON_THIS_HOST),
    "tests/test_changing.py",
    "tests/test_tasks.py",
)
# What takes longest is begun first, or one process would still be at it when the others have ended.
_LONGEST = (
    *_TAKE_THE_LEASE,
    "tests/report/page/test_browser.py",
    "tests/answers/test_generated_runs.py",
    "tests/report/page/test_write.py",
    "tests/agent/",
    "tests/fleet/",
    "tests/test_gold_stores.py",
    "tests/test_inv.py",
    "tests/spec/test_loader.py",
)
_TESTS = Path(__file__).parent

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("no_clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no_clock")

# Modules and thousands of tests stay to the end: the collector need not look at them again and again.
gc.disable()


def pytest_collection_finish() -> None:
    """Collect garbage from here on, but among what the tests make alone."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a lab of hosts or a browser, and put first what takes longest."""
    for item in items:
        if item.path.is_relative_to(_TESTS / "integration"):
            item.add_marker("lab")
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")
    items.sort(key=lambda item: [not item.nodeid.startswith(path) for path in _LONGEST])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let no test be skipped that holds a claim of ours, where that is required."""
    return claims.judged((yield))


class _LeaseInOneProcess(LoadScopeScheduling):  # type: ignore[misc] # xdist's schedulers have no types
    """Gives tests to processes file by file, and all that take the host's lease to the same process."""

    def _split_scope(self, nodeid: str) -> str:
        return "lease" if nodeid.startswith(_TAKE_THE_LEASE) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Return what says which tests follow each other; pytest-xdist asks for it."""
    return _LeaseInOneProcess(config, log)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Point $PAGESWAP_HOME, which every agent and subprocess inherits, at a folder that ends with the session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PAGESWAP_HOME", str(tmp_path_factory.mktemp("pageswap-home")))
        for name in [name for name in os.environ if name.startswith(("INVOKE_", "PAGESWAP_INV"))]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def held_lease() -> Iterator[HeldLease | None]:
    """Return a network where the host's lease is held; None where it cannot be made, as only root can."""
    try:
        held = HeldLease()
    except OSError:
        yield None
        return
    yield held
    held.close()


@pytest.fixture(scope="session")
def outer_network(held_lease: HeldLease | None) -> Callable[[], AbstractContextManager[None]]:
    """Return what has a thread in the one network that all files share, for servers and browsers that must meet."""
    return held_lease.outside if held_lease else contextlib.nullcontext


@pytest.fixture(scope="module", autouse=True)
def _without_the_lease(request: pytest.FixtureRequest, held_lease: HeldLease | None) -> Iterator[None]:
    """Have a file fail that takes the host's lease and is not listed here; slow tests may need the network outside."""
    is_slow = any(item.path == request.path and item.get_closest_marker("slow") for item in request.session.items)
    if held_lease is None or is_slow or request.node.nodeid.startswith(_TAKE_THE_LEASE):
        yield
        return
    with held_lease.entered():
        yield


@pytest.fixture(scope="session", autouse=True)
def _hear_interrupts() -> None:
    """Hear Ctrl-C, as the processes that the tests start do, also where a shell began this one in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_process() -> Iterator[None]:
    """End here a child that a test forked and that did not end itself, and give the test run all its CPUs back.

    A forked child whose error reached pytest would go on with all tests that follow, beside its parent. A trial run in
    this process pins it.
    """
    pid, cpus = os.getpid(), os.sched_getaffinity(0)
    yield
    if os.getpid() != pid:
        os._exit(70)
    os.sched_setaffinity(0, cpus)
