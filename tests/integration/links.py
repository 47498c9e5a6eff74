"""What happens to runs whose cable, daemon or agent fails in the middle of a trial: stories told side by side."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.integration.agent_processes import kill
from tests.integration.fleet import Fleet, check_quiet, check_whole, finish, measuring, rows
from tests.integration.lab import wait_until
from tests.integration.network import Network
from tests.integration.stories import Stories

if TYPE_CHECKING:
    from subprocess import Popen

    from tests.integration.network import Host

HALF_A_SECOND = 1_500_000  # iterations that keep a trial busy for about so long
LEASE_S = 4.0


class Story:
    """A run on one host, and what happens to it meanwhile."""

    def __init__(self, fleet: Fleet, name: str, *, repeats: int = 2, **options: object) -> None:
        """Begin the run, and wait until it is in the middle of a trial."""
        self.fleet = fleet
        self.host: Host = fleet.network.add(name)
        # Long enough for what happens to happen in the middle of it, however fast the machine is.
        self.spec: Path = fleet.spec(repeats=repeats, iterations=HALF_A_SECOND)
        self.controller: Popen[str] = fleet.begin(name, spec=self.spec, **options)
        wait_until(lambda: measuring(self.host), 120.0)

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
    story = Story(fleet, name, repeats=5, lease_s=LEASE_S, patience_s=5.0)
    story.host.link("down")
    ended = finish(story.controller)
    assert ended.code == 3, ended.errors
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


class Links:
    """All stories, begun together, each on a host of its own; `[name]` waits for one's end and gives what was said."""

    def __init__(self) -> None:
        """Begin."""
        self._folder = Path(tempfile.mkdtemp(prefix="pageswap-links-"))
        self._network = Network(self._folder / "network")
        self._fleets = {name: Fleet(self._folder / re.sub(r"\W", "-", name), self._network) for name in STORIES}
        for fleet in self._fleets.values():
            fleet.folder.mkdir()
        self._stories = Stories(
            {name: lambda tell=tell, fleet=self._fleets[name]: tell(fleet) for name, tell in STORIES.items()}
        )

    def __getitem__(self, name: str) -> str:
        """Wait for a story's end; raises what went wrong in it."""
        return self._stories[name]

    def end(self) -> None:
        """End what is still going on."""
        for fleet in self._fleets.values():
            fleet.is_over = True
            for controller in fleet.controllers:
                kill(controller.pid)
        self._network.end()
        self._stories.end()
        shutil.rmtree(self._folder, ignore_errors=True)
