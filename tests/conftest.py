"""Keeps the tests away from their user: a cache folder of their own, and no settings from the environment."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


# Tests of these folders share something of the machine with each other and follow each other: huge pages, or the lease.
_GROUPS = {"native": "core", "agent": "host", "campaign": "host", "fleet": "host", "integration": "host"}
_TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a lab of hosts, and what may not run beside each other."""
    for item in items:
        top, *below = item.path.relative_to(_TESTS).parts
        if top == "integration":
            item.add_marker("lab")
        group = _GROUPS.get(top) or ("" if below else "host")
        if group:
            item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Point $PAGESWAP_HOME, which every agent and subprocess inherits, at a folder that ends with the session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PAGESWAP_HOME", str(tmp_path_factory.mktemp("pageswap-home")))
        for name in [name for name in os.environ if name.startswith("INVOKE_")]:
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
