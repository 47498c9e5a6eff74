"""Cables, daemons and agents that fail in the middle of a trial: no row is lost or doubled, no process left behind."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from requirement import require

from tests.integration import network as networks
from tests.integration.fleet import Fleet, check_quiet, check_whole, finish, measuring, rows
from tests.integration.lab import wait_until
from tests.integration.stories import Stories

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from subprocess import Popen

    from tests.integration.network import Host

HALF_A_SECOND = 1_500_000  # iterations that keep a trial busy for about so long
LEASE_S = 4.0


class Story:
    """A run on one host, and what happens to it meanwhile."""

    def __init__(self, fleet: Fleet, name: str, **options: object) -> None:
        """Begin the run, and wait until it is in the middle of a trial."""
        self.fleet = fleet
        self.host: Host = fleet.network.add(name)
        self.spec: Path = fleet.spec(repeats=1, iterations=HALF_A_SECOND)
        self.controller: Popen[str] = fleet.begin(name, spec=self.spec, **options)
        wait_until(lambda: measuring(self.host))

    def whole(self, code: int = 0) -> str:
        """Wait for the run's end, with every row; gives what the controller said."""
        ended = finish(self.controller)
        assert ended.code == code, ended.errors
        assert ended.run_dir is not None
        check_whole(ended.run_dir, self.spec, [self.host.name])
        check_quiet(self.host)
        self.fleet.check_next_run(self.host.name)
        return ended.errors


def link_down(fleet: Fleet, name: str, seconds: float) -> str:
    """Pull the cable out for so long."""
    story = Story(fleet, name, lease_s=20.0 if seconds < 20 else LEASE_S)
    story.host.link("down")
    time.sleep(seconds)
    story.host.link("up")
    return story.whole()


def link_down_for_ever(fleet: Fleet, name: str) -> str:
    """Until the controller has given up; then resume."""
    story = Story(fleet, name, lease_s=LEASE_S, patience_s=5.0)
    story.host.link("down")
    ended = finish(story.controller)
    assert ended.code == 3
    assert ended.run_dir is not None
    assert {row.status for row in rows(ended.run_dir)} <= {"ok"}
    check_quiet(story.host, LEASE_S)
    again = fleet.resumed(ended.run_dir)
    assert again.code == 3, again.errors
    story.host.link("up")
    resumed = fleet.resumed(ended.run_dir)
    assert resumed.code == 0, resumed.errors
    check_whole(ended.run_dir, story.spec, [name])
    check_quiet(story.host)
    return ended.errors


def sshd_killed(fleet: Fleet, name: str) -> str:
    """With every connection it serves, and started again after a while."""
    story = Story(fleet, name, lease_s=20.0)
    story.host.kill_sshd()
    time.sleep(2)
    story.host.start_sshd()
    return story.whole()


def killed(fleet: Fleet, name: str, *roles: str) -> str:
    """Kill some of the programs on the host with SIGKILL."""
    story = Story(fleet, name)
    wait_until(lambda: story.host.kill(*roles))
    return story.whole()


STORIES = {
    "5 s": lambda fleet: link_down(fleet, "down-5-s", 5.0),
    "60 s": lambda fleet: link_down(fleet, "down-60-s", 60.0),
    "for ever": lambda fleet: link_down_for_ever(fleet, "down-for-ever"),
    "sshd": lambda fleet: sshd_killed(fleet, "no-sshd"),
    "agent": lambda fleet: killed(fleet, "no-agent", "agent"),
    "agent and keeper": lambda fleet: killed(fleet, "no-keeper", "keeper", "agent"),
    "follower": lambda fleet: killed(fleet, "no-follower", "follower"),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stories[str]]:
    """Begin all stories of this file."""
    missing = networks.what_is_missing()
    require("root" if "root" in missing else "sshd", not missing, missing)
    folder = tmp_path_factory.mktemp("links")
    with networks.network(folder / "network") as network:

        def fleet(name: str) -> Fleet:
            mine = folder / re.sub(r"\W", "-", name)
            mine.mkdir()
            return Fleet(mine, network)

        stories = Stories({name: lambda tell=tell, name=name: tell(fleet(name)) for name, tell in STORIES.items()})
        yield stories
        stories.end()


@pytest.mark.parametrize("who", ["agent", "agent and keeper"])
def test_an_agent_killed(told: Stories[str], who: str) -> None:
    """Is replaced without anyone typing resume."""
    assert "the agent is gone" in told[who]


def test_a_follower_killed(told: Stories[str]) -> None:
    """Is replaced in silence."""
    told["follower"]


def test_sshd_killed(told: Stories[str]) -> None:
    """The agent goes on; the controller comes back when sshd does."""
    assert "reached again after" in told["sshd"]


def test_a_link_down_for_five_seconds(told: Stories[str]) -> None:
    """Is outlived, whether it was noticed or not: TCP delivers what was under way."""
    told["5 s"]


@pytest.mark.slow
def test_a_link_down_for_ever(told: Stories[str]) -> None:
    """Exit code 3 with the rows until then and the way on; the host stops by itself; resume measures the rest."""
    assert "resume" in told["for ever"]


@pytest.mark.slow
def test_a_link_down_for_a_minute(told: Stories[str]) -> None:
    """Longer than the lease: the agent has stopped by then, and another one goes on."""
    assert "reached again after" in told["60 s"]
