"""Fixtures of the end-to-end tests."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from requirement import require

from tests.integration import network as networks
from tests.integration.checkout import BROKEN, ODD, with_commands
from tests.integration.fleet import Fleet
from tests.integration.lab import Lab, own_network
from tests.integration.links import Links
from tests.integration.roots import Roots

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.network import Network

_roots = pytest.StashKey[Roots]()
# What takes longest is begun first; other Debians are made meanwhile.
_LONGEST = ("test_links.py", "test_kills.py", "test_controllers.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what takes longest, and last what needs other Debians."""
    items.sort(key=lambda item: (_needs_roots(item), item.path.name not in _LONGEST))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin to make other Debians, if a test needs them; another process of this run may be at it already."""
    if session.config.option.collectonly or _why_no_roots():
        return
    if any(_needs_roots(item) for item in session.items):
        session.config.stash[_roots] = Roots()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Make no more of them when nobody waits for them any more."""
    if _roots in config.stash:
        config.stash[_roots].end()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Give a host of the test's own, of which nothing is left afterwards."""
    with own_network():
        made = Lab(tmp_path)
        yield made
        made.end()


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the project, with methods added that are broken or odd on purpose."""
    return with_commands(tmp_path_factory.mktemp("checkout"), [*BROKEN, *ODD])


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    """Give a network without hosts as yet."""
    missing = networks.what_is_missing()
    require("root" if "root" in missing else "sshd", not missing, missing)
    with networks.network(tmp_path / "network") as made:
        yield made


@pytest.fixture
def fleet(network: Network, tmp_path: Path) -> Fleet:
    """Give a controller's folders in that network."""
    return Fleet(tmp_path, network)


@pytest.fixture(scope="session")
def links() -> Iterator[Links]:
    """Begin the stories of what fails on the way to a host."""
    missing = networks.what_is_missing()
    require("root" if "root" in missing else "sshd", not missing, missing)
    told = Links()
    yield told
    told.end()


@pytest.fixture(scope="session")
def roots(request: pytest.FixtureRequest) -> Roots:
    """Give the other Debians' files."""
    missing = _why_no_roots()
    require("root" if "root" in missing else "mmdebstrap", not missing, missing)
    return request.config.stash[_roots]


def _needs_roots(item: pytest.Item) -> bool:
    return "roots" in getattr(item, "fixturenames", ())


def _why_no_roots() -> str:
    return networks.what_is_missing() or ("" if shutil.which("mmdebstrap") else "no mmdebstrap: apt-get install it")
