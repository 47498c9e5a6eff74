"""Keeps the tests away from their user: a cache folder of their own, and no settings from the environment."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import claims
import pytest
from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from xdist.remote import Producer


# Their tests take the host's lease, and so do those beside this file: on two processes they would wait for each other.
_TAKE_THE_LEASE = {"agent", "campaign", "fleet", "integration"}
# But for those whose hosts are labs with a lease of their own.
_OF_LABS_ALONE = {"tests/fleet/test_situations.py"}
_TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a lab of hosts."""
    for item in items:
        if item.path.is_relative_to(_TESTS / "integration"):
            item.add_marker("lab")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let no test be skipped that holds a claim of ours, where that is required."""
    return claims.judged((yield))


class _LeaseInOneProcess(LoadScopeScheduling):  # type: ignore[misc] # xdist's schedulers have no types
    """Gives tests to processes file by file, and all that take the host's lease to the same process."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        _, *folders, _ = file.split("/")
        takes_it = not folders or folders[0] in _TAKE_THE_LEASE
        return "lease" if takes_it and file not in _OF_LABS_ALONE else file


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
