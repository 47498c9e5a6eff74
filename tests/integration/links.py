"""What happens to runs whose cable, daemon or agent fails in the middle of a trial: stories told side by side."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.integration.agent_processes import kill
from tests.integration.fleet import Fleet, check_quiet, check_whole, finish, rows
from tests.integration.lab import go_on, hold_trial
from tests.integration.network import Network
from tests.integration.stories import Stories

if TYPE_CHECKING:
    from subprocess import Popen

    from tests.integration.network import Host

# Iterations that keep a trial busy for some hundredths of a second, and for some tenths.
SHORT = 60_000
LONGER = 750_000
LEASE_S = 4.0
LONG_LEASE_S = 20.0


class Story:
    """A run on one host, and what happens to it in the middle of a trial, which is held until it may go on."""

    def __init__(self, fleet: Fleet, name: str, *, iterations: int = SHORT, **options: object) -> None:
        """Begin the run, and hold the first trial that is followed."""
        self.fleet = fleet
        self.host: Host = fleet.network.add(name)
        self.spec: Path = fleet.spec(repeats=2, iterations=iterations)
        self.controller: Popen[str] = fleet.begin(name, spec=self.spec, **options)
        self._trial = hold_trial(self.host.roles, 120.0)

    def go_on(self) -> None:
        """Have the trial go on, unless it died with its agent."""
        with contextlib.suppress(ProcessLookupError):
            go_on(self._trial)

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
    """Pull the cable out for so long; an agent whose lease lasts longer goes on measuring meanwhile, and afterwards."""
    outlives = seconds < LONG_LEASE_S
    story = (
        Story(fleet, name, iterations=LONGER, lease_s=LONG_LEASE_S) if outlives else Story(fleet, name, lease_s=LEASE_S)
    )
    story.host.link("down")
    if outlives:
        story.go_on()
    time.sleep(seconds)
    story.host.link("up")
    story.go_on()
    return story.whole()


def link_down_for_ever(fleet: Fleet, name: str) -> str:
    """Until the controller has given up; then resume."""
    story = Story(fleet, name, lease_s=LEASE_S, patience_s=5.0)
    story.host.link("down")
    ended = finish(story.controller)
    assert ended.code == 3, ended.errors
    assert ended.run_dir is not None
    assert {row.status for row in rows(ended.run_dir)} <= {"ok"}
    story.go_on()
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
    story = Story(fleet, name, iterations=LONGER, lease_s=LONG_LEASE_S)
    story.host.kill_sshd()
    story.go_on()
    time.sleep(2)
    story.host.start_sshd()
    return story.whole()


def killed(fleet: Fleet, name: str, *roles: str) -> str:
    """Kill some of the programs on the host with SIGKILL."""
    story = Story(fleet, name)
    assert story.host.kill(*roles)
    story.go_on()
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
